"""Making probabilities mean what they say.

In: the probability a model gave and what then happened. Out: the probability to show. Three corrections, all learnt as
commands are run: a straight line in log-odds per kind of line (Platt 1999), a factor for lines that failed when they
were last run in this folder, and a factor for ghosts that were shown and passed over.
"""

from __future__ import annotations

from bisect import bisect_left
from math import exp, log
from typing import Literal

Kind = Literal["known", "composed", "offered"]
Failure = Literal["missing", "one", "other"]

RATES = 0.01, 0.02, 0.03  # learning rates of a slope, of an offset, and of what a class of length adds to it
EAGER, SETTLED = 0.2, 5.0  # rate of an offset at first, and the observations that halve it
BOUNDS = 3.0  # offsets stay within plus and minus this, slopes between a third and this
LENGTHS = (0, 3, 7, 14, 24)  # characters typed, the last of each class
# Slope, offset, and what each class of length adds to it.
STRAIGHT: dict[Kind, tuple[float, ...]] = {
    "known": (0.9, 0.0, -0.3, -0.15, -0.15, -0.05, 0.0, 0.0),
    "composed": (0.8, 0.0, 0.0, -0.5, -0.4, -0.4, 0.15, 0.3),
    "offered": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),  # calibrated by whoever trained the model
}
MEMORY = 500  # times that a share remembers
FORESEEN = 0.3  # weight of the log-odds that the last word of a new line was among the words expected
FAILED_HITS, FAILED_EXPECTED = 1.0, 5.0  # assumed before the first failure: a fifth as likely as without it
PASSED_OVER, PASSED_OVER_LEAST = 0.85, 0.35  # factor for each time, and its lower bound
NOT_FOUND = (126, 127)


class Share:
    """How often something happened lately, from an assumed start; what is older than 500 times counts half."""

    def __init__(self, hits: float, times: float) -> None:
        self._hits, self._times = hits, times

    def count(self, *, hit: bool) -> None:
        """Count one more time."""
        if self._times >= MEMORY:
            self._hits, self._times = self._hits / 2, self._times / 2
        self._hits, self._times = self._hits + hit, self._times + 1

    def log_odds(self) -> float:
        """Log-odds of a hit."""
        return log_odds(self._hits / self._times)


def log_odds(probability: float) -> float:
    """Log-odds of a probability, within plus and minus 14."""
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return log(clipped / (1 - clipped))


class Calibration:
    """The corrections of one user."""

    def __init__(self) -> None:
        self._lines: dict[Kind, list[float]] = {kind: list(line) for kind, line in STRAIGHT.items()}
        self._observed: dict[Kind, int] = {}
        self.foreseen = Share(1.0, 2.0)  # new lines, by whether their last word was among those expected
        self._failed: dict[Failure, tuple[float, float]] = {}
        self._passed_over: dict[tuple[str, bool], int] = {}  # line, at the empty prompt

    def probability(self, kind: Kind, predicted: float, typed: int) -> float:
        """Correct a prediction made after `typed` characters. Within a kind the order of lines stays."""
        slope, offset, *added = self._lines[kind]
        if kind == "composed":
            offset += FORESEEN * self.foreseen.log_odds()
        return 1 / (1 + exp(-slope * log_odds(predicted) - offset - added[bisect_left(LENGTHS, typed)]))

    def learn(self, kind: Kind, predicted: float, typed: int, *, right: bool) -> None:
        """Step towards what happened."""
        line = self._lines[kind]
        error = right - self.probability(kind, predicted, typed)
        gradients = error * log_odds(predicted), error, error
        self._observed[kind] = seen = self._observed.get(kind, 0) + 1
        rates = RATES[0], max(RATES[1], EAGER / (1 + seen / SETTLED)), RATES[2]
        for at, rate, gradient in zip((0, 1, 2 + bisect_left(LENGTHS, typed)), rates, gradients, strict=True):
            line[at] = min(max(line[at] + rate * gradient, -BOUNDS), BOUNDS)
        line[0] = max(line[0], 1 / BOUNDS)

    def after_failure(self, exit_code: int) -> float:
        """Say how much less likely a line is because its last run here ended with `exit_code`, 0..1."""
        hits, expected = self._failed.get(_failure(exit_code), (FAILED_HITS, FAILED_EXPECTED))
        return min(hits / expected, 1.0)

    def learn_failure(self, exit_code: int, predicted: float, *, right: bool) -> None:
        """Count a line predicted in spite of its failure: some programs say 1 and mean no harm (grep)."""
        kind = _failure(exit_code)
        hits, expected = self._failed.get(kind, (FAILED_HITS, FAILED_EXPECTED))
        self._failed[kind] = hits + right, expected + predicted

    def passed_over(self, line: str, *, empty: bool) -> float:
        """Say how much less likely a line is because it was shown and not taken, 0..1."""
        times = self._passed_over.get((line, empty), 0)
        return max(PASSED_OVER**times, PASSED_OVER_LEAST)

    def pass_over(self, line: str, *, empty: bool) -> None:
        """Count a ghost that was shown and not taken."""
        self._passed_over[line, empty] = self._passed_over.get((line, empty), 0) + 1

    def forgive(self, line: str) -> None:
        """Drop what was counted against a line: it was run, or is to be forgotten."""
        self._passed_over.pop((line, True), None)
        self._passed_over.pop((line, False), None)


def _failure(exit_code: int) -> Failure:
    return "missing" if exit_code in NOT_FOUND else "one" if exit_code == 1 else "other"
