"""A version of the command model, asked in the words that it was taught.

In: parts in the user's own words. Out: lines in the user's own words. A model of the user's own was taught lines
without the names of home, user and host: they are taken out of what it is asked and put back into what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant_core.engine.prompt import Part, Piece
from assistant_core.normalise import denormalise, normalise
from assistant_core.redact import MARK

if TYPE_CHECKING:
    from assistant_core.engine.command import Answers
    from assistant_core.engine.llm import Opened, Place

ALWAYS = frozenset((Piece.LINE, Piece.EXIT))  # pieces that need no training of their own: a repair is told of code 1


class Told:
    """The model `opened`, for somebody at `place`; what it was never taught to answer it answers with nothing."""

    def __init__(self, opened: Opened, place: Place) -> None:
        self._opened = opened
        self._names = (place.home, place.user, place.host) if opened.personal else (place.home, "", "")

    def candidates(
        self, parts: Sequence[Part], typed: str = "", *, count: int, tokens: int, deadline_s: float
    ) -> Answers:
        """Return lines that may follow, with their natural log-probability."""
        if not self._knows(parts):
            return []
        asked, begun = self._asked(parts), normalise(typed, *self._names)
        return self._said(
            self._opened.model.candidates(asked, begun, count=count, tokens=tokens, deadline_s=deadline_s)
        )

    def generate(self, parts: Sequence[Part], *, count: int, tokens: int, deadline_s: float) -> Answers:
        """Return lines that begin differently, with their natural log-probability."""
        if not self._knows(parts):
            return []
        return self._said(
            self._opened.model.generate(self._asked(parts), count=count, tokens=tokens, deadline_s=deadline_s)
        )

    def score(self, parts: Sequence[Part], text: str) -> float:
        """Return the natural log-probability of a line. Raises ModelError if it is too long."""
        return self._opened.model.score(self._asked(parts), normalise(text, *self._names))

    def _knows(self, parts: Sequence[Part]) -> bool:
        return all(piece in self._opened.trained for piece, _ in parts if piece not in ALWAYS)

    def _asked(self, parts: Sequence[Part]) -> list[Part]:
        return [(piece, normalise(text, *self._names)) for piece, text in parts]

    def _said(self, lines: Answers) -> Answers:
        _, user, host = self._names  # a "~" stays as short as it is
        return [(denormalise(line, "", user, host), score) for line, score in lines if MARK not in line]
