"""The public rows that come with the program: some to score by, others to show again so that they are not forgotten.

In: nothing but the package's own files. Out: rows; how well a model answers such rows. Each row names its source and
licence; NOTICE has the attributions.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from assistant_core.engine import prompt
from training.evaluate import metrics
from training.records import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from assistant_core.engine.command import CommandModel

SCORED, LEARNT = "fixed.jsonl.gz", "public.jsonl.gz"  # requests with all their lines; rows of every task


def score(model: CommandModel, rows: Sequence[Row] | None = None) -> float:
    """Return how well `model` answers requests, 0..1. `rows`: the requests, at least one; None: the fixed set."""

    def answers(row: Row) -> list[str]:
        return [line for line, _ in model.generate(prompt.request(row.texts[0]), count=1)]

    found = scores(answers, fixed() if rows is None else rows)
    return sum(found) / len(found)


def scores(answers: Callable[[Row], Sequence[str]], rows: Iterable[Row]) -> list[float]:
    """Return how well the first line is that `answers` gives for each row, 0..1, against any but the row's first text.

    Utilities and options count as metrics.answers has them; no line at all is 0.
    """
    return [(metrics.answers(answers(row), row.texts[1:])["nlc2cmd@1"] + 1) / 2 for row in rows]


def fixed() -> tuple[Row, ...]:
    """Return the requests to score by."""
    return _rows(SCORED)


def learning() -> tuple[Row, ...]:
    """Return the rows that may be learnt from."""
    return _rows(LEARNT)


@cache
def _rows(name: str) -> tuple[Row, ...]:
    text = gzip.decompress(files("training").joinpath(name).read_bytes())
    return tuple(msgspec.json.decode(line, type=Row) for line in text.splitlines())
