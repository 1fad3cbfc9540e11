"""Text for people: an Answer goes in, its text or its JSON comes out on stdout.

Stored text never reaches the terminal as it is: what cannot be printed is shown as an escape.
"""

import json
import sys
import time
from collections.abc import Iterable, Sequence

from assistant_core.cli.command import Answer, Styled

_COLORS = {"ok": "32", "warn": "33", "fail": "31", "dim": "2"}  # ECMA-48 SGR parameters


def visible(text: str) -> str:
    """Return `text` on one line, what is not printable (controls, direction marks, surrogates) as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def say(text: str = "") -> None:
    """Print `text` as it is on stdout, what its encoding lacks as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))


def show(answer: Answer, *, as_json: bool, color: bool) -> None:
    """Print `answer` on stdout."""
    if as_json:
        say(json.dumps(answer.data, indent=2))
        return
    if answer.rendered:
        say(answer.rendered.rstrip("\n"))
    for line in answer.lines:
        say(_painted(line, color=color))


def complain(message: str, *, as_json: bool) -> None:
    """Print an error: one line on stderr, or a JSON document on stdout."""
    if as_json:
        say(json.dumps({"error": message}))
    else:
        sys.stderr.write(f"assistant: {visible(message)}\n")


def ask(question: str, default: str) -> str:
    """Return what the user answers, in lower case; `default` for an empty answer or at the end of the input."""
    try:
        return input(f"{visible(question)} ").strip().lower() or default
    except EOFError:
        say()
        return default


def _painted(line: str | Styled, *, color: bool) -> str:
    if isinstance(line, str):
        return visible(line)
    return f"\x1b[{_COLORS[line.style]}m{visible(line.text)}\x1b[0m" if color else visible(line.text)


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """Return one line a row, the cells below each other; None is shown as "-"."""
    table = [["-" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]


def moment(at_ns: int | None) -> str:
    """Return nanoseconds since the Unix epoch as local date and time."""
    if at_ns is None:
        return "-"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ns // 10**9))
    except (OverflowError, ValueError, OSError):  # an imported time that no calendar has
        return f"@{at_ns // 10**9}"


def span(duration_ns: int | None) -> str:
    """Return a duration in nanoseconds with its unit."""
    if duration_ns is None:
        return "-"
    seconds = duration_ns / 1e9
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"  # noqa: PLR2004 - three digits are enough


def size(count: float) -> str:
    """Return a number of bytes with its unit (1 KiB = 1024 bytes)."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004 - see above
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
