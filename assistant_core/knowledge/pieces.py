"""The pieces of a command line: commands with their words, and signs. Offsets are characters of the line."""

from __future__ import annotations

import re
from typing import NamedTuple

from assistant_core.knowledge.xonsh import QUOTED


class Word(NamedTuple):
    """A word of a command. `value` is `text` without quotes; `literal` says that the shell expands nothing in it."""

    start: int
    end: int
    text: str
    value: str
    literal: bool


class Command(NamedTuple):
    """A program or builtin with its arguments."""

    words: tuple[Word, ...]
    depth: int


class Sign(NamedTuple):
    """Something else that means something. `key` is one of the tables in `operators`, `target` a file or descriptor."""

    start: int
    end: int
    depth: int
    key: str
    target: str = ""


def word(line: str, start: int, end: int, *, literal: bool) -> Word:
    """Return the word at `line[start:end]`."""
    text = line[start:end]
    return Word(start, end, text, QUOTED.sub(_unquoted, text), literal)


def _unquoted(match: re.Match[str]) -> str:
    text = match[0]
    if text[0] == "\\":
        return text[1:]
    inner = text[1:-1] if len(text) > 1 and text[-1] == text[0] else text[1:]
    return inner if text[0] == "'" else re.sub(r"\\([\"\\$`])", r"\1", inner)
