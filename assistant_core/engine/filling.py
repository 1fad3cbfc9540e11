"""The values of a request, put into a line that was written for another one, or for none.

In: a request, a line, and the request that the line answers, if it is known. Out: the line with the values of the new
request. A value of the known request that its line repeats is a slot; the new request's value of the same kind and
place fills it, and a placeholder such as path/to/file takes what is left. What has no counterpart stays as it was.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import partial

from assistant_core.engine.values import Value, stands, values

_PATHS = re.compile(r"(?<![\w/.])path/to/[\w./*-]+")
_NAMES = re.compile(r"(?<![\w/.$<-])[a-z]+[_-]name\b")
_START = re.compile(r"^(find )[.~/][\w./-]*(?= |$)")  # where find begins, when nothing else was asked
_AMOUNTS = {  # where the only amount of a line is certainly the one that was asked for
    "bytes": re.compile(r"\s(?:-size\s+[+-]?|(?<=truncate\s)-s\s*|(?<=fallocate\s)-l\s*)(?P<amount>\d+[ckMGT]?)(?!\S)"),
    "number": re.compile(r"\b(?:head|tail|shuf|ping)\s(?:-n\s*|-c\s*|--lines=|-)(?P<amount>\d+)(?!\S)"),
    "minutes": re.compile(r"\s-[acm]min\s+[+-]?(?P<amount>\d+)(?!\S)"),
    "days": re.compile(r"\s-[acm]time\s+[+-]?(?P<amount>\d+)(?!\S)"),
}
_SIZE = re.compile(r"(\s-size\s+)[+-](?=\d)")
_LESS = re.compile(r"\b(?:smaller|less|under|below|at most|up to)\b")
_MORE = re.compile(r"\b(?:larger|bigger|greater|more|over|above|at least|exceed\w*)\b")
_MODE = re.compile(r"\b(?:chmod|umask|-perm)\b")  # whose numbers are no counts
_OCTAL = re.compile(r"[0-7]{3,4}")
_FILE = re.compile(r"[^/.]\.\w+$")
_BEFORE = re.compile(r"(?<![\w&])|(?<=\w)(?=\.)")  # a word
_AFTER = re.compile(r"(?<=\d)(?P<unit>[kMGT])?(?![\d>])|(?<!\d)(?!\w)")
_PLAIN = re.compile(r"[\w@%+=:,./~$*?-]+")  # needs no quotes, or would lose its meaning in them


def fill(request: str, known: str, line: str) -> str:
    """Return `line`, which answers the request `known`, with the values of `request` in the place of its own."""
    ours, theirs = values(request), values(known)
    changes: list[tuple[Value, Value]] = []
    for kind in dict.fromkeys(value.kind for value in theirs):
        slots = dict.fromkeys(value for value in theirs if value.kind == kind and _repeated(value, line))
        fillers = dict.fromkeys(value for value in ours if value.kind == kind)
        changes += [pair for pair in zip(slots, fillers, strict=False) if _fits(*pair, line)]
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
    for kind, place in _AMOUNTS.items():
        amounts = [value for value in lacking if kind == ("bytes" if value.unit else value.kind)]
        found = list(place.finditer(line))
        if len(amounts) == 1 == len(found):
            line = (
                line[: found[0].start("amount")] + amounts[0].text + _unit(amounts[0]) + line[found[0].end("amount") :]
            )
    wanted = [value for value in lacking if value.kind == "extension"]
    if len(wanted) == 1:
        others = {value for value in values(line) if value.kind == "extension" and stands(value, line)}
        others.difference_update(values(request))
        if len(others) == 1:
            line = _replaced(line, [(others.pop(), wanted[0])])
    return _signed(request, line)


def _signed(request: str, line: str) -> str:
    """Return `line` with the only size that it looks for below or above, as `request` says."""
    less, more = _LESS.search(request) is not None, _MORE.search(request) is not None
    if less == more or len(_SIZE.findall(line)) != 1:
        return line
    return _SIZE.sub(rf"\g<1>{'-' if less else '+'}", line)


def _fits(slot: Value, filler: Value, line: str) -> bool:
    """Say whether a value may take the place of another: a mode is no count."""
    return not (slot.kind == "number" and _MODE.search(line) and _OCTAL.fullmatch(slot.text)) or bool(
        _OCTAL.fullmatch(filler.text)
    )


def _unit(value: Value) -> str:
    return "k" if value.unit == "k" else value.unit.upper()  # as find and dd write them


def _placed(line: str, left: Sequence[Value]) -> str:
    """Return `line` with what is left in the place of placeholders, in order."""
    for kind, placeholder in (("path", _PATHS), ("name", _NAMES)):
        rest = iter([value.text for value in left if value.kind == kind])
        line = placeholder.sub(partial(_next, rest), line)
    return line


def _next(rest: Iterator[str], found: re.Match[str]) -> str:
    text = next(rest, None)
    return found[0] if text is None else _quoted(text, found.string, found.start())


def _started(line: str, left: Sequence[Value]) -> str:
    folders = [
        each.text for each in left if each.kind == "path" and each.text not in line and not _FILE.search(each.text)
    ]
    return _START.sub(lambda found: found[1] + _quoted(folders[0], line, found.end(1)), line) if folders else line


def _repeated(value: Value, line: str) -> bool:
    return stands(value, line) if value.kind == "extension" else value.text in line


def _written(value: Value) -> str:
    return f".{value.text}" if value.kind == "extension" else value.text


def _replaced(line: str, changes: Sequence[tuple[Value, Value]]) -> str:
    by_text = {_written(old): new for old, new in changes}
    longest_first = sorted(filter(None, by_text), key=len, reverse=True)
    parts, end = list[str](), 0
    while found := _next_of(longest_first, line, end):
        at, text, unit = found
        parts += (line[end:at], _written_at(at, line, by_text[text], unit))
        end = at + len(text) + len(unit)
    return "".join((*parts, line[end:]))


def _next_of(texts: Sequence[str], line: str, start: int) -> tuple[int, str, str] | None:
    """Return where the first of `texts` stands as a whole word from `start` on, which one, and its unit; or None.

    A pattern of these texts would say the same, and take longer to make than all lines to look through.
    """
    for at in range(start, len(line)):
        for text in texts:
            if line.startswith(text, at) and _BEFORE.match(line, at) and (after := _AFTER.match(line, at + len(text))):
                return at, text, after["unit"] or ""
    return None


def _written_at(at: int, line: str, new: Value, unit: str) -> str:
    if new.kind == "extension":
        return _written(new)
    return _quoted(new.text, line, at) + (_unit(new) if unit and new.unit else unit)


def _quoted(text: str, line: str, at: int) -> str:
    """Return `text` as it must stand at `at` in `line`: quoted if it has to be and is not yet."""
    inside = any(line[:at].count(quote) % 2 for quote in "\"'")
    return text if inside or _PLAIN.fullmatch(text) else shlex.quote(text)
