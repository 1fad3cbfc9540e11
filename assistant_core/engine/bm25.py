"""Which documents share rare words with a query: BM25.

In: documents as lists of terms, once; then queries. Out: a score per document. Robertson and Zaragoza, The
Probabilistic Relevance Framework: BM25 and Beyond (2009), with the idf of Lucene, which is never negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SATURATION = 1.2  # k1: how soon more of the same word stops to count
_LENGTH = 0.5  # b: how much a long document loses


class BM25:
    """An index of documents; `scores` takes time for the documents that share a term, not for the others."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._numbers: dict[str, int] = {}
        number = self._numbers
        terms = np.array([number.setdefault(term, len(number)) for each in documents for term in each], np.int64)
        lengths = np.array([len(each) for each in documents], np.float32)
        holders = np.repeat(np.arange(len(documents)), lengths.astype(np.int64))
        keys, counts = np.unique(terms * max(len(documents), 1) + holders, return_counts=True)
        term, self._documents = np.divmod(keys, max(len(documents), 1))
        found = np.bincount(term, minlength=len(number))  # documents that hold each term
        self._starts = np.concatenate(([0], np.cumsum(found)))
        self._rarity = np.log1p((len(documents) - found + 0.5) / (found + 0.5))
        self._mean = max(float(lengths.sum()) / max(len(lengths), 1), 1.0)  # terms of a document
        weights = self._saturated(counts, lengths[self._documents])
        self._weights = (weights * self._rarity[term]).astype(np.float32)
        self._count = len(documents)

    def scores(self, query: Iterable[str]) -> NDArray[np.float32]:
        """Return one score per document, 0 where no term is shared; a term said twice counts once."""
        scores = np.zeros(self._count, np.float32)
        for term in dict.fromkeys(query):
            if (at := self._numbers.get(term)) is not None:
                part = slice(self._starts[at], self._starts[at + 1])
                scores[self._documents[part]] += self._weights[part]
        return scores

    def greatest(self, query: Sequence[str]) -> float:
        """Return the score of a document that says what `query` says, in the words that are known."""
        known = Counter(at for term in query if (at := self._numbers.get(term)) is not None)
        counts = np.array(list(known.values()), np.float64)
        return float(self._saturated(counts, len(query)) @ self._rarity[list(known)]) if known else 0.0

    def _saturated(self, counts: NDArray[Any], lengths: ArrayLike) -> NDArray[np.float64]:
        norm = _SATURATION * (1 - _LENGTH + _LENGTH * np.asarray(lengths) / self._mean)
        return np.asarray(counts * (_SATURATION + 1) / (counts + norm))
