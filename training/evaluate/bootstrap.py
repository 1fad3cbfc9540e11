"""Whether one is better than the other, or was lucky: the paired bootstrap.

In: two predictors' scores of the same items. Out: the difference of the means, its 95 % interval, and p. Koehn,
Statistical Significance Tests for Machine Translation Evaluation (EMNLP 2004); percentile interval, Efron (1979).
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 10_000
_AT_ONCE = 4_000_000  # numbers drawn at once, 32 MB


class Difference(msgspec.Struct, frozen=True):
    """By how much the mean of `ours` is above that of `theirs`.

    `p`: probability, one-sided, that it is no better; of RESAMPLES + 1 samples, the one drawn in reality included.
    """

    value: float
    low: float
    high: float
    p: float


def compare(
    ours: ArrayLike, theirs: ArrayLike, weights: ArrayLike | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> Difference:
    """Compare the scores (n,) of the same n >= 1 items; more is better.

    With `weights` (n,) the means are weighted, as keystrokes saved per line are by the line's length. Raises
    ValueError if the items differ in number or are none.
    """
    one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    weight = np.ones(len(one)) if weights is None else np.asarray(weights, np.float64)
    if not len(one) == len(other) == len(weight) or not len(one):
        raise ValueError(f"{len(one)} and {len(other)} scores with {len(weight)} weights; expected as many, and some")
    gains = (one - other) * weight
    generator = np.random.default_rng(seed)
    chunk = max(_AT_ONCE // len(gains), 1)
    drawn = [_drawn(gains, weight, min(chunk, resamples - at), generator) for at in range(0, resamples, chunk)]
    means = np.concatenate(drawn)
    low, high = np.quantile(means, [0.025, 0.975])
    no_better = (int((means <= 0).sum()) + 1) / (resamples + 1)
    return Difference(float(gains.sum() / weight.sum()), float(low), float(high), min(no_better, 1.0))


def _drawn(gains: np.ndarray, weight: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return the weighted means of `count` samples of all items, drawn with replacement."""
    chosen = generator.integers(len(gains), size=(count, len(gains)))
    return np.asarray(gains[chosen].sum(axis=1) / weight[chosen].sum(axis=1))
