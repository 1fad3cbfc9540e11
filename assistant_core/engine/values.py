"""What a request is about: its numbers, amounts, times, paths, patterns, kinds of files, names; which a line holds.

In: a request in words, a line. Out: values. The same words make the same values in every request, so that those of one
can take the place of those of another (assistant_core.engine.filling).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["number", "seconds", "minutes", "days", "path", "pattern", "extension", "name"]

_TIMES: dict[str, tuple[Kind, int]] = {  # by the first three letters: as lines tell them, which know no weeks
    "sec": ("seconds", 1), "min": ("minutes", 1), "hou": ("minutes", 60), "day": ("days", 1), "wee": ("days", 7),
    "mon": ("days", 30), "yea": ("days", 365),
}  # fmt: skip

_FILE_TYPES = {  # what files are called by -> their extension; further ones are called by their extension itself
    "bash": "sh", "javascript": "js", "markdown": "md", "perl": "pl", "python": "py", "ruby": "rb", "rust": "rs",
    "shell": "sh", "text": "txt", "typescript": "ts",
}  # fmt: skip
_EXTENSIONS = re.compile(
    "avi|bak|bmp|bz2|c|cc|cfg|class|conf|cpp|css|csv|db|deb|docx?|flac|gif|go|gz|h|html?|ini|iso|jar|java|jpe?g|js|json"
    "|log|md|mkv|mp3|mp4|o|odt|pdf|php|pl|png|ps|py|rar|rb|rpm|rs|sh|sql|svg|tar|tex|tgz|tmp|toml|ts|txt|war|wav|xlsx?"
    "|xml|xz|ya?ml|zip"
)
_CALLED = "branch|container|database|group|host|image|package|process|remote|service|table|tag|user"
_SOUGHT = r"(?:search\ for|grep\ for|lines\ with|containing|contains?|occurrences\ of)(?:\ the\ (?:word|text|string))?"
_NO_NAME = (  # words that stand where a name may stand
    r"(?:an?|all|any|and|are|by|called|each|every|files?|folders?|for|groups?|from|ids?|in|is|its?|lines?|lists?|names?"
    r"|named|not|of|on|or|process(?:es)?|recursively|structures?|text|that|the|their|this|to|trees?|users?|was|words?"
    r"|with)\b"
)
_ENDS = r"(?=[,.;]?$|[,;]?\ (?:and|as|at|by|for|from|in|inside|into|of|on|to|under|using|with|within)\b)"

_VALUE = re.compile(
    rf"""(?P<quote>["'`]) (?P<quoted>[^"'`]+) (?P=quote)
      | (?P<pattern> [^\s,;"'`]*[*?][^\s,;"'`]+ | (?<!\w)\.[a-zA-Z]\w{{0,6}}\b )
      | (?P<path> (?:~|\.{{1,2}}|\$\w+|[\w.-]+)?/[^\s,;:"'`()]+ | \$\w+ | \b[\w-]+\.[a-zA-Z]\w{{0,6}}\b )
      | (?<![\w.]) (?P<number> \d+ ) (?! \.\d ) (?:
            \s? (?P<unit> [kKmMgGtT] ) (?:[bB]|ilobytes?|egabytes?|igabytes?)?
          | \s? (?P<time> (?:second|min(?:ute)?|hour|day|week|month|year)s? ) )? (?! \w )
      | \b (?P<type> [A-Za-z]\w* )\ (?=(?:source\ )?(?:files?|scripts?|images?)\b)
      | \b (?:named|called)\ (?!{_NO_NAME}) (?P<named> \w[\w@.-]*\b )
      | \b (?:{_CALLED})\ (?!{_NO_NAME}) (?P<called> \w[\w@-]*\b ) {_ENDS}
      | \b (?:{_SOUGHT})\ (?!{_NO_NAME}) (?P<sought> \w[\w@-]*\b ) {_ENDS}
      | \b (?:files?|folders?|director(?:y|ies)|everything)\ (?:in|under|below|inside)\ (?!{_NO_NAME})
            (?P<within> \w[\w-]*\b ) (?=\.?$)
      | \b replace\ (?P<old> \w+ )\ (?:with|by)\ (?P<new> \w+ )\b""",
    re.VERBOSE,
)
_AMOUNT = re.compile(r"(?<![\w$./{&>-])[+-]?(?P<number>\d+)(?P<unit>[ckMGT]?)(?![\w.>/}])")  # in a line
_BYTES = {"c": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_NEARLY = 0.1  # a megabyte is a million bytes to some


class Value(NamedTuple):
    """A value told in a request; `unit` of a number is one letter, such as "k", or ""."""

    kind: Kind
    text: str  # of an extension without its dot
    unit: str = ""


@lru_cache(maxsize=1024)
def values(request: str) -> tuple[Value, ...]:
    """Return the values in `request`, in order."""
    return tuple(_values(request))


def missing(request: str, line: str) -> int:
    """Return how many values of `request` do not stand in `line`."""
    return sum(not stands(value, line) for value in values(request))


def stands(value: Value, line: str) -> bool:
    """Say whether `line` holds `value`; an amount of bytes may be told in another unit."""
    match value.kind:
        case "number" if value.unit:
            wanted = int(value.text) * _BYTES[value.unit]
            found = (int(each["number"]) * _BYTES[(each["unit"] or "c").lower()] for each in _AMOUNT.finditer(line))
            return any(abs(each - wanted) <= _NEARLY * wanted for each in found)
        case "number" | "seconds" | "minutes" | "days":
            return re.search(rf"(?<![\w.]){value.text}(?![\d>])", line) is not None
        case "extension":
            return re.search(rf"(?<=[\w*\\])\.{re.escape(value.text)}\b", line) is not None
        case _:
            return value.text.strip("*") in line


def _values(request: str) -> Iterator[Value]:
    for found in _VALUE.finditer(request):
        match found.lastgroup:
            case "quote" | "quoted":
                yield _quoted(found["quoted"])
            case "number" | "unit":
                yield Value("number", found["number"], (found["unit"] or "").lower())
            case "pattern":
                yield _pattern(found["pattern"].rstrip("."))
            case "time":
                kind, times = _TIMES[found["time"][:3]]
                yield Value(kind, str(int(found["number"]) * times))
            case "path" | "within" as group:
                yield Value("path", found[group].rstrip("."))
            case "type":
                yield from _typed(found["type"].lower())
            case "new":
                yield from (Value("name", found["old"]), Value("name", found["new"]))
            case group:
                yield Value("name", found[group or 0])


def _typed(word: str) -> Iterator[Value]:
    if word in _FILE_TYPES or _EXTENSIONS.fullmatch(word):
        yield Value("extension", _FILE_TYPES.get(word, word))


def _quoted(text: str) -> Value:
    if text.isdecimal():
        return Value("number", text)
    if any(mark in text for mark in "*?") or re.fullmatch(r"\.\w{1,7}", text):
        return _pattern(text)
    return Value("path" if "/" in text or re.fullmatch(r"[\w-]+\.\w+", text) else "name", text)


def _pattern(text: str) -> Value:
    extension = re.fullmatch(r"(\*?)\.([A-Za-z]\w{0,6})", text)
    if extension and (extension[1] or _EXTENSIONS.fullmatch(extension[2])):  # .profile is a file
        return Value("extension", extension[2])
    return Value("pattern", text)
