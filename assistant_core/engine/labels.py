"""Which utilities and options the known pairs' lines have, and how often a word of a request goes with them.

In: the pairs, once; then words and labels. Out: how much the pairs weigh that have both. A label is a utility, or an
option of one. What is kept of a label is eight bytes of its hash: 43,000 labels of 85,000 pairs take no time to open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.shape import Shape, shape

if TYPE_CHECKING:
    from assistant_core.engine.pairs import Pair

Label = tuple[str, str]  # a utility and "", or one of its options
Doubles = NDArray[np.float64]


class Arrays(NamedTuple):
    """The l labels of n pairs: label i is in those of `pairs[starts[i] : starts[i + 1]]`, one or more."""

    hashes: NDArray[np.uint64]  # (l,) of the labels, in order
    starts: NDArray[np.int64]  # (l + 1,)
    pairs: NDArray[np.int32]
    weights: NDArray[np.float32]  # (n,) of the pairs


class Together(NamedTuple):
    """What t words and m labels weigh: each word, each label, both together, and all pairs."""

    words: Doubles  # (t,)
    labels: Doubles  # (m,)
    both: Doubles  # (t, m)
    all: float


def labels(of: Shape) -> Iterator[Label]:
    """Yield the labels of a shape, utility by utility; one that stands twice in it comes twice."""
    for name, options in of:
        yield name, ""
        yield from ((name, option) for option in sorted(options))


class Associations:
    """What is counted of the pairs; it can be had again from its `arrays`."""

    def __init__(self, pairs: Sequence[Pair] = (), arrays: Arrays | None = None) -> None:
        self.arrays = arrays or _counted(pairs)
        self.weights = self.arrays.weights
        self._all = float(self.weights.sum(dtype=np.float64))

    def together(self, holders: Sequence[NDArray[np.int32]], wanted: Sequence[Label]) -> Together:
        """Return what goes together; `holders`: of each word the pairs whose requests have it."""
        hashes, starts, pairs, weights = self.arrays
        weighed = np.zeros((len(weights), len(holders) + 1), np.float32)  # a pair with its words, and as it is
        weighed[:, -1] = weights
        for at, those in enumerate(holders):
            weighed[those, at] = weights[those]
        numbers = _hashes(wanted)
        places = np.searchsorted(hashes, numbers)
        known = np.flatnonzero(np.append(hashes, 0)[places] == numbers)
        sums = np.zeros((len(wanted), len(holders) + 1))
        if len(known):
            members = [pairs[starts[place] : starts[place + 1]] for place in places[known]]
            firsts = np.cumsum([0, *map(len, members[:-1])])
            sums[known] = np.add.reduceat(weighed[np.concatenate(members)], firsts, axis=0)
        words = np.array([weights[those].sum(dtype=np.float64) for those in holders])
        return Together(words, sums[:, -1], sums[:, :-1].T, self._all)


def _counted(pairs: Sequence[Pair]) -> Arrays:
    each = [dict.fromkeys(labels(shape(pair.line))) for pair in pairs]
    hashes, numbers = np.unique(_hashes([label for those in each for label in those]), return_inverse=True)
    holders = np.repeat(np.arange(len(pairs), dtype=np.int32), [len(those) for those in each])
    return Arrays(
        hashes=hashes,
        starts=np.concatenate(([0], np.cumsum(np.bincount(numbers, minlength=len(hashes))))),
        pairs=holders[np.argsort(numbers, kind="stable")],
        weights=np.array([pair.weight for pair in pairs], np.float32),
    )


def _hashes(of: Sequence[Label]) -> NDArray[np.uint64]:
    texts = (" ".join(label).encode(errors="surrogatepass") for label in of)
    return np.frombuffer(b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts), np.uint64)
