"""What a manual page consists of once its macros are read: headings, terms with their text, paragraphs, verbatim text.

`man` and `mdoc` fill a `Flow`, `page` reads the blocks that come out. Text keeps the marks of italics (`escapes`).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from assistant_core.knowledge.escapes import JOIN

Kind = Literal["section", "subsection", "text", "code"]
MAX_BLOCKS = 50_000
_SPACES = re.compile(r"[ \t]+")


class Block(NamedTuple):
    """A heading, or a paragraph with the term that it hangs on (empty for none)."""

    kind: Kind
    level: int  # of indentation: what explains a block at level n follows it at a level above n
    term: str
    text: str  # lines only where the page breaks them


class Flow:
    """Collects pieces of text into blocks. One paragraph is open at any time; `new` closes it."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.verbatim = False
        self._level = 0
        self._term = ""
        self._parts: list[str] = []

    def new(self, level: int, term: str = "") -> None:
        """Begin a paragraph at `level`, hanging on `term`."""
        self._close()
        self._level, self._term = level, _tidy(term)

    def add(self, text: str) -> None:
        """Append a line of text to the open paragraph."""
        self._parts.append(text)
        if self.verbatim:
            self._parts.append("\n")

    def line_break(self) -> None:
        """Break the line here."""
        self._parts.append("\n")

    def paragraph(self) -> None:
        """Begin a paragraph at the level of the open one; no effect on one that is still empty."""
        if self._parts:
            self.new(self._level)

    def heading(self, kind: Kind, text: str) -> None:
        """Write a heading and begin a paragraph at the margin."""
        self.new(0)
        self.blocks.append(Block(kind, -1, "", _tidy(text)))

    def set_verbatim(self, *, on: bool) -> None:
        """Keep lines as they stand from here on, or no longer."""
        if on != self.verbatim:
            self.paragraph()
            self.verbatim = on

    def finish(self) -> list[Block]:
        """Close the open paragraph; returns all blocks."""
        self._close()
        return self.blocks

    def _close(self) -> None:
        text = "".join(self._parts).strip("\n") if self.verbatim else _tidy(" ".join(self._parts))
        if (text or self._term) and len(self.blocks) < MAX_BLOCKS:
            self.blocks.append(Block("code" if self.verbatim else "text", self._level, self._term, text))
        self._parts, self._term = [], ""


def _tidy(text: str) -> str:
    r"""Join what `\c` joins, and leave one space between words and none around a line break."""
    text = _SPACES.sub(" ", re.sub(f" ?{JOIN} ?", "", text))
    return re.sub(r" ?\n ?", "\n", text).strip(" \n")
