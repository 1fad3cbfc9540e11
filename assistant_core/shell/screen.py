"""The guard's question as text: what, why, what it comes down to here, and what would be safer.

In: a verdict and what has been measured. Out: at most a screen of text, without anything that moves the cursor.
"""

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from assistant_core.records import Verdict

LINE_LENGTH = 300  # characters of the line shown, a few rows of a terminal
TEXT_LENGTH = 200  # characters of any other text
MOST = 4  # rows of a kind
INDENT = 10  # columns before the text of a row

_COLORS = {"block": "31", "warn": "33"}  # red, yellow
_TITLES = {"block": "dangerous", "warn": "careful"}


class Facts(NamedTuple):
    """What the screen is about: the line, what it was expanded to, and what has been measured."""

    line: str
    runs: str
    targets: list[str]
    git: str | None = None


def screen(verdict: "Verdict", facts: Facts, note: str, width: int = 80, *, color: bool = False) -> str:
    """Return the text; `note` says what becomes of the line, `width` counts columns."""
    rows = [("line", visible(facts.line.strip(), LINE_LENGTH))]
    rows += [("runs", visible(facts.runs, LINE_LENGTH))] if facts.runs else []
    rows += _some("why", _reasons(verdict), width)
    rows += _some("target", facts.targets, width)
    rows += _some("git", [facts.git] if facts.git else [], width)
    rows += [("safer", visible(verdict.safer, LINE_LENGTH))] if verdict.safer else []
    title = _paint(f"assistant: {_TITLES[verdict.decision]}", f"1;{_COLORS[verdict.decision]}", on=color)
    return f"{title}, {note}\n" + "".join(f"  {_paint(f'{name:7}', '2', on=color)} {text}\n" for name, text in rows)


def colored() -> bool:
    """Say whether the question may have colours."""
    stream = sys.__stderr__
    dumb = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not dumb


def visible(text: str, length: int = TEXT_LENGTH) -> str:
    """Return `text` on one line of bounded length, without anything that moves the cursor."""
    short = text if len(text) <= length else f"{text[:length]}…"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in short)


def _reasons(verdict: "Verdict") -> list[str]:
    if len(verdict.reasons) == len(verdict.rules):
        return [f"{reason} [{rule}]" for reason, rule in zip(verdict.reasons, verdict.rules, strict=True)]
    return [*verdict.reasons, *([f"[{', '.join(verdict.rules)}]"] if verdict.rules else [])]


def columns() -> int:
    """Return the width of the terminal."""
    return shutil.get_terminal_size().columns


def _some(name: str, texts: list[str], width: int) -> list[tuple[str, str]]:
    indent = "\n" + " " * INDENT
    wrap = textwrap.TextWrapper(max(width - INDENT, 20), break_on_hyphens=False).wrap
    rows = [(name, indent.join(wrap(visible(text)))) for text in texts[:MOST]]
    return [*rows, ("", f"and {len(texts) - MOST} more")] if len(texts) > MOST else rows


def _paint(text: str, codes: str, *, on: bool) -> str:
    return f"\x1b[{codes}m{text}\x1b[0m" if on else text
