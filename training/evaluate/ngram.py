"""What the last few tokens say about the next: interpolated modified Kneser-Ney.

In: examples as token numbers, from BOS to EOS. Out: log-probabilities of the next token. Chen and Goodman, An
Empirical Study of Smoothing Techniques for Language Modeling (1999). The n-grams of each length are one sorted array
of (number of the n-gram without its last token, last token), as in the tries of KenLM: millions of them are counted,
kept and looked up without a Python object each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.prompt import BOS

ORDER = 5  # tokens of the longest n-gram
_TOKEN_BITS = 16
_ROOT = 0

Numbers = NDArray[np.int64]


class Level(NamedTuple):
    """The n-grams of one length, sorted by `keys`: parent << 16 | last token.

    `shares`: what is left of each n-gram's probability after its parent once discounted; the children of parent n are
    `starts[n]` to `starts[n + 1]`, and `rest[n]` is what goes to the shorter context.
    """

    keys: Numbers
    shares: NDArray[np.float32]
    starts: Numbers
    rest: NDArray[np.float32]


class NGram:
    """Counts of `examples`, whose tokens are below `size` (at most 65,536)."""

    def __init__(self, examples: Iterable[Sequence[int]], size: int, order: int = ORDER) -> None:
        self.size = size
        tokens, room = _joined(examples)
        self._levels = list(_levels(tokens, room, order))

    def logarithms(self, context: Sequence[int]) -> NDArray[np.float32]:
        """Return the natural log-probabilities (size,) of the token after `context`."""
        shares = np.full(self.size, 1 / self.size, np.float32)
        for length in range(min(len(context), len(self._levels) - 1) + 1):
            parent = self._find(context[len(context) - length :])
            if parent is None:
                break
            level = self._levels[length]
            children = slice(level.starts[parent], level.starts[parent + 1])
            if children.start < children.stop:
                shares *= level.rest[parent]
                shares[level.keys[children] & (1 << _TOKEN_BITS) - 1] += level.shares[children]
        return np.log(shares)

    def _find(self, tokens: Sequence[int]) -> int | None:
        at = _ROOT
        for level, token in zip(self._levels, tokens, strict=False):
            key = at << _TOKEN_BITS | token
            at = int(np.searchsorted(level.keys, key))
            if at == len(level.keys) or level.keys[at] != key:
                return None
        return at


def _joined(examples: Iterable[Sequence[int]]) -> tuple[Numbers, Numbers]:
    """Return all tokens end to end, and for each how many there are from it to the end of its example."""
    parts = [np.asarray(example, np.int64) for example in examples]
    room = [np.arange(len(part), 0, -1) for part in parts]
    return np.concatenate([*parts, np.zeros(0, np.int64)]), np.concatenate([*room, np.zeros(0, np.int64)])


def _levels(tokens: Numbers, room: Numbers, order: int) -> Iterable[Level]:
    """Yield the levels from one token to `order` tokens; `room` as in `_joined`."""
    nodes, parents = np.zeros(len(tokens) + 1, np.int64), 1  # the n-gram that begins at each token: of length 0, one
    for length in range(1, order + 1):
        at = np.flatnonzero(room >= length)
        grams = nodes[at] << _TOKEN_BITS | tokens[at + length - 1]
        keys, numbers, counts = np.unique(grams, return_inverse=True, return_counts=True)
        nodes = np.full(len(tokens) + 1, -1, np.int64)
        nodes[at] = numbers
        if length < order:
            counts = _histories(nodes, at[room[at] > length], length, tokens, counts)
        yield _level(keys, counts, parents)
        parents = len(keys)


def _histories(nodes: Numbers, longer: Numbers, length: int, tokens: Numbers, counts: Numbers) -> Numbers:
    """Return before how many different tokens each n-gram stands; for one that begins an example, its count.

    `longer`: where n-grams of one token more begin.
    """
    pairs = np.unique(nodes[longer + 1] << _TOKEN_BITS | tokens[longer])
    histories = np.bincount(pairs >> _TOKEN_BITS, minlength=len(counts))
    first = np.zeros(len(counts), bool)
    first[nodes[:-1][(tokens == BOS) & (nodes[:-1] >= 0)]] = True
    return np.where(first & (length > 1), counts, histories)  # a single BOS is never foretold


def _level(keys: Numbers, counts: Numbers, parents: int) -> Level:
    """Discount `counts` and share them out below each of `parents` parents."""
    owners = keys >> _TOKEN_BITS
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(owners, counts, parents)
    taken = np.bincount(owners, np.minimum(discounts, counts), parents)
    with np.errstate(invalid="ignore", divide="ignore"):  # a parent without children shares out nothing
        shares = np.maximum(counts - discounts, 0) / totals[owners]
        rest = np.where(totals > 0, taken / totals, 1)
    starts = np.searchsorted(owners, np.arange(parents + 1))
    return Level(keys, np.nan_to_num(shares).astype(np.float32), starts, rest.astype(np.float32))


def _discounts(counts: Numbers) -> NDArray[np.float64]:
    """Return what is taken from counts of 0, 1, 2, and 3 or more (Chen and Goodman, equation 26)."""
    ones, twos, threes, fours = (max(int((counts == number).sum()), 1) for number in (1, 2, 3, 4))
    share = ones / (ones + 2 * twos)
    found = [0.0, 1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes]
    return np.clip(found, [0, 0.1, 0.1, 0.1], [0, 0.9, 1.9, 2.9])
