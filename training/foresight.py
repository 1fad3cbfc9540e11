"""How well a command model foresees a person's next lines, line by line.

In: a model, rows of sessions that it never saw. Out: for each line 1.0 where it was foreseen, and the straight line
that turns the model's log-probabilities into probabilities (assistant_core.engine.calibration).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assistant_core.engine import prompt
from assistant_core.engine.calibration import Calibration, log_odds
from assistant_core.engine.prompt import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant_core.engine.command import CommandModel
    from training.records import Row

MOST = 500  # lines that are asked for
BEFORE = 12  # lines that the model is shown
TOKENS = 32  # most of a line
PRIOR = 1.0  # pull of the calibration towards "as the model says", in items
STEPS = 50


class Item(NamedTuple):
    """A line to foresee: the lines before it with their exit codes, the kind of directory, what was typed of it."""

    before: tuple[tuple[str, int | None], ...]
    directory: str
    typed: str
    line: str


class Foreseen(NamedTuple):
    """The model's best guess, and whether it was right."""

    log_probability: float
    right: bool


def items(rows: Sequence[Row], *, most: int = MOST, seed: int = 0) -> list[Item]:
    """Return up to `most` of the lines of sessions, each asked for at the empty prompt and after its first word."""
    every = []
    for row in rows:
        exits = row.exits or (None,) * len(row.texts)
        past = tuple(zip(row.texts, exits, strict=True))
        for at, line in enumerate(row.texts):
            first = line.partition(" ")
            every.append(
                [(past[max(at - BEFORE, 0) : at], row.directory, typed, line) for typed in {"", first[0] + first[1]}]
            )
    chosen = random.Random(seed).sample(every, min(most, len(every)))  # noqa: S311 - a sample, not a secret
    return [Item(*item) for both in chosen for item in sorted(both) if item[2] != item[3]]


def foresee(model: CommandModel, asked: Sequence[Item], trained: Sequence[str]) -> list[Foreseen]:
    """Ask for each item; `trained` are the control pieces that the model has been shown, as in its card."""
    found = []
    for item in asked:
        before = item.before if Piece.EXIT in trained else [(line, None) for line, _ in item.before]
        parts = prompt.session(before, item.directory if Piece.DIRECTORY in trained else "")
        answers = model.candidates([*parts, (Piece.LINE, "")], item.typed, count=1, tokens=TOKENS)
        line, log_probability = answers[0] if answers else ("", -np.inf)
        found.append(Foreseen(float(log_probability), line == item.line))
    return found


def fit(found: Sequence[Foreseen]) -> Calibration:
    """Return the calibration that makes `found` most probable: Platt scaling, by Newton's method, with a weak prior."""
    odds = np.array([log_odds(each.log_probability) for each in found if np.isfinite(each.log_probability)])
    right = np.array([each.right for each in found if np.isfinite(each.log_probability)], dtype=float)
    rows = np.stack([odds, np.ones_like(odds)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(STEPS):
        says = 1 / (1 + np.exp(-rows @ weights))
        gradient = rows.T @ (says - right) + PRIOR * (weights - [1.0, 0.0])
        curvature = (rows * (says * (1 - says))[:, None]).T @ rows + PRIOR * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-9:  # noqa: PLR2004 - found
            break
    return Calibration(float(weights[0]), float(weights[1]))
