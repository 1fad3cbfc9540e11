"""The lines that come into question at one prompt, weighed once, then only filtered as the user types.

In: the moment and the sources. Out: a pool; for a typed text, the lines that match, with their features and weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from completers.history import TRAITS, traits
from completers.rank import SMALL, Typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from completers.memory import Memory
    from completers.prefix import PrefixIndex
    from completers.rank import Ranker
    from completers.source import Moment, Source

HEAVIEST = 12  # lines taken from the prefix index besides those that a source names
LEAST = 1e-9


class Pool(NamedTuple):
    """Lines that a source names at one moment; one row each."""

    numbers: list[int]
    texts: list[str]
    features: NDArray[np.float32]  # (lines, traits + sources)
    weights: NDArray[np.float32]
    static: NDArray[np.float32]  # what the prefix index counts for the same lines
    place: dict[int, int]  # number to row


class Matches(NamedTuple):
    """Lines that match a text, those of the pool first."""

    numbers: list[int]
    weights: list[float]
    rows: list[int]  # rows of the pool
    total: float  # weight of all that match, those not listed included
    typed: Typed


def offerable(text: str) -> bool:
    """Say whether a line can be shown on one line."""
    return bool(text) and "\n" not in text


def gather(memory: Memory, sources: Sequence[Source], ranker: Ranker, moment: Moment) -> Pool:
    """Ask all sources what they believe in and weigh it."""
    shares = [source.propose(memory, moment) for source in sources]
    named: set[int] = set().union(*shares)
    numbers = [number for number in named if offerable(memory.texts[number])]
    place = {number: row for row, number in enumerate(numbers)}
    believed = np.zeros((len(numbers), len(shares)), np.float32)
    for column, share in enumerate(shares):
        for number, value in share.items():
            if number in place:
                believed[place[number], column] = value
    own = traits(memory, np.array(numbers, np.int32))
    features = np.hstack((own, np.log1p(believed / SMALL)))
    texts = [memory.texts[number] for number in numbers]
    return Pool(numbers, texts, features, ranker.weigh(features), ranker.static(own), place)


def match(pool: Pool, index: PrefixIndex, text: str) -> Matches:
    """Filter the pool by what is typed and add the heaviest lines that it lacks."""
    rows = [row for row, line in enumerate(pool.texts) if line.startswith(text) and line != text]
    low, high = index.span(text)
    numbers, weights = [pool.numbers[row] for row in rows], pool.weights[rows].tolist()
    others = 0.0
    for number, weight in index.heaviest(low, high, HEAVIEST):
        if number not in pool.place:
            numbers.append(number)
            weights.append(weight)
            others += weight
    static, runs = index.totals(low, high)
    total = sum(weights) - others + max(static - float(pool.static[rows].sum()), others)
    everything = index.everything + float(pool.weights.sum()) - float(pool.static.sum())
    share = min(total / max(everything, LEAST), 1.0)
    return Matches(numbers, weights, rows, max(total, LEAST), Typed(text, share, high - low, runs))


def named_by(pool: Pool, sources: Sequence[Source], ranker: Ranker, number: int) -> str:
    """Name the source that speaks most for a line; the first source stands for the history as a whole."""
    if number not in pool.place:
        return sources[0].name
    spoken = pool.features[pool.place[number], len(TRAITS) :] * ranker.line_weights[len(TRAITS) :]
    return sources[int(spoken.argmax())].name
