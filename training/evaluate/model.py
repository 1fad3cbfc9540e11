"""The command model, and the program's answers, as predictors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant_core.engine import prompt
from assistant_core.engine.prompt import Part, Piece

if TYPE_CHECKING:
    from assistant_core.engine.answer import Answerer
    from assistant_core.engine.command import CommandModel
    from training.evaluate.predictor import Ranked

WORDS = 64  # tokens of the longest explanation


class CommandPredictor:
    """The command model alone."""

    def __init__(self, model: CommandModel) -> None:
        self._model = model

    def lines(self, before: Sequence[Part], typed: str, count: int) -> Ranked:
        """Return lines that may follow, as Completing.lines does."""
        found = self._model.candidates([*before, (Piece.LINE, "")], typed, count=count)
        return [(line, math.exp(score)) for line, score in found]

    def answer(self, request: str, count: int) -> list[str]:
        """Return the model's own answers, most probable first."""
        return [line for line, _ in self._model.candidates(prompt.request(request), count=count, tokens=WORDS)]

    def explain(self, line: str) -> str:
        """Return the most probable explanation."""
        found = self._model.generate(prompt.explanation(line), count=1, tokens=WORDS)
        return found[0][0] if found else ""

    def bits(self, before: Sequence[Part], text: str) -> float:
        """Return the bits of `text` and its end, as Weighing.bits does."""
        return -self._model.score(before, text) / math.log(2)


class AnswerPredictor:
    """What the program answers: pairs, intents and model together, or those of them that there are."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def answer(self, request: str, count: int) -> list[str]:
        """Return the lines that would be shown."""
        return [answer.line for answer in self._answerer.answer(request, count)]
