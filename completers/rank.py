"""From features to probabilities, and the learning of both from what is run.

In: features of the lines that match. Out: how likely each is the one being typed. Two small models:

- which of the known lines: a log-linear model (multinomial logit) over the traits of the line and the shares that the
  sources give it. Its scores do not depend on what is typed, so typing on never reorders lines: no flicker.
- whether the line is known at all: a logistic model over how much of the history matches, how much is typed, and how
  often this user types something new.

Both start from fixed weights and take a gradient step on each command that is run.

How the first weights were found. Fitted: multinomial and logistic regression, prequential, on 31,000 lines in the
order of 277 projects' documentation and CI jobs under free licences, of at most 40 characters and without script
variables, as hand-typed lines are (mean 23); two thirds of the projects for fitting, the rest for checking. No weight
was fitted on recorded shell sessions. Reasoned: documents never repeat a line at once and seldom soon, have no
folders and no exit codes, and repeat whole sequences word by word. So `fresh`, `again`, `folder`, `fix` and `failed`
are set by hand, and `next` and `next2`, fitted at 1.4 and 0.5, are lowered. The user's own commands soon matter more
than either.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from completers.calibrate import Share
from completers.history import TRAITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from completers.pool import Pool

SMALL = 1e-2  # a share of this size doubles a line's odds at weight 1
LINE_RATE, KNOWN_RATE = 0.015, 0.005  # learning rates
LIMIT = 4.0  # weights stay within plus and minus this
STRONGEST = 60.0  # exponent of a line's weight; several sources at LIMIT reach 90, and e**89 is infinite in 32 bits
NOVELTY_PRIOR = (2.0, 4.0)  # new lines, and lines, assumed before the first

KNOWN: dict[str, float] = {
    "bias": 0.3,
    "matching": 0.1,  # log of the weight of the matching lines over that of all
    "typed": 0.7,  # characters typed, tenths
    "repeats": 0.8,  # logit of the share of repetitions among the runs of the matching lines
    "novelty": -0.25,  # logit of the share of commands that were new
}


class Typed(NamedTuple):
    """What is typed and how much of the history matches it."""

    text: str
    matching: float  # weight of the matching lines over the weight of all, 0..1
    lines: int  # matching lines
    runs: int  # how often they were run


class Ranker:
    """Weights, and the steps that change them."""

    def __init__(self, source_weights: Sequence[float]) -> None:
        self.line_weights = np.array([*TRAITS.values(), *source_weights], np.float32)
        self.known_weights = np.array(list(KNOWN.values()))
        self.novelty = Share(*NOVELTY_PRIOR)

    def static(self, traits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weights of lines that no source has named, from their traits."""
        # not `@`: BLAS starts threads for a million rows
        return _powers((traits * self.line_weights[: len(TRAITS)]).sum(axis=1))

    def weigh(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weights of lines from all their features; a line's odds against another are the quotient of their weights."""
        return _powers(features @ self.line_weights)

    def known(self, typed: Typed) -> float:
        """Probability that the line being typed is one of the matching ones."""
        if not typed.lines:
            return 0.0
        return 1 / (1 + exp(-float(self._describe(typed) @ self.known_weights)))

    def learn_line(self, pool: Pool, rows: list[int], chosen: int, total: float) -> None:
        """Step towards the chosen row of those that match; `total` is the weight of all lines it could have been."""
        expected = pool.weights[rows] @ pool.features[rows] / total
        self.line_weights += LINE_RATE * (pool.features[chosen] - expected)
        np.clip(self.line_weights, -LIMIT, LIMIT, out=self.line_weights)

    def learn_known(self, typed: Typed, *, known: bool) -> None:
        """Step towards what the line turned out to be."""
        if typed.lines:
            described = self._describe(typed)
            self.known_weights += KNOWN_RATE * (known - self.known(typed)) * described

    def _describe(self, typed: Typed) -> NDArray[np.float64]:
        matching = log(max(typed.matching, 1e-9))
        repeats = log((typed.runs - typed.lines + 0.5) / (typed.lines + 0.5))
        return np.array([1, matching, len(typed.text) / 10, repeats, self.novelty.log_odds()])


def _powers(exponents: NDArray[np.float32]) -> NDArray[np.float32]:
    powers: NDArray[np.float32] = np.exp(np.minimum(exponents, STRONGEST))
    return powers
