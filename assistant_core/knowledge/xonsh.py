"""xonsh's own syntax → a line of the same length that bash's grammar can read, and what was there.

In: a line as typed. Out: `Masked`: ASCII text in which each offset means the same as in the line, with xonsh's
constructs replaced by bash's of the same width (`$[ls]` by `$(ls)`, `and` by `&& `) or by plain letters, and the
marks of these.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from assistant_core.knowledge.operators import STREAMS


class Mark(NamedTuple):
    """A construct of xonsh: where it stands in the line and its key in the tables of `operators`."""

    start: int
    end: int
    key: str


Marks = dict[int, Mark]  # by the offset at which bash's grammar will see something


class Masked(NamedTuple):
    """A line for bash's grammar."""

    text: str
    marks: Marks


QUOTED = re.compile(r"\\.|'[^']*'?|\"(?:\\.|[^\"\\])*\"?", re.DOTALL)
_SEARCH = re.compile(r"(?<![\w$])([rgpfm]{1,2}|@\w*)`[^`\n]*`")
_CALL = re.compile(r"@\(|\$\[|!\[|!\(")
_STREAM = re.compile(r"(?<!\S)(all|err|out|[aeo&12])>(?:(&?[12]\b|err\b|out\b|[eo]\b(?=\s|$))|(?=(>?)))")
_LOGIC = re.compile(r"(?<=[\s)\]`'\"])(and|or)(?=\s+\S)")
_ASSIGNED = re.compile(r"\s*(\$?[A-Za-z_][\w.]*)\s+(=)\s")
_PREFIX = re.compile(r"(?:^|(?<=[;&|]))\s*\$(?=[A-Za-z_]\w*=)")
_CAPTURE = re.compile(r"\s*(?:@?\$\(|\$\[|!\(|!\[)")
_PYTHON = re.compile(
    r"\s*(?:import\s+\w|from\s+[\w.]+\s+import\b|def\s+\w+\s*\(|class\s+\w+|with\s[^;]*:(?:\s|$)"
    r"|for\s+\w[\w, ]{0,80}\sin\s[^;]*:(?:\s|$)|(?:if|while)\s[^;]*:\s*$|print\(|[A-Za-z_][\w.]*\([^)]+\)\s*$)"
)


def mask(line: str) -> Masked:
    """Mask `line`; its length stays the same."""
    text = re.sub(r"[^\t\n -~]", "x", line)
    if _PYTHON.match(text):
        start = len(line) - len(line.lstrip())
        return Masked(" " * len(line), {start: Mark(start, len(line.rstrip()), "python")})
    marks: Marks = {}
    for step in (_assignment, _searches, _calls, _streams, _logic, _prefixes):
        text = step(text, marks)
    return Masked(text, marks)


def hidden(text: str) -> str:
    """`text` with what is quoted replaced by `_`, so that nothing in it is found."""
    return QUOTED.sub(lambda match: "_" * len(match[0]), text)


def _put(text: str, start: int, piece: str) -> str:
    return text[:start] + piece + text[start + len(piece) :]


def _assignment(text: str, marks: Marks) -> str:
    """Mask `name = expression` and `$NAME = expression`: a captured command stays, other expressions are Python."""
    match = _ASSIGNED.match(text)
    if match is None:
        return text
    marks[match.start(1)] = Mark(match.start(1), match.end(2), "$=" if match[1].startswith("$") else "name=")
    value = text[match.end() :] if _CAPTURE.match(text, match.end()) else ""
    return (" " * match.end() + value).ljust(len(text))


def _searches(text: str, marks: Marks) -> str:
    for match in _SEARCH.finditer(hidden(text)):
        kind = "@" if match[1].startswith("@") else next((letter for letter in "pgr" if letter in match[1]), "r")
        marks[match.start()] = Mark(match.start(), match.end(), f"{kind}`")
        text = _put(text, match.start(), "x" * len(match[0]))
    return text


def _calls(text: str, marks: Marks) -> str:
    seen = hidden(text)
    ends = closings(seen)
    for match in _CALL.finditer(seen):
        start, opener, end = match.start(), match[0], ends.get(match.end() - 1, len(seen))
        if opener == "@(" or (opener == "!(" and not _is_captured(seen, start)):
            is_pattern = opener == "!(" or _is_pattern(seen[start:end])
            marks[start] = Mark(start, end, "glob" if is_pattern else "@(")
            text = _put(text, start, "x" * (end - start))
        elif opener in {"![", "!("} or (opener == "$[" and not _is_sum(seen[start + 2 : end])):
            marks[start] = Mark(start, end, opener)
            text = _put(text, start, "$(")
            text = _put(text, end - 1, ")") if seen[end - 1] == "]" else text
    return text


def _is_pattern(call: str) -> bool:
    """Tell bash's `@(a|b)`, a pattern of paths, which looks like xonsh's `@(expression)`."""
    return "|" in call and " " not in call


def _is_sum(inside: str) -> bool:
    """Tell bash's old `$[1+2]`, which looks like xonsh's `$[command]`."""
    return re.fullmatch(r"[\d\s+*/%-]*\]?", inside) is not None


def _is_captured(text: str, start: int) -> bool:
    """Tell xonsh's `!(command)`, which stands where a command does, from bash's `ls !(a)`, a pattern of paths."""
    return text[max(start - 80, 0) : start].rstrip()[-1:] in {"", *";&|=({"}


def closings(text: str) -> dict[int, int]:
    """For each opening bracket that is closed, the offset behind the closing one."""
    open_: list[int] = []
    found: dict[int, int] = {}
    for offset, char in enumerate(text):
        if char in "([":
            open_.append(offset)
        elif char in ")]" and open_ and text[open_[-1]] + char in {"()", "[]"}:
            found[open_.pop()] = offset + 1
    return found


def _streams(text: str, marks: Marks) -> str:
    """Mask `e>`, `all>>`, `err>out`: the names of streams give way to nothing."""
    for match in _STREAM.finditer(hidden(text)):
        stream, target, twice = match[1], match[2], match[3]
        number = STREAMS[stream]
        if target and not (stream == "2" and target == "&1"):
            marks[match.start()] = Mark(match.start(), match.end(), "2>&1" if number == "2" else "1>&2")
            text = _put(text, match.start(), " " * len(match[0]))
        elif not target and stream not in {"1", "2", "&"}:
            marks[match.end() - 1] = Mark(match.start(), match.end() - 1, f"{number}>{twice}")
            text = _put(text, match.start(), " " * len(stream))
    return text


def _logic(text: str, marks: Marks) -> str:
    for match in _LOGIC.finditer(hidden(text)):
        marks[match.start()] = Mark(match.start(), match.end(), match[0])
        text = _put(text, match.start(), "&& " if match[0] == "and" else "||")
    return text


def _prefixes(text: str, marks: Marks) -> str:
    for match in _PREFIX.finditer(hidden(text)):
        marks[match.end()] = Mark(match.end() - 1, match.end(), "prefix=")
        text = _put(text, match.end() - 1, " ")
    return text
