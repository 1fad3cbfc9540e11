"""The values of a request, put into a line that was written for another one, or for none.

In: a request, a line, and the request that the line answers, if it is known. Out: the line with the values of the new
request. A value of the known request that its line repeats is a slot; the new request's value of the same kind and
place fills it, and a placeholder such as path/to/file takes what is left. What has no counterpart stays as it was.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from assistant_core.engine.values import AMOUNT, Value, stands, values

_PATHS = re.compile(r"(?<![\w/.])path/to/[\w./*-]+")
_NAMES = re.compile(r"(?<![\w/.$<-])[a-z]+[_-]name\b")
_START = re.compile(r"^(find )[.~/][\w./-]*(?= |$)")  # where find begins, when nothing else was asked
_PLAIN = re.compile(r"[\w@%+=:,./~$*?-]+")  # needs no quotes, or would lose its meaning in them


def fill(request: str, known: str, line: str) -> str:
    """Return `line`, which answers the request `known`, with the values of `request` in the place of its own."""
    ours, theirs = values(request), values(known)
    changes: list[tuple[Value, Value]] = []
    for kind in dict.fromkeys(value.kind for value in theirs):
        slots = dict.fromkeys(value for value in theirs if value.kind == kind and _repeated(value, line))
        fillers = dict.fromkeys(value for value in ours if value.kind == kind)
        changes += zip(slots, fillers, strict=False)
    used = {value for _, value in changes}
    left = [value for value in ours if value not in used]
    filled = _placed(_replaced(line, changes), left)
    has_path = any(value.kind == "path" and value.text in line for value in theirs)
    return complete(request, filled if has_path else _started(filled, left))


def complete(request: str, line: str) -> str:
    """Return `line` with the values of `request` that it lacks, each in the place of the only one that it could mean.

    What is no value of the request but stands in the line alone of its kind was meant for it: an amount, a number, the
    extension of files.
    """
    lacking = [value for value in values(request) if not stands(value, line)]
    numbers = [value for value in lacking if value.kind == "number"]
    for several in ([value for value in numbers if value.unit], [value for value in numbers if not value.unit]):
        line = _amount(request, line, several)
    wanted = [value for value in lacking if value.kind == "extension"]
    others = {value for value in values(line) if value.kind == "extension"}.difference(values(request))
    others = {value for value in others if stands(value, line)}
    if len(wanted) == 1 == len(others):
        line = _replaced(line, [(others.pop(), wanted[0])])
    return line


def _amount(request: str, line: str, lacking: Sequence[Value]) -> str:
    """Return `line` with the one lacking number in the place of the one that is none of the request's."""
    told = {value.text for value in values(request)}
    others = {
        (found["number"], found["unit"])
        for found in AMOUNT.finditer(line)
        if found["number"] not in told and lacking and bool(found["unit"]) == bool(lacking[0].unit)
    }
    if not len(lacking) == 1 == len(others):
        return line
    new = lacking[0].text + _unit(lacking[0])

    def filled(found: re.Match[str]) -> str:
        return found["sign"] + new if (found["number"], found["unit"]) in others else found[0]

    return AMOUNT.sub(filled, line)


def _unit(value: Value) -> str:
    return "k" if value.unit == "k" else value.unit.upper()  # as find and dd write them


def _placed(line: str, left: Sequence[Value]) -> str:
    """Return `line` with what is left in the place of placeholders, in order."""
    for kind, placeholder in (("path", _PATHS), ("name", _NAMES)):
        rest = iter([value.text for value in left if value.kind == kind])
        line = placeholder.sub(lambda found, rest=rest: next(rest, found[0]), line)  # type: ignore[misc]  # of a closure
    return line


def _started(line: str, left: Sequence[Value]) -> str:
    paths = [value.text for value in left if value.kind == "path" and value.text not in line]
    return _START.sub(lambda found: found[1] + paths[0], line) if paths else line


def _repeated(value: Value, line: str) -> bool:
    return stands(value, line) if value.kind == "extension" else value.text in line


def _written(value: Value) -> str:
    return f".{value.text}" if value.kind == "extension" else value.text


def _replaced(line: str, changes: Sequence[tuple[Value, Value]]) -> str:
    if not changes:
        return line
    by_text = {_written(old): new for old, new in changes}
    longest_first = "|".join(re.escape(text) for text in sorted(by_text, key=len, reverse=True))

    def filled(found: re.Match[str]) -> str:
        new, unit = by_text[found["text"]], found["unit"] or ""
        if new.kind == "extension":
            return _written(new)
        return _quoted(new.text, line, found.start()) + (_unit(new) if unit and new.unit else unit)

    place = rf"(?:(?<!\w)|(?<=\w)(?=\.))(?P<text>{longest_first})(?:(?<=\d)(?P<unit>[kMGT])?(?!\d)|(?<!\d)(?!\w))"
    return re.sub(place, filled, line)


def _quoted(text: str, line: str, at: int) -> str:
    """Return `text` as it must stand at `at` in `line`: quoted if it has to be and is not yet."""
    inside = any(line[:at].count(quote) % 2 for quote in "\"'")
    return text if inside or _PLAIN.fullmatch(text) else shlex.quote(text)
