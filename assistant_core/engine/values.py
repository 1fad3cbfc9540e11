"""What a request is about, put in the place of what another was about: numbers, paths, patterns, names.

In: a request, and a known pair of a request and its line. Out: the line with the values of the new request. A value
of the known request that its line repeats is a slot; the new request's value of the same kind and place fills it,
and a placeholder such as path/to/file takes what is left. What has no counterpart stays as it was.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["number", "path", "pattern", "name"]

_VALUE = re.compile(
    r"""(?P<quote>["'`]) (?P<quoted>[^"'`]+) (?P=quote)
      | (?P<pattern> [^\s,;"'`]*[*?][^\s,;"'`]+ | (?<!\w)\.[a-zA-Z]\w{0,6}\b )
      | (?P<path> (?:~|\.{1,2}|\$\w+|[\w.-]+)?/[^\s,;:"'`()]+ | \$\w+ | \b[\w-]+\.[a-zA-Z]\w{0,6}\b )
      | (?P<number> \d+ ) (?: \s? (?P<unit> [kKmMgGtT] ) (?:[bB]|ilobytes?|egabytes?|igabytes?)? )? (?! \w | \.\d ) """,
    re.VERBOSE,
)
_PLACEHOLDER = re.compile(r"(?<![\w/.])path/to/[\w./*-]+")
_START = re.compile(r"^(find )(\.|/|~|\./)(?= |$)")  # where find begins, when nothing else was asked
_PLAIN = re.compile(r"[\w@%+=:,./~$*?-]+")  # needs no quotes, or would lose its meaning in them


class Value(NamedTuple):
    """A value told in a request; `unit` of a number is one letter, such as "k", or ""."""

    kind: Kind
    text: str
    unit: str = ""


@lru_cache(maxsize=1024)
def values(request: str) -> tuple[Value, ...]:
    """Return the values in `request`, in order."""
    return tuple(_values(request))


def missing(request: str, line: str) -> int:
    """Return how many values of `request` do not stand in `line`."""
    return sum(value.text.strip("*") not in line for value in values(request))


def fill(request: str, known: str, line: str) -> str:
    """Return `line`, which answers the request `known`, with the values of `request` in the place of its own."""
    ours, theirs = values(request), values(known)
    changes, used = _changes(ours, theirs, line)
    left = [value.text for value in ours if value.kind == "path" and value not in used]
    filled = _replaced(line, changes)
    if left and _PLACEHOLDER.search(filled):
        rest = iter(left)
        return _PLACEHOLDER.sub(lambda found: next(rest, found[0]), filled)
    if left and not any(value.kind == "path" for value in theirs):
        return _START.sub(lambda found: found[1] + left[0], filled)
    return filled


def _values(request: str) -> Iterator[Value]:
    for found in _VALUE.finditer(request):
        if found["quoted"]:
            yield Value(_kind(found["quoted"]), found["quoted"])
        elif found["number"]:
            yield Value("number", found["number"], (found["unit"] or "").lower())
        elif found["pattern"]:
            yield Value("pattern", found["pattern"].rstrip("."))
        else:
            yield Value("path", found["path"].rstrip("."))


def _kind(quoted: str) -> Kind:
    if quoted.isdecimal():
        return "number"
    if any(mark in quoted for mark in "*?"):
        return "pattern"
    return "path" if "/" in quoted or re.fullmatch(r"[\w-]+\.\w+", quoted) else "name"


def _changes(ours: Sequence[Value], theirs: Sequence[Value], line: str) -> tuple[list[tuple[Value, Value]], set[Value]]:
    """Return (theirs, ours) for each slot of the line that has a counterpart, and which of ours are used."""
    changes: list[tuple[Value, Value]] = []
    for kind in dict.fromkeys(value.kind for value in theirs):
        slots = dict.fromkeys(value for value in theirs if value.kind == kind and value.text in line)
        fillers = dict.fromkeys(value for value in ours if value.kind == kind)
        changes += zip(slots, fillers, strict=False)
    return changes, {value for _, value in changes}


def _replaced(line: str, changes: list[tuple[Value, Value]]) -> str:
    if not changes:
        return line
    by_text = {old.text: new for old, new in changes}
    longest_first = "|".join(re.escape(text) for text in sorted(by_text, key=len, reverse=True))

    def filled(found: re.Match[str]) -> str:
        new, unit = by_text[found["text"]], found["unit"] or ""
        if unit and new.unit:
            unit = "k" if new.unit == "k" else new.unit.upper()  # as find and dd write them
        return _quoted(new.text, line, found.start()) + unit

    return re.sub(rf"(?<!\w)(?P<text>{longest_first})(?:(?<=\d)(?P<unit>[kMGT])?(?!\d)|(?<!\d)(?!\w))", filled, line)


def _quoted(text: str, line: str, at: int) -> str:
    """Return `text` as it must stand at `at` in `line`: quoted if it has to be and is not yet."""
    inside = any(line[:at].count(quote) % 2 for quote in "\"'")
    return text if inside or _PLAIN.fullmatch(text) else shlex.quote(text)
