"""What a command model can do, measured step by step.

In: a model's file, sessions that were held out, whom to tell. Out: its scores. A step is a line that was typed, or
one question of everything else.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from assistant_core.engine.command import CommandModel
from assistant_core.engine.prompt import Piece
from training import calibrate, publicset, safety
from training.evaluate import tasks
from training.evaluate.model import CommandPredictor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from assistant_core.engine.calibration import Calibration
    from assistant_core.engine.prompt import Part
    from assistant_core.engine.search import Search
    from assistant_core.engine.vocabulary import Typed
    from training.evaluate.tasks import Measure
    from training.records import Row

OBSERVED = 1500  # questions, about, from which the calibration is fitted


class Steps:
    """Counts steps; `tell` is given how many are done and how many are expected so far."""

    def __init__(self, tell: Callable[[int, int], object]) -> None:
        self._tell = tell
        self._done = self._total = 0

    def expect(self, more: int) -> None:
        """Note that `more` steps are to come."""
        self._total += more
        self._tell(self._done, self._total)

    def one(self) -> None:
        """Note that a step is done."""
        self._done = min(self._done + 1, self._total)
        self._tell(self._done, self._total)


class Asked(CommandModel):
    """A command model that tells of every question it is asked."""

    def __init__(self, gguf: Path, tell: Callable[[], object]) -> None:
        super().__init__(gguf)
        self._tell = tell

    def _run(
        self, search: Search, parts: Sequence[Part], begun: Typed, tokens: int, deadline_s: float
    ) -> list[tuple[bytes, float]]:
        found = super()._run(search, parts, begun, tokens, deadline_s)
        self._tell()
        return found


class Scores(NamedTuple):
    """What a model was measured to do."""

    saved: Measure
    public: float
    safe: safety.Result
    calibration: Calibration


def expected(rows: Sequence[Row]) -> int:
    """Return how many steps `scores` takes, about: which lines the calibration asks about is left to chance."""
    asked = 0.0
    for row in rows:
        beginnings = sum(length < len(text) for text in row.texts for length in calibrate.PREFIXES)
        asked += beginnings * min(calibrate.LINES / len(row.texts), 1)
    lines = sum(len(row.texts) for row in rows)
    return lines + len(publicset.fixed()) + len(safety.items()) + min(round(asked), OBSERVED)


def scores(gguf: Path, rows: Sequence[Row], trained: Sequence[str], steps: Steps) -> Scores:
    """Measure the model in the file `gguf` on sessions, without telling it what it has no pieces for."""
    known = [
        msgspec.structs.replace(
            row,
            exits=row.exits if Piece.EXIT in trained else (),
            directory=row.directory if Piece.DIRECTORY in trained else "",
        )
        for row in rows
    ]
    with closing(CommandModel(gguf)) as model:
        saved = tasks.typing(CommandPredictor(model), _told(known, steps))["saved by line"]
    with closing(Asked(gguf, steps.one)) as model:
        return Scores(
            saved=saved,
            public=publicset.score(model),
            safe=safety.check(model),
            calibration=calibrate.fit(calibrate.observe(model, known, most=OBSERVED)),
        )


def _told(rows: Sequence[Row], steps: Steps) -> Iterator[Row]:
    for row in rows:
        yield row
        for _ in row.texts:
            steps.one()
