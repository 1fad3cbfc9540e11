"""An `Explanation`, or `Proposals` → text for the terminal, one screen wide. Standard library only: for the shell."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from assistant_core.records import Explanation, Passage, Proposal, Proposals

_BOLD, _DIM, _RED, _YELLOW, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
_MIN_WIDTH = 40
_MAX_PIECE = 24  # columns that a piece takes beside its text; a longer one has its text below
_INDENT = 3  # columns before what is said of a line
_ROWS = 3  # longest text about one thing that is said of a line
_OPTION_ROWS = 2  # longest text about its options
_RAGGED = 12  # columns that the end of a row may leave empty, where a word did not fit
_LEAST = 20  # characters that are shown of anything
_SENTENCE = re.compile(r"[.:](?: .*)?$", re.DOTALL)  # the end of the first one, and all after it
_VERDICTS = {"block": ("dangerous", _RED), "warn": ("careful", _YELLOW)}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

NOTHING_KNOWN = "nothing is known that does this; other words may find it"
NO_REPAIR = "no repair is known: no name in it looks misspelt, and nothing like it worked before"


def explanation(answer: Explanation, width: int, color: bool) -> str:  # noqa: FBT001 - the signature other modules call
    """Lay an explanation out in `width` columns: pieces to the left, indented by depth, their texts to the right.

    A piece that was not found is marked with `?`. Without `color` the text holds no escape sequence.
    """
    width = max(width, _MIN_WIDTH)
    column = (
        min(max((_indent(each) + _columns(_clean(each.words)) for each in answer.passages), default=0), _MAX_PIECE) + 2
    )
    lines = [line for passage in answer.passages for line in _passage(passage, column, width, color=color)]
    for note in answer.notes:
        wrapped = textwrap.wrap(f"note: {_clean(note)}", width, subsequent_indent="      ")
        lines += [_styled(line, _YELLOW, color=color) for line in wrapped]
    return "\n".join(lines)


def proposals(answer: Proposals, width: int, color: bool) -> str:  # noqa: FBT001 - as above
    """Lay proposed lines out, numbered, each with what it comes from and what was checked; the first with its options.

    Lines are never cut: they may have to be copied.
    """
    width = max(width, _MIN_WIDTH)
    lines: list[str] = []
    for number, proposal in enumerate(answer.proposals, 1):
        lines.append(f"{number}  {_styled(_clean(proposal.line), _BOLD if number == 1 else '', color=color)}")
        if number == 1 and proposal.options:
            lines += _under(_options(proposal, width - _INDENT), "", width, color=color)
        lines += _under(_about(proposal, width - _INDENT), _DIM, width, color=color)
        if proposal.verdict.decision != "allow":
            word, style = _VERDICTS[proposal.verdict.decision]
            lines += _under(f"{word}: {'; '.join(proposal.verdict.reasons)}", style, width, color=color)
    notes = (textwrap.fill(f"note: {_clean(note)}", width, subsequent_indent="      ") for note in answer.notes)
    return "\n".join([*lines, *(_styled(note, _YELLOW, color=color) for note in notes)])


def wrapped(text: str, width: int, indent: str = "    ") -> str:
    """Break the lines of `text` between words, to `width` columns; what does not fit goes on below, indented."""
    wrapper = textwrap.TextWrapper(
        max(width, _MIN_WIDTH), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.fill(line) for line in text.split("\n"))


def _under(text: str, style: str, width: int, *, color: bool) -> list[str]:
    rows = _rows(text, width - _INDENT)
    shown = [*rows[: _ROWS - 1], _shortened(" ".join(rows[_ROWS - 1 :]), width - _INDENT)]
    return [" " * _INDENT + _styled(row, style, color=color) for row in shown if row]


def _rows(text: str, width: int) -> list[str]:
    return textwrap.wrap(_clean(text), width, break_on_hyphens=False)


def _about(proposal: Proposal, width: int) -> str:
    """Say where a line comes from, as much of it as leaves room for what was checked, and that."""
    checked = _checked(proposal)
    most = min(len(proposal.near), _ROWS * width - len(checked))
    for columns in range(most, _LEAST, -1):
        if len(_rows(text := f"{_origin(proposal, columns)}; {checked}", width)) <= _ROWS:
            return text
    return f"{_origin(proposal, _LEAST)}; {checked}"


def _origin(proposal: Proposal, columns: int) -> str:
    near = _shortened(proposal.near, columns)
    return {
        "taught": f"taught by you as {near!r}",
        "history": "from your history",
        "spelling": "spelling corrected",
        "examples": f"known to do {near!r}",
        "model": "made up by the model",
        "chat": f"made up by the chat model{near and f' with your adapter {near}'}",
    }[proposal.source]


def _checked(proposal: Proposal) -> str:
    """Say what was found wrong, or else what was looked at."""
    wrong = [] if proposal.parsed else ["not a whole line"]
    wrong += [f"not installed: {', '.join(proposal.missing)}"] if proposal.missing else []
    wrong += [f"not in {', '.join(proposal.manuals)}: {', '.join(proposal.unknown)}"] if proposal.unknown else []
    looked_at = ["syntax", "programs", *([f"options in {', '.join(proposal.manuals)}"] if proposal.manuals else [])]
    return "; ".join(wrong) or f"checked: {', '.join(looked_at)}"


def _options(proposal: Proposal, width: int) -> str:
    """Say in a few rows of `width` columns what the options do, each in its share of them."""
    share = max(_OPTION_ROWS * (width - _RAGGED) // len(proposal.options) - 2, _LEAST)
    texts = (f"{each.words}: {_SENTENCE.sub('', each.text)}" for each in proposal.options)
    return "; ".join(_shortened(text, share) for text in texts)


def _passage(passage: Passage, column: int, width: int, *, color: bool) -> list[str]:
    mark = "" if passage.found else "? "
    piece = _shortened(_clean(passage.words), width - _indent(passage))
    style = (_BOLD if passage.depth == 0 else "") if passage.found else _YELLOW
    head = " " * _indent(passage) + _styled(piece, style, color=color)
    used = _indent(passage) + _columns(piece)
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


def _columns(text: str) -> int:
    """Return how wide a terminal shows `text` (Unicode Standard Annex 11)."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _shortened(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: max(columns - 1, 1)] + "…"


def _clean(text: str) -> str:
    """Leave no control character in: what a line or a page holds must not reach the terminal as a command."""
    return _CONTROL.sub(" ", text)


def _styled(text: str, style: str, *, color: bool) -> str:
    return f"{style}{text}{_RESET}" if color and style else text
