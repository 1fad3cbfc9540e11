"""What a command model's probabilities mean: a straight line in log-odds, fitted where the model was not trained.

In: a model, sessions that were held out. Out: a Calibration for its card, scores["calibration"]. The sessions are typed
from the left, as their authors may have; each line that the model offers on the way was right or was not.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assistant_core.engine import prompt
from assistant_core.engine.calibration import Calibration, log_odds
from assistant_core.engine.llm import COUNT, TOKENS
from assistant_core.engine.prompt import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from assistant_core.engine.command import CommandModel
    from training.records import Row

PREFIXES = (0, 1, 2, 4, 7, 11, 16, 22, 30)  # characters typed when the model is asked
LINES = 3  # of a session, so that no long one decides alone
BEFORE = 20  # lines that the model is told
STEPS = 25  # of Newton's method; five are the rule
PRIOR = np.diag([30.0, 2.0])  # strength of the belief that the slope is 1 and the offset 0; it keeps the slope positive
BINS = 10


class Observed(NamedTuple):
    """Offers, one each: log-odds as the model has them, and 1.0 where the line was the one, else 0.0."""

    log_odds: NDArray[np.float64]
    right: NDArray[np.float64]


def observe(model: CommandModel, sessions: Iterable[Row], *, seed: int = 0, most: int = 20_000) -> Observed:
    """Ask the model `most` times at the most while the `sessions` are typed."""
    found: list[tuple[float, float]] = []
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    asked = 0
    for row in chance.sample(rows := [row for row in sessions if row.task == "session"], len(rows)):
        for at in chance.sample(range(len(row.texts)), min(LINES, len(row.texts))):
            parts = [*prompt.session(_before(row, at), row.directory), (Piece.LINE, "")]
            for typed in _typed(row.texts[at]):
                offers = model.candidates(parts, typed, count=COUNT, tokens=TOKENS)
                found += [(log_odds(score), float(line == row.texts[at])) for line, score in offers if line != typed]
                asked += 1
        if asked >= most:
            break
    return Observed(*np.array(found, np.float64).reshape(-1, 2).T)


def fit(observed: Observed) -> Calibration:
    """Return the most probable straight line: logistic regression with a normal prior around the identity."""
    inputs = np.stack((observed.log_odds, np.ones_like(observed.log_odds)), axis=1)
    identity = np.array([1.0, 0.0])
    weights = identity
    for _ in range(STEPS):
        said = _logistic(inputs @ weights)
        gradient = inputs.T @ (said - observed.right) + PRIOR @ (weights - identity)
        curvature = (inputs * (said * (1 - said))[:, None]).T @ inputs + PRIOR
        step, before = np.linalg.solve(curvature, gradient), _surprise(weights, inputs, observed.right)
        while _surprise(weights - step, inputs, observed.right) > before and np.any(weights - step != weights):
            step = step / 2  # far from the optimum the whole step may lead farther away
        weights = weights - step
    return Calibration(float(weights[0]), float(weights[1]))


def _surprise(weights: NDArray[np.float64], inputs: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return what `fit` makes small: the negative log-likelihood and the prior's."""
    values, apart = inputs @ weights, weights - np.array([1.0, 0.0])
    return float((np.logaddexp(0, values) - right * values).sum() + apart @ PRIOR @ apart / 2)


def error(calibration: Calibration, observed: Observed) -> float:
    """Return the expected calibration error, 0..1: how far what is said is from what happens, over BINS equal parts.

    Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015).
    """
    said = _logistic(calibration.slope * observed.log_odds + calibration.offset)
    parts = np.array_split(np.argsort(said), BINS)
    apart = (abs(said[part].mean() - observed.right[part].mean()) * len(part) for part in parts if len(part))
    return float(sum(apart)) / max(len(said), 1)


def _before(row: Row, at: int) -> list[tuple[str, int | None]]:
    exits = row.exits or (None,) * len(row.texts)
    return list(zip(row.texts, exits, strict=True))[max(0, at - BEFORE) : at]


def _typed(line: str) -> Iterator[str]:
    return (line[:length] for length in PREFIXES if length < len(line))


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.exp(-np.logaddexp(0, -values))
    return result
