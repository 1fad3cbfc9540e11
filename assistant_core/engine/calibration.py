"""What a model's log-probabilities mean: a straight line in log-odds (Platt 1999), fitted on lines it never saw.

In: the natural log-probability of a whole line, a model's card. Out: the probability, 0..1, that it is the line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from assistant_core.errors import ModelError

SCORE: Final = "calibration"  # where a card's scores hold it
CLOSEST: Final = 1e-6  # no model is surer than this


class Calibration(NamedTuple):
    """The straight line. Its defaults are about those of a command model in the middle of its training."""

    slope: float = 0.9
    offset: float = -0.1

    def probability(self, log_probability: float) -> float:
        """Return the probability that belongs to `log_probability`."""
        return 1 / (1 + math.exp(-self.slope * log_odds(log_probability) - self.offset))


def log_odds(log_probability: float) -> float:
    """Return log(p / (1 - p)) of p = exp(log_probability), with both of p and 1 - p at least CLOSEST."""
    p = min(max(math.exp(log_probability), CLOSEST), 1 - CLOSEST)
    return math.log(p / (1 - p))


def of(scores: Mapping[str, Any]) -> Calibration:
    """Return the calibration among a card's scores, or the default. Raises ModelError if it is none."""
    try:
        found = msgspec.convert(scores.get(SCORE, {}), dict[str, float])
        return Calibration(**found)
    except (msgspec.ValidationError, TypeError) as error:
        expected = '{"slope": number, "offset": number}'
        raise ModelError(f"scores.{SCORE} of the model's card is {scores[SCORE]!r}; expected {expected}") from error
