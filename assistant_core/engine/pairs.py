"""Requests and the lines that answer them: what is looked up before anything is made up.

In: the files of the pairs that ship, JSON lines compressed with xz and what was learned from them; requests. Out: the
pairs whose requests are near, and those that do what a request probably wants.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.bm25 import BM25
from assistant_core.engine.directions import Directions
from assistant_core.engine.labels import Associations, Label, Together
from assistant_core.engine.wording import terms
from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from assistant_core.engine.intents import Intents
    from assistant_core.engine.ranking import Ranking

FILE = "pairs.jsonl.xz"
FAR = 0.45  # cosine of the nearest request up to which meaning has no say; 2 % of real requests know none nearer

# Cosine of the nearest request, and share of the likeliest shape, below both of which nothing is known: 0 of 218
# held-out requests of NL2Bash; of 990 about programs that were held out 39, whose answers agreed to -.80.
UNLIKE, UNSURE = 0.5, 0.02

Floats = NDArray[np.float32]


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """A request, a line that does it, where both come from; `weight` is how far its source is to be believed."""

    request: str
    line: str
    source: str
    weight: float = 1.0


class Near(NamedTuple):
    """A pair and a number for it: how near its request is, or how probable it is that it does what is wanted."""

    pair: Pair
    nearness: float
    place: int  # of the pair in the index


class Measured(NamedTuple):
    """A request, compared with each of the n pairs'."""

    nearness: Floats  # (n,) by words and meaning, 1 for the nearest
    words: Floats  # (n,) BM25 scores, 1 for the best
    cosines: Floats  # (n,) 0 without an encoder
    closeness: float  # how much of what is asked the nearest pair says: 1 for all of it, 0 for nothing

    @property
    def nearest(self) -> float:
        """Cosine of the nearest request."""
        return float(self.cosines.max(initial=0))


class Encoder(Protocol):
    """Texts as directions (assistant_core.engine.embed)."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return unit rows (n, d)."""
        ...


def read(file: Path) -> list[Pair]:
    """Return the pairs in `file`. Raises ModelError if it is no such file."""
    try:
        return msgspec.json.Decoder(Pair).decode_lines(lzma.decompress(file.read_bytes()))
    except (OSError, EOFError, lzma.LZMAError, msgspec.MsgspecError) as error:
        raise ModelError(f"{file} cannot be read as pairs: {error}; install the program again") from error


def write(pairs: Sequence[Pair], file: Path) -> None:
    """Write `pairs` as `read` expects them; the same pairs give the same bytes."""
    file.write_bytes(lzma.compress(msgspec.json.Encoder().encode_lines(pairs), preset=9 | lzma.PRESET_EXTREME))


class Index:
    """The pairs, found by the words of their requests and, with an `encoder`, by their meaning.

    `intents` and `ranking`: what was learned from these very pairs. `words`, `rows` and `associations`: what is made
    of them, if it is at hand.
    """

    def __init__(  # noqa: PLR0913 - what was learned from the pairs, and what was made of them
        self,
        pairs: Sequence[Pair],
        encoder: Encoder | None = None,
        intents: Intents | None = None,
        ranking: Ranking | None = None,
        *,
        words: BM25 | None = None,
        rows: Directions | None = None,
        associations: Associations | None = None,
    ) -> None:
        self.pairs, self.ranking = pairs, ranking
        self._words = words or BM25(terms(pair.request) for pair in pairs)
        self._associations = associations or Associations(pairs)
        self._encoder, self._intents = encoder, intents
        self._last: tuple[str, Measured] | None = None  # a question asks more than once
        self._rows = rows or (Directions.of([pair.request for pair in pairs], encoder) if encoder else None)
        if intents:
            self._by_shape = np.argsort(intents.of_pair, kind="stable")
            self._sorted = intents.of_pair[self._by_shape]

    @property
    def weights(self) -> Floats:
        """The weight of each pair (n,)."""
        return self._associations.weights

    def nearest(self, request: str, count: int) -> list[Near]:
        """Return the `count` nearest pairs, nearest first; fewer where nothing is near. The first has nearness 1."""
        nearness = self.measured(request).nearness
        return [self._near(int(at), nearness[at]) for at in _top(nearness, count) if nearness[at] > 0]

    def knows(self, request: str) -> bool:
        """Say whether anything like `request` is known: by its meaning, or by what it wants. By words alone it is."""
        if self._encoder is None or self.measured(request).nearest >= UNLIKE:
            return True
        return any(near.nearness >= UNSURE for near in self.intended(request, 1))

    def measured(self, request: str) -> Measured:
        """Return how near `request` is to the pairs."""
        if self._last is None or self._last[0] != request:
            asked = terms(request)
            said, greatest = self._words.scores(asked), self._words.greatest(asked)
            closeness = min(float(said.max(initial=0)) / greatest, 1.0) if greatest else 0.0
            nearness = words = _upto_one(said)
            cosines = np.zeros_like(words)
            if self._encoder is not None and self._rows is not None:
                cosines = self._rows @ self._encoder.encode([request])[0]
                if cosines.max(initial=0) > FAR:
                    nearness = (words + _upto_one(cosines)) / np.float32(2)
            self._last = (request, Measured(nearness, words, cosines, closeness))
        return self._last[1]

    def together(self, words: Sequence[str], labels: Sequence[Label]) -> Together:
        """Return how often the stems of requests go with the labels of lines."""
        return self._associations.together([self._words.holders(word) for word in words], labels)

    def intended(self, request: str, count: int) -> list[Near]:
        """Return the nearest pair of each of the `count` shapes that are probably wanted, the most probable first."""
        if self._intents is None:
            return []
        shares, nearness = self._intents.shares(request), self.measured(request).nearness
        found = []
        for number in _top(shares, count):
            first, last = np.searchsorted(self._sorted, [number, number + 1])
            members = self._by_shape[first:last]
            found.append(self._near(int(members[nearness[members].argmax()]), shares[number]))
        return found

    def _near(self, place: int, number: np.float32) -> Near:
        return Near(self.pairs[place], float(number), place)


def _top(scores: Floats, count: int) -> NDArray[np.intp]:
    """Return where the `count` greatest scores are, greatest first."""
    count = min(count, len(scores))
    top = np.argpartition(-scores, count - 1)[:count] if count else np.empty(0, np.intp)
    return top[np.argsort(-scores[top], kind="stable")]


def _upto_one(scores: Floats) -> Floats:
    greatest = float(scores.max(initial=0))
    return scores / greatest if greatest > 0 else np.zeros_like(scores)
