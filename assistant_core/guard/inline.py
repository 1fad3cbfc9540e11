"""Code of scripting languages → the commands in it, by the patterns of inline.toml.

In: code, its language, the walker. Out: commands put to the walker. Only literal arguments are seen.
"""

import functools
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from assistant_core.guard.walker import Walker
from assistant_core.guard.words import ansi

LONGEST = 100_000  # characters
MOST_FOUND = 64

_LITERAL = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
_ONE = f"(?:{_LITERAL.pattern})"
_JOIN = re.compile(rf"\b(?:join|implode)\s*\(?\s*{_ONE}(?:\s*,\s*{_ONE})+\s*(?=[);}}]|$)")
_CONCATENATION = re.compile(r"""(?P<left>(?P<quote>["'])[^"'\\]*)(?P=quote)\s*(?:\.\.?|\+)\s*(?P=quote)""")
_SCHEDULE = re.compile(r"\s*(?:@\w+|(?:[\d*/,a-zA-Z-]+\s+){5})(?:root\s+(?=\S))?\s*(?P<command>.*)")


class _Pattern(NamedTuple):
    find: re.Pattern[str]
    call: tuple[str, ...]


@functools.cache
def _patterns(language: str) -> tuple[_Pattern, ...]:
    data = tomllib.loads((Path(__file__).parent / "inline.toml").read_text(encoding="utf-8"))
    strings = data["strings"]
    return tuple(
        _Pattern(re.compile(each["find"].replace("<string>", strings), re.DOTALL), tuple(each["call"]))
        for each in data["pattern"]
        if language in each["languages"]
    )


def walk(language: str, text: str, walker: Walker) -> None:
    """Walk the commands that stand in code."""
    found_any = False
    text = _joined(text[:LONGEST])
    for pattern in _patterns(language):
        for _, found in zip(range(MOST_FOUND), pattern.find.finditer(text), strict=False):
            values = {name: _text(value) for name, value in found.groupdict("").items()}
            call = [_at_home(word.format_map(_Texts(values)), walker) for word in pattern.call]
            found_any = True
            if call[0] == "sh":
                walker.script(call[-1])
            else:
                walker.run(call)
    if not found_any:
        walker.report.effect("READ")


def _joined(text: str) -> str:
    """Return code with its literals put together: `"r" . "m"`, `'r' + 'm'`, `join "", "r", "m"`."""
    text, rounds = _JOIN.sub(_put_together, text), MOST_FOUND
    while rounds and (found := _CONCATENATION.search(text)):
        text, rounds = text[: found.end("left")] + text[found.end() :], rounds - 1
    return text


def _put_together(found: re.Match[str]) -> str:
    between, *parts = (_text(each) for each in _LITERAL.findall(found[0]))
    return repr(between.join(parts))


def _at_home(word: str, walker: Walker) -> str:
    return walker.home_of("") + word[1:] if word[:2] == "~/" or word == "~" else word


class _Texts(dict[str, str]):
    """The values of one match; `{a}` is the first of a, a2, a3 that is not empty."""

    def __missing__(self, name: str) -> str:
        return ""


def _text(literal: str) -> str:
    """Return the text of a string literal."""
    if literal[:1] in "'\"`" and len(literal) > 1:
        return literal[1:-1] if literal[0] == "'" else ansi(literal[1:-1])
    return literal


def crontab(text: str, walker: Walker) -> None:
    """Walk the commands of a crontab; one without any line is the end of all jobs."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        walker.judge(["<empty-crontab>"])
    for line in lines[:MOST_FOUND]:
        if (found := _SCHEDULE.fullmatch(line)) and not re.match(r"\s*\w+\s*=", line):
            walker.script(found["command"])
