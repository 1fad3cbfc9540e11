"""An `Explanation` → text for the terminal, one screen wide. Standard library only: the shell imports this."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant_core.records import Explanation, Passage

_BOLD, _DIM, _YELLOW, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"
_MIN_WIDTH = 40
_MAX_PIECE = 24  # columns that a piece takes beside its text; a longer one has its text below
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def explanation(answer: Explanation, width: int, color: bool) -> str:  # noqa: FBT001 - the signature other modules call
    """Lay an explanation out in `width` columns: pieces to the left, indented by depth, their texts to the right.

    A piece that was not found is marked with `?`. Without `color` the text holds no escape sequence.
    """
    width = max(width, _MIN_WIDTH)
    column = (
        min(max((_indent(passage) + len(_clean(passage.words)) for passage in answer.passages), default=0), _MAX_PIECE)
        + 2
    )
    lines = [line for passage in answer.passages for line in _passage(passage, column, width, color=color)]
    for note in answer.notes:
        wrapped = textwrap.wrap(f"note: {_clean(note)}", width, subsequent_indent="      ")
        lines += [_styled(line, _YELLOW, color=color) for line in wrapped]
    return "\n".join(lines)


def _passage(passage: Passage, column: int, width: int, *, color: bool) -> list[str]:
    mark = "" if passage.found else "? "
    piece = _shortened(_clean(passage.words), width - _indent(passage))
    style = (_BOLD if passage.depth == 0 else "") if passage.found else _YELLOW
    head = " " * _indent(passage) + _styled(piece, style, color=color)
    used = _indent(passage) + len(piece)
    text = textwrap.wrap(mark + _clean(passage.text), width - column) or [""]
    body = [" " * column + line for line in text]
    if used + 2 <= column:
        body[0] = head + " " * (column - used) + text[0]
    else:
        body.insert(0, head)
    return _with_source(body, passage.source, column, width, color=color)


def _with_source(body: list[str], source: str, column: int, width: int, *, color: bool) -> list[str]:
    """Put the source behind the last line if there is room, else on a line of its own."""
    if not source:
        return body
    label = f"[{_clean(source)}]"
    visible = len(re.sub(r"\x1b\[\d*m", "", body[-1]))
    if visible + 1 + len(label) <= width:
        return [*body[:-1], f"{body[-1]} {_styled(label, _DIM, color=color)}"]
    return [*body, " " * column + _styled(label, _DIM, color=color)]


def _indent(passage: Passage) -> int:
    return 2 * min(passage.depth, 8)


def _shortened(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: max(columns - 1, 1)] + "…"


def _clean(text: str) -> str:
    """Leave no control character in: what a line or a page holds must not reach the terminal as a command."""
    return _CONTROL.sub(" ", text)


def _styled(text: str, style: str, *, color: bool) -> str:
    return f"{style}{text}{_RESET}" if color and style else text
