"""A command line and the manual pages → an `Explanation`: each piece with the text that the manual has for it.

`parse` finds the pieces, `arguments` explains commands from their pages, tables (`operators`) the signs. Every
sentence about a program is quoted. Nothing in the line is run or expanded, and no program is started.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from assistant_core.knowledge.arguments import Arguments
from assistant_core.knowledge.operators import BUILTINS, REDIRECTIONS, SHELL, SIGNS, XONSH, XONSH_SIGNS
from assistant_core.knowledge.parse import MAX_DEPTH, MAX_LINE, MAX_PIECES, parse
from assistant_core.knowledge.pieces import Sign
from assistant_core.knowledge.sources import ManualError
from assistant_core.records import Explanation, Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant_core.knowledge.manuals import Manuals
    from assistant_core.knowledge.page import Page
    from assistant_core.knowledge.pieces import Word

_NO_PAGES = (
    "no manual pages are installed on this machine: on Debian and Ubuntu `apt install man-db manpages` (in a minimized"
    " image `unminimize`), on Fedora `dnf install man-db man-pages`, on Arch `pacman -S man-db man-pages`"
)
_TOO_LONG = f"only part is explained: at most {MAX_LINE} characters, {MAX_PIECES} pieces and {MAX_DEPTH} levels"
_CAPTURES = ("$(", "$[", "![", "!(", "`", "@(")


def explain(line: str, manuals: Manuals) -> Explanation:
    """Explain `line` piece by piece. Never fails: what is not found is said in passages and notes."""
    return _Explainer(line, manuals).explain()


class _Explainer:
    """Collects the passages of one line; the host of its `Arguments`."""

    def __init__(self, line: str, manuals: Manuals) -> None:
        self.line = line
        self.manuals = manuals
        self.passages: list[Passage] = []
        self.signs: list[Passage] = []
        self.within: list[tuple[int, int]] = []  # where commands within commands stand
        self.notes: dict[str, None] = {}  # in order, each once
        self.pages: dict[str, Page | None] = {}

    def explain(self) -> Explanation:
        self.script(self.line, 0, 0)
        passages = [*self.passages, *(self._deepened(sign) for sign in self.signs)]
        if not passages:
            self.notes["there is nothing to explain: the line is empty"] = None
        passages.sort(key=lambda passage: (passage.start, passage.depth))
        return Explanation(line=self.line, passages=tuple(passages), notes=tuple(self.notes))

    def _deepened(self, sign: Passage) -> Passage:
        """Put a sign as deep as the command it stands in, if a wrapper runs that one."""
        extra = sum(start <= sign.start < end for start, end in self.within)
        return msgspec.structs.replace(sign, depth=sign.depth + extra) if extra else sign

    def script(self, text: str, offset: int, depth: int) -> None:
        """Explain a command line that stands at `offset` of the line."""
        if depth > MAX_DEPTH:
            self.notes[_TOO_LONG] = None
            return
        parsed = parse(text)
        if not parsed.complete:
            self.notes[_TOO_LONG] = None
        for piece in parsed.pieces:
            if isinstance(piece, Sign):
                self._sign(
                    piece._replace(start=piece.start + offset, end=piece.end + offset, depth=piece.depth + depth)
                )
            else:
                words = [word._replace(start=word.start + offset, end=word.end + offset) for word in piece.words]
                self._command(words, piece.depth + depth)

    def add(self, passage: Passage) -> None:
        """Take a passage, unless there are too many."""
        if len(self.passages) < MAX_PIECES:
            self.passages.append(passage)
        else:
            self.notes[_TOO_LONG] = None

    def command(self, words: Sequence[Word], depth: int) -> None:
        """Explain a command that stands within another."""
        self.within.append((words[0].start, words[-1].end))
        self._command(words, depth)

    def _command(self, words: Sequence[Word], depth: int) -> None:
        program = words[0]
        if depth > 2 * MAX_DEPTH:
            self.notes[_TOO_LONG] = None
        elif program.literal and re.search(r"[\w\[:.]", program.value):
            Arguments(self, words, depth).explain()
        elif not program.text.startswith(_CAPTURES):
            text = "no name of a program" if program.literal else "which program this is shows only when the line runs"
            self.add(Passage(words=program.text, start=program.start, depth=depth, text=text, source="", found=False))

    def _sign(self, sign: Sign) -> None:
        key, source = sign.key, XONSH if sign.key in XONSH_SIGNS else SHELL
        text = XONSH_SIGNS.get(key) or SIGNS.get(key) or BUILTINS.get(key) or REDIRECTIONS.get(key, "")
        words = self.line[sign.start : sign.end]
        if text and len(self.signs) < MAX_PIECES:
            text = text.format(target=sign.target) if key in REDIRECTIONS else text
            self.signs.append(Passage(words=words, start=sign.start, depth=sign.depth, text=text, source=source))

    def page(self, name: str) -> Page | None:
        """Return the page of a program, also under its name without a version (python3.12 → python3 → python)."""
        if name not in self.pages:
            self.pages[name] = self._find(name)
        return self.pages[name]

    def _find(self, name: str) -> Page | None:
        names = dict.fromkeys([name, re.sub(r"\.\d+$", "", name), re.sub(r"-?\d+(?:\.\d+)*$", "", name)])
        try:
            return next((page for each in names if (page := self.manuals.page(each)) is not None), None)
        except ManualError as error:
            self.notes[str(error)] = None
            return None

    def missing(self, name: str) -> None:
        """Note what to do about a program without a page."""
        if self.manuals.installed():
            note = f"{name} has no manual page here: install the package that brings it, or ask `{name} --help`"
            self.notes[note] = None
        else:
            self.notes[_NO_PAGES] = None
