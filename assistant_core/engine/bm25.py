"""Which documents share rare words with a query: BM25.

In: documents as lists of terms, once; then queries. Out: a score per document. Robertson and Zaragoza, The
Probabilistic Relevance Framework: BM25 and Beyond (2009), with the idf of Lucene, which is never negative.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SATURATION = 1.2  # k1: how soon more of the same word stops to count
_LENGTH = 0.5  # b: how much a long document loses


class Arrays(NamedTuple):
    """What is known of t terms, and the n documents that each is in: `documents[starts[i] : starts[i + 1]]`."""

    terms: NDArray[np.uint8]  # UTF-8, one behind the other in the order of their bytes
    ends: NDArray[np.int64]  # (t,) of each in `terms`
    rarity: NDArray[np.float64]  # (t,)
    starts: NDArray[np.int64]  # (t + 1,)
    documents: NDArray[np.int32]
    weights: NDArray[np.float32]  # of the term in that document
    size: NDArray[np.float64]  # (2,) number of documents, mean number of terms in one


class BM25:
    """An index of documents; `scores` takes time for the documents that share a term, not for the others.

    It can be had again from its `arrays`.
    """

    def __init__(self, documents: Iterable[Sequence[str]] = (), arrays: Arrays | None = None) -> None:
        self.arrays = arrays or _counted(documents)
        self._count, self._mean = int(self.arrays.size[0]), float(self.arrays.size[1])

    def scores(self, query: Iterable[str]) -> NDArray[np.float32]:
        """Return one score per document, 0 where no term is shared; a term said twice counts once."""
        starts, documents, weights = self.arrays.starts, self.arrays.documents, self.arrays.weights
        scores = np.zeros(self._count, np.float32)
        for term in dict.fromkeys(query):
            if (at := self._number(term)) is not None:
                part = slice(starts[at], starts[at + 1])
                scores[documents[part]] += weights[part]
        return scores

    def holders(self, term: str) -> NDArray[np.int32]:
        """Return which documents hold `term`, in order."""
        starts, at = self.arrays.starts, self._number(term)
        return self.arrays.documents[0:0] if at is None else self.arrays.documents[starts[at] : starts[at + 1]]

    def greatest(self, query: Sequence[str]) -> float:
        """Return the score of a document that says what `query` says, in the words that are known."""
        known = Counter(at for term in query if (at := self._number(term)) is not None)
        counts = np.array(list(known.values()), np.float64)
        weights = _saturated(counts, len(query), self._mean)
        return float(weights @ self.arrays.rarity[list(known)]) if known else 0.0

    def _number(self, term: str) -> int | None:
        wanted, numbers = _encoded(term), range(len(self.arrays.ends))
        at = bisect_left(numbers, wanted, key=self._term)
        return at if at < len(numbers) and self._term(at) == wanted else None

    def _term(self, number: int) -> bytes:
        first = self.arrays.ends[number - 1] if number else 0
        return self.arrays.terms[first : self.arrays.ends[number]].tobytes()


def _encoded(term: str) -> bytes:
    return term.encode(errors="surrogatepass")


def _counted(documents: Iterable[Sequence[str]]) -> Arrays:
    numbers = defaultdict[str, int](count().__next__)
    said, sizes = array("q"), array("q")
    for each in documents:
        said.extend(map(numbers.__getitem__, each))
        sizes.append(len(each))
    texts = [_encoded(term) for term in numbers]
    order = sorted(range(len(texts)), key=texts.__getitem__)
    ranks = np.empty(len(texts), np.int64)
    ranks[order] = np.arange(len(texts))
    terms, lengths, total = ranks[np.array(said, np.int64)], np.array(sizes, np.int64), len(sizes)
    holders = np.repeat(np.arange(total), lengths)
    keys, counts = np.unique(terms * max(total, 1) + holders, return_counts=True)
    term, places = np.divmod(keys, max(total, 1))
    found = np.bincount(term, minlength=len(numbers))  # documents that hold each term
    rarity = np.log1p((total - found + 0.5) / (found + 0.5))
    mean = max(float(lengths.sum()) / max(total, 1), 1.0)
    return Arrays(
        terms=np.frombuffer(b"".join(texts[at] for at in order), np.uint8),
        ends=np.cumsum([len(texts[at]) for at in order], dtype=np.int64),
        rarity=rarity,
        starts=np.concatenate(([0], np.cumsum(found))),
        documents=places.astype(np.int32),
        weights=(_saturated(counts, lengths[places], mean) * rarity[term]).astype(np.float32),
        size=np.array([total, mean]),
    )


def _saturated(counts: NDArray[Any], lengths: ArrayLike, mean: float) -> NDArray[np.float64]:
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * np.asarray(lengths) / mean)
    return np.asarray(counts * (_SATURATION + 1) / (counts + norm))
