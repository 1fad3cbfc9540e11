"""Which few of many proposed lines to show: those that agree best with what all the proposals say.

In: lines, each with the probability that it is what is wanted. Out: some of them, best first. The first has the
greatest expected agreement with the truth (minimum Bayes risk, Kumar and Byrne, NAACL 2004); each further one adds
most to the expected agreement of the best among those shown, so that a list holds alternatives, not variants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.shape import Shape, agreements, shape

CONSIDERED = 100  # shapes, the most probable ones; all pairs of them are compared


class Choice(NamedTuple):
    """A line, and the probability of all the proposals that do the same with the same options."""

    line: str
    probability: float


def choose(proposals: Mapping[str, float], count: int, faults: Callable[[str], int] = lambda _: 0) -> list[Choice]:
    """Return up to `count` lines of different shapes out of `proposals`, whose probabilities sum to 1.

    Of lines of one shape the one with the fewest `faults` is taken, the most probable of those.
    """
    shares: defaultdict[Shape, float] = defaultdict(float)
    lines: dict[Shape, str] = {}
    for line, probability in sorted(proposals.items(), key=lambda item: (faults(item[0]), -item[1])):
        shares[shape(line)] += probability
        lines.setdefault(shape(line), line)
    shapes = sorted(shares, key=lambda each: -shares[each])[:CONSIDERED]
    weights = np.array([shares[each] for each in shapes])
    table = agreements(shapes)
    np.fill_diagonal(table, 1)  # a line that runs nothing, too, is what it is
    return [Choice(lines[shapes[at]], shares[shapes[at]]) for at in _best_list(table, weights, count)]


def mixed(opinions: Iterable[tuple[float, Mapping[str, float]]]) -> dict[str, float]:
    """Return the mean of distributions over lines, each with its weight; an empty one has no say."""
    total: defaultdict[str, float] = defaultdict(float)
    for weight, opinion in opinions:
        whole = sum(opinion.values())
        for line, share in opinion.items():
            total[line] += weight * share / whole
    whole = sum(total.values())
    return {line: share / whole for line, share in total.items()}


def _best_list(table: NDArray[np.float64], weights: NDArray[np.float64], count: int) -> list[int]:
    reached = np.full(len(weights), -1.0)  # agreement of the best chosen so far, whichever shape is the truth
    chosen: list[int] = []
    for _ in range(min(count, len(weights))):
        expected = np.maximum(table, reached) @ weights
        expected[chosen] = -np.inf
        best = int(expected.argmax())
        chosen.append(best)
        reached = np.maximum(reached, table[best])
    return chosen
