"""The words of one command → passages: the program, its options with their arguments, subcommands and commands within.

Read from left to right, once. Wrappers (`sudo`, `xargs`, `find -exec`, `sh -c`) hand the command within back to the
host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from assistant_core.knowledge.lookup import Index, Match
from assistant_core.knowledge.operators import BUILTIN, BUILTINS, SHELL, SIGNS, XONSH, XONSH_BUILTINS
from assistant_core.knowledge.wrappers import ELSEWHERE, OLD_STYLE, SEARCHERS, SHELLS, WRAPPERS
from assistant_core.records import Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant_core.knowledge.page import Entry, Page
    from assistant_core.knowledge.pieces import Word

MAX_QUOTE = 300  # characters quoted of an entry
UNLISTED = "not in the manual of "  # and its name: what is said of an option that the manual does not know
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SUBCOMMAND = re.compile(r"[a-z][\w-]*")
_SCRIPT_OPTION = re.compile(r"-[a-zA-Z]*c")  # of a shell: `-c`, `-lc`


class Host(Protocol):
    """Who asks for the passages of a command: finds pages, collects passages, explains what is within."""

    def page(self, name: str) -> Page | None:
        """Return the page of a program."""

    def missing(self, name: str) -> None:
        """Take note that a program has no page."""

    def add(self, passage: Passage) -> None:
        """Take a passage."""

    def command(self, words: Sequence[Word], depth: int) -> None:
        """Explain a command that stands within another."""

    def script(self, text: str, offset: int, depth: int) -> None:
        """Explain a command line that is a word of a command."""


def quote(text: str) -> str:
    """Return the text if it is short, else its first sentences or words, up to MAX_QUOTE characters."""
    if len(text) <= MAX_QUOTE:
        return text
    sentences = re.match(rf"(.{{40,{MAX_QUOTE}}}[.!?])(?=\s)", text)
    return sentences[1] if sentences else text[: MAX_QUOTE - 2].rsplit(" ", 1)[0] + " …"


class Arguments:
    """One command of at least one word, whose first word is its program."""

    def __init__(self, host: Host, words: Sequence[Word], depth: int) -> None:
        self.host = host
        self.words = words
        self.depth = depth
        self.name = words[0].value.rsplit("/", 1)[-1] or words[0].value
        self.wrapper = WRAPPERS.get(self.name)
        self.indexes: list[Index] = []  # where options are looked up, in this order
        self.position = 1
        self.operands = 0
        self.options_on = True
        self.script_next = False  # whether the next operand is a command line

    def explain(self) -> None:
        """Hand all passages to the host."""
        self._program(self.words[0])
        self._old_style()
        while self.position < len(self.words):
            word = self.words[self.position]
            self.position += 1
            if self.options_on and word.value == "--":
                self.options_on = False
                self._add(word.start, word.text, SIGNS["--"], SHELL)
            elif self.options_on and self._is_option(word.value):
                self._option(word)
            else:
                self._operand(word)

    def _add(self, start: int, words: str, text: str, source: str) -> None:
        found = bool(source)
        self.host.add(Passage(words=words, start=start, depth=self.depth + 1, text=text, source=source, found=found))

    def _quote(self, start: int, words: str, entry: Entry, page: Page) -> None:
        self._add(start, words, quote(entry.text) or entry.term, f"{page.reference} {entry.heading}")

    def _program(self, word: Word) -> None:
        text, source = self._about_program()
        self.host.add(
            Passage(words=word.text, start=word.start, depth=self.depth, text=text, source=source, found=bool(source))
        )

    def _about_program(self) -> tuple[str, str]:
        if own := BUILTINS.get(self.name) or XONSH_BUILTINS.get(self.name):
            self._use_builtin()
            return own, XONSH if self.name in XONSH_BUILTINS else BUILTIN
        main = self.host.page(self.name)
        options = self.host.page(ELSEWHERE[self.name]) if self.name in ELSEWHERE else None
        self.indexes = [Index(page) for page in (options, main) if page is not None]
        if main is None:
            self.host.missing(self.name)
            return f"no manual page is installed for {self.name}", ""
        return main.title or main.reference, f"{main.reference} NAME"

    def _use_builtin(self) -> None:
        """Look options of a builtin up in the part of bash(1) that describes it, else in a page of its name."""
        bash = self.host.page("bash")
        entries = _of_builtin(bash, self.name) if bash else []
        if bash and entries:
            self.indexes = [Index(bash, entries)]
        elif page := self.host.page(ELSEWHERE.get(self.name, self.name)):
            self.indexes = [Index(page)]

    def _old_style(self) -> None:
        """`tar xzf FILE` and `ps aux`: the first word is a bundle of options without a dash."""
        if self.name not in OLD_STYLE or not self.words[1:] or not self.indexes:
            return
        word = self.words[1]
        matches = self.indexes[0].old_style(word.value, OLD_STYLE[self.name]) if word.value == word.text else []
        self.position += 1 if matches else 0
        for match in matches:
            self._matched(word, match, self.indexes[0].page)

    def _is_option(self, value: str) -> bool:
        if value.startswith("+"):
            return any(index.entry(value[:2]) or index.entry(value) for index in self.indexes)
        return len(value) > 1 and value.startswith("-")

    def _option(self, word: Word) -> None:
        if word.value in SEARCHERS.get(self.name, ()):
            self._searcher(word)
            return
        if self.name in SHELLS and _SCRIPT_OPTION.fullmatch(word.value):
            self.script_next = True
        index, matches = self._lookup(word)
        for match in matches:
            self._matched(word, match, index.page if index else None)
        if index is None:
            self._add(word.start, word.text, f"unknown, as {self.name} has no manual page here", "")
        if self.wrapper and word.value in self.wrapper.arguments and not any(match.takes_next for match in matches):
            self.position += 1

    def _lookup(self, word: Word) -> tuple[Index | None, list[Match]]:
        """Return what explains an option: of the first page that knows all of it, else of the first page."""
        following = self.words[self.position].value if self.position < len(self.words) else ""
        found = [(index, index.options(word.value, following)) for index in self.indexes]
        whole = (pair for pair in found if all(match.entry for match in pair[1]))
        return next(whole, found[0] if found else (None, []))

    def _matched(self, word: Word, match: Match, page: Page | None) -> None:
        """Write the passage of a part of a word, with its argument if that is the next word."""
        words = word.text if match.name == word.value else match.name
        if match.takes_next and self.position < len(self.words) and not self.script_next:
            words = f"{words} {self.words[self.position].text}"
            self.position += 1
        start = word.start + match.offset if word.text == word.value else word.start
        if page is not None and match.entry is not None:
            self._quote(start, words, match.entry, page)
        elif usage := next((found for index in self.indexes if (found := index.usage(match.name))), None):
            self._add(start, words, quote(usage[0]), f"{self.indexes[0].page.reference} {usage[1]}")
        elif named := next((index.page for index in self.indexes if match.name in index.page.mentioned), None):
            text = f"named in the manual of {named.reference}, but not explained in a list of options"
            self._add(start, words, text, named.reference)
        elif page is not None:
            self._add(start, words, f"{UNLISTED}{page.reference}", "")

    def _searcher(self, word: Word) -> None:
        """`find -exec COMMAND ;`: a command within, up to a word that ends it."""
        index, matches = self._lookup(word)
        for match in matches:
            self._matched(word, match._replace(takes_next=False), index.page if index else None)
        rest = self.words[self.position :]
        length = next((i for i, each in enumerate(rest) if each.value in {";", "+"}), len(rest))
        self.position += length + 1
        if length:
            self.host.command(rest[:length], self.depth + 1)

    def _operand(self, word: Word) -> None:
        entry = next((entry for index in self.indexes if (entry := index.operand(word.value))), None)
        if self.script_next:
            self.script_next = False
            self._script(word)
        elif self.wrapper and self.wrapper.assignments and _ASSIGNMENT.match(word.value):
            self._add(word.start, word.text, SIGNS["prefix="], SHELL)
        elif self.wrapper and self.operands >= self.wrapper.operands:
            self._wrapped(word)
        elif entry:
            self._quote(word.start, word.text, entry, self.indexes[0].page)
        elif not self.operands and word.literal and self._subpage(word):
            pass  # its own first operand may be a subcommand again: `docker compose up`
        else:
            if not self.operands and word.literal:
                self._subentry(word)
            self.operands += 1

    def _wrapped(self, word: Word) -> None:
        """Explain the command that a wrapper runs: its words, or one quoted word that is a command line."""
        rest = self.words[self.position - 1 :]
        self.position = len(self.words)
        if len(rest) == 1 and re.search(r"\s", word.value):
            self._script(word)
        else:
            self.host.command(rest, self.depth + 1)

    def _script(self, word: Word) -> None:
        inner = word.text[1:-1]
        if word.text[:1] in {"'", '"'} and inner == word.value:
            self.host.script(inner, word.start + 1, self.depth + 1)

    def _subpage(self, word: Word) -> bool:
        """Whether the word is a subcommand with a page of its own: git-commit(1)."""
        page = self.host.page(f"{self.name}-{word.value}") if _SUBCOMMAND.fullmatch(word.value) else None
        if page is None or not _is_run_as(page, self.name, word.value):
            return False
        self._add(word.start, word.text, page.title or page.reference, f"{page.reference} NAME")
        self.name = f"{self.name}-{word.value}"
        self.indexes.insert(0, Index(page))
        return True

    def _subentry(self, word: Word) -> None:
        """Explain a subcommand that the program's own page lists; its options may be listed with it."""
        for index in self.indexes:
            if entry := index.subcommand(word.value):
                self._quote(word.start, word.text, entry, index.page)
                self.indexes.insert(0, Index(index.page, _children(index.page, entry)))
                return


def _is_run_as(page: Page, name: str, word: str) -> bool:
    """Whether `NAME-WORD` is run as `NAME WORD` (git-commit), and is not a program of that name (ssh-add)."""
    usage = re.sub(r"\s+", " ", page.synopsis)
    return not usage or f"{name.replace('-', ' ')} {word}" in usage or f"{name} {word}" in usage


def _of_builtin(page: Page, name: str) -> list[Entry]:
    """Return the entries within the description of a builtin in bash(1)."""
    described = (entry for entry in page.entries if entry.heading.upper().startswith("SHELL BUILTIN"))
    owners = [entry for entry in described if name in entry.names]
    return next((children for owner in owners if (children := _children(page, owner))), [])


def _children(page: Page, owner: Entry) -> list[Entry]:
    """Return the entries that follow `owner` deeper than it."""
    start = next(i for i, entry in enumerate(page.entries) if entry is owner) + 1
    rest = range(start, len(page.entries))
    end = next((i for i in rest if page.entries[i].level <= owner.level), len(page.entries))
    return list(page.entries[start:end])
