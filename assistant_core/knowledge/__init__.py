"""What the machine's own manual pages say about a command line.

escapes, roff   the language of manual pages: one line; the whole source
man, mdoc       its two macro sets → blocks (headings, terms, paragraphs)
terms, page     blocks → Page: title, synopsis, entries (options, operands, subcommands)
sources         the files of pages on this machine
manuals         a name → its Page, cached
xonsh, parse    a line → pieces: commands and signs
operators       what signs and builtins mean (tables)
wrappers        programs that run other programs (table)
lookup          a word and a page → the entries that explain it
arguments       the words of one command → passages
explain         all of it → records.Explanation
"""

from assistant_core.knowledge.explain import explain
from assistant_core.knowledge.manuals import Manuals
from assistant_core.knowledge.page import Entry, Page
from assistant_core.knowledge.sources import ManualError

__all__ = ["Entry", "ManualError", "Manuals", "Page", "explain"]
