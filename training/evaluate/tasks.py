"""The tasks: each puts the same questions to any predictor, and returns a score per item.

In: a predictor and held-out rows (training.records.Row). Out: measures by name. Two predictors that were given the
same rows have their scores in the same order, so they can be compared in pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from assistant_core.engine import prompt
from assistant_core.engine.prompt import Part, Piece
from training.evaluate import metrics
from training.evaluate.bootstrap import Difference, compare
from training.evaluate.predictor import Answering, Completing, Explaining, Weighing
from training.records import Row

FORESEEN = 10  # lines that are asked for at an empty prompt


class Measure(NamedTuple):
    """Scores of items, and how much each counts in the mean: 1, the length of a line, bytes of a text."""

    values: list[float]
    weights: list[float]
    less_is_better: bool = False

    @property
    def mean(self) -> float:
        """The weighted mean; nan of no items."""
        return float(np.average(self.values, weights=self.weights)) if self.values else float("nan")


Measures = dict[str, Measure]


def better(ours: Measure, theirs: Measure, seed: int = 0) -> Difference:
    """Compare two predictors' scores of the same items; a difference above 0 is an improvement."""
    sign = -1 if ours.less_is_better else 1
    one, other = (sign * np.array(each.values) for each in (ours, theirs))
    return compare(one, other, ours.weights, seed=seed)


def next_line(predictor: Completing, rows: Iterable[Row]) -> Measures:
    """Ask for each line of each session, but for the first, before anything of it is typed."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for before, truth in _moments(rows):
        if any(piece == Piece.LINE for piece, _ in before):
            lines = [line for line, _ in predictor.lines(before, "", FORESEEN)]
            found["hit@1"].append(metrics.hit(lines, truth, 1))
            found["hit@5"].append(metrics.hit(lines, truth, 5))
            found["mrr"].append(metrics.reciprocal_rank(lines, truth))
    return _equal(found)


def typing(predictor: Completing, rows: Iterable[Row], *, steady: bool = True) -> Measures:
    """Type every line of sessions, and lines that stand alone; return the share of keystrokes saved.

    `steady`: nothing is asked while what is typed agrees with the ghost, as in the shell.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    lengths: list[float] = []
    for before, truth in _moments(rows):
        shown = metrics.ghosts(truth, _Typist(predictor, before, steady=steady))
        found["saved by line"].append(1 - metrics.keys_by_line(shown, truth) / len(truth))
        found["saved by word"].append(1 - metrics.keys_by_word(shown, truth) / len(truth))
        lengths.append(len(truth))
    return {name: Measure(values, lengths) for name, values in found.items()}


def requests(predictor: Answering, rows: Iterable[Row]) -> Measures:
    """Ask each request once; all lines that the rows of its group give for it are right."""
    golds: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.task == "request":
            golds[row.texts[0], row.group].append(row.texts[1])
    found: defaultdict[str, list[float]] = defaultdict(list)
    for (request, _), lines in golds.items():
        for name, score in metrics.answers(predictor.answer(request, max(metrics.FIRSTS)), lines).items():
            found[name].append(score)
    return _equal(found)


def explanations(predictor: Explaining, rows: Iterable[Row]) -> Measures:
    """Have each line said in words, and compare the words."""
    texts = [row.texts for row in rows if row.task == "explain"]
    return _equal({"overlap": [metrics.overlap(predictor.explain(line), truth) for line, truth in texts]})


def bits(predictor: Weighing, rows: Iterable[Row]) -> Measures:
    """Weigh every text that is to be produced; return bits per byte, and of each task alone."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    sizes: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        for before, text in questions(row):
            size = len(text.encode())
            for name in ("bits", f"bits, {row.task}"):
                found[name].append(predictor.bits(before, text) / size)
                sizes[name].append(size)
    return {name: Measure(values, sizes[name], less_is_better=True) for name, values in found.items()}


def questions(row: Row) -> Iterator[tuple[list[Part], str]]:
    """Yield what the model is asked in a row, ending with the piece asked for, and what it should say."""
    match row.task:
        case "session" | "line":
            for before, line in _moments([row]):
                yield [*before, (Piece.LINE, "")], line
        case "request":
            yield prompt.request(row.texts[0]), row.texts[1]
        case "explain":
            yield prompt.explanation(row.texts[0]), row.texts[1]
        case "fix":
            yield prompt.repair(row.texts[0]), row.texts[1]


class _Typist:
    def __init__(self, predictor: Completing, before: Sequence[Part], *, steady: bool) -> None:
        self._predictor, self._before, self._steady = predictor, before, steady
        self._ghost: str | None = None

    def __call__(self, typed: str) -> str | None:
        if not typed:  # the next command, foreseen: not counted
            return None
        kept = self._ghost if self._steady else None
        if kept is None or not kept.startswith(typed) or kept == typed:
            lines = (line for line, _ in self._predictor.lines(self._before, typed, 2))  # one may be what is typed
            self._ghost = next((line for line in lines if line != typed), None)
        return self._ghost


def _moments(rows: Iterable[Row]) -> Iterator[tuple[list[Part], str]]:
    """Yield the parts before each line of sessions and lone lines, and the line."""
    for row in rows:
        if row.task in ("session", "line"):
            ran = list(zip(row.texts, row.exits or (None,) * len(row.texts), strict=True))
            for at, (line, _) in enumerate(ran):
                yield prompt.session(ran[:at], row.directory), line


def _equal(found: dict[str, list[float]]) -> Measures:
    return {name: Measure(values, [1.0] * len(values)) for name, values in found.items()}
