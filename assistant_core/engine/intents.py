"""What a request probably wants, as the shape of a line: which utilities, with which options.

In: the arrays that training.intents learned, requests. Out: a probability for each known shape. A request is the sum
of its terms' vectors, weighed by their rarity, through one hidden layer; its product with a shape's vector says how
well they go together. Several such readers, learned from different beginnings, are asked, and their mean is more
often right than any of them.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.wording import features
from assistant_core.errors import ModelError

FILE = "intents.npz"
LENGTH = 3.0  # of the weights of a request's terms, as a vector

Floats = NDArray[np.float32]


class Arrays(NamedTuple):
    """What was learned by m readers of width d, of t terms and s shapes; int8 rows come with a scale each."""

    terms: NDArray[np.uint8]  # UTF-8, a line each
    rarity: Floats  # (t,)
    vectors: NDArray[np.int8]  # (m, t, d) of the terms
    vector_scales: Floats  # (m, t)
    hidden: Floats  # (m, d + 1, d), the last row is added
    shapes: NDArray[np.int8]  # (m, s, d)
    shape_scales: Floats  # (m, s)
    common: Floats  # (m, s): how common each shape is, as a logarithm
    of_pair: NDArray[np.int32]  # (n,) number of the shape of each pair, -1 where it is none of these


def quantised(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return the rows of `matrix` (n, d) in 127 steps on either side of zero, and the size of a step (n,)."""
    scales = np.maximum(np.abs(matrix).max(axis=1) / 127, np.float32(1e-9))
    return np.rint(matrix / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def write(arrays: Arrays, file: Path) -> None:
    """Write `arrays` as `Intents.open` expects them; the same arrays give the same bytes."""
    with file.open("wb") as stream:
        np.savez_compressed(stream, **arrays._asdict())


class Intents:
    """The readers at work; `of_pair` as in Arrays."""

    def __init__(self, arrays: Arrays) -> None:
        terms = arrays.terms.tobytes().decode().split("\n")
        self._numbers = {term: number for number, term in enumerate(terms)}
        self._learned = arrays
        self._shapes = arrays.shapes * arrays.shape_scales[:, :, None]
        self.of_pair = arrays.of_pair

    @classmethod
    def open(cls, file: Path, pairs: int) -> Intents:
        """Read the file that goes with so many `pairs`. Raises ModelError."""
        try:
            with np.load(file, allow_pickle=False) as found:
                arrays = Arrays(**{name: found[name] for name in Arrays._fields})
                intents = cls(arrays)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"{file} cannot be read as intents: {error}; install the program again") from error
        if len(arrays.of_pair) != pairs:
            raise ModelError(f"{file} is of {len(arrays.of_pair)} pairs, expected {pairs}; install the program again")
        return intents

    def shares(self, request: str) -> Floats:
        """Return the probability of each known shape (s,), which sum to 1."""
        learned = self._learned
        known = [number for term in features(request) if (number := self._numbers.get(term)) is not None]
        weights = learned.rarity[known] * learned.vector_scales[:, known]
        weights *= LENGTH / max(float(np.linalg.norm(learned.rarity[known])), 1e-6)
        read = np.einsum("mt,mtd->md", weights, learned.vectors[:, known])
        hidden = np.einsum("md,mde->me", read, learned.hidden[:, :-1]) + learned.hidden[:, -1]
        read = read + np.maximum(hidden, 0)
        scores = np.einsum("msd,md->ms", self._shapes, read) + learned.common
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray((powers / powers.sum(axis=1, keepdims=True)).mean(axis=0), np.float32)
