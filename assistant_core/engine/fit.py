r"""A line for bash → the line that does the same at xonsh's prompt. What is known was mostly written for bash.

In: a line. Out: the same line where xonsh reads it as bash does; else its words quoted as xonsh needs them (`{}`,
`\;`, `'\b'`, `--include='*.py'`); else, where xonsh has another meaning for it (loops, tests, backticks, braces), the
whole of it in the quotes of `bash -c`. Quotes are chosen so that bash, as which the guard reads, takes the same out.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Mapping

from assistant_core.knowledge.operators import XONSH_SIGNS
from assistant_core.knowledge.parse import parse
from assistant_core.knowledge.pieces import Command, Sign, Word

_BASH = frozenset(
    ("for", "while", "until", "if", "case", "select", "function", "((", "$((", "`", "${", "<(", ">(",
     "{,}", "<<", "<<-", "<<<", "<>", ">|", ">&", "<&", "1>&2", "|&", "prefix=", "=", "!", "(", "{", "#", "and", "or")
)  # fmt: skip
_TESTS = frozenset(("[", "[["))
_XONSH = frozenset(XONSH_SIGNS) - {"and", "or"}  # what nobody writes for bash
_PLAIN = re.compile(r"[\w./,:@%+=~*?\[\]-]+")  # characters of a word that both shells take as they are
_PREFIXED = re.compile(r"[rfp]{1,2}[\"']", re.IGNORECASE)  # xonsh's strings
_VARIABLE = re.compile(r"\$\{?(\w+)")


def fitted(line: str, environ: Mapping[str, str]) -> str:
    """Return `line` as it must stand at xonsh's prompt; `environ` tells which `$NAME` xonsh would replace in quotes."""
    pieces = parse(line).pieces
    words = [word for piece in pieces if isinstance(piece, Command) for word in piece.words]
    signs = {piece.key for piece in pieces if isinstance(piece, Sign)}
    programs = {piece.words[0].value for piece in pieces if isinstance(piece, Command)}
    if signs & _XONSH:
        return line
    if signs & _BASH or programs & _TESTS or not all(_fits(word) for word in words):
        return f"bash -c {quoted(line)}"
    return _replaced(line, ((word, _as_xonsh(word, environ)) for word in words if word.literal))


def quoted(value: str) -> str:
    """Return `value` in quotes that bash and Python read alike."""
    if not set(value) & set("'\\"):
        return f"'{value}'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _fits(word: Word) -> bool:
    """Return whether xonsh has a word for it: `$(…)` must stand alone, and outside of quotes; `$'…'` is bash's own."""
    text = word.text
    return "$'" not in text and (word.literal or "$(" not in text or (text.startswith("$(") and text.endswith(")")))


def _as_xonsh(word: Word, environ: Mapping[str, str]) -> str:
    """Return a literal word as xonsh must be told it: untouched if it would read it right."""
    text, value = word.text, word.value
    if text == value:
        return text if _PLAIN.fullmatch(text) else quoted(value)
    if _PREFIXED.match(text):
        return text
    variables = {name for name in _VARIABLE.findall(value) if name in environ}
    if variables or (value.startswith("~") and text[0] in "\"'"):
        return f"r{text}" if _read(f"r{text}") == value else text
    return text if _read(text) == value else quoted(value)


def _read(text: str) -> str | None:
    """Return the text of a Python literal, None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of `'\s'`, which is read as it is written
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None


def _replaced(line: str, words: Iterable[tuple[Word, str]]) -> str:
    parts, at = [], 0
    for word, text in sorted(words, key=lambda pair: pair[0].start):
        if word.start >= at:  # a word within another goes with it
            parts += [line[at : word.start], text]
            at = word.end
    return "".join(parts) + line[at:]
