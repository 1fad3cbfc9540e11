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
STEPS = 7  # of a number on either side of zero: four bits a number, once the file is compressed

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


class Arrays(NamedTuple):
    """What was learned by m readers of width d, of t terms and s shapes; int8 rows come with a scale each."""

    terms: NDArray[np.uint8]  # UTF-8, a line each
    rarity: Halves  # (t,)
    vectors: NDArray[np.int8]  # (m, t, d) of the terms
    vector_scales: Halves  # (m, t)
    hidden: Floats  # (m, d + 1, d), the last row is added
    shapes: NDArray[np.int8]  # (m, s, d)
    shape_scales: Halves  # (m, s)
    common: Halves  # (m, s): how common each shape is, as a logarithm
    of_pair: NDArray[np.int32]  # (n,) number of the shape of each pair, -1 where it is none of these


def quantised(matrix: Floats) -> tuple[NDArray[np.int8], Halves]:
    """Return the rows of `matrix` (n, d) in STEPS on either side of zero, and the size of a step (n,)."""
    scales = np.maximum(np.abs(matrix).max(axis=1) / STEPS, np.finfo(np.float16).tiny).astype(np.float16)
    steps = np.rint(matrix / scales.astype(np.float32)[:, None]).clip(-STEPS, STEPS)
    return steps.astype(np.int8), scales


def write(arrays: Arrays, file: Path) -> None:
    """Write `arrays` as `Intents.open` expects them; the same arrays give the same bytes."""
    with file.open("wb") as stream:
        np.savez_compressed(stream, **arrays._asdict())


class Intents:
    """The readers at work; `of_pair` as in Arrays."""

    def __init__(self, arrays: Arrays) -> None:
        terms = arrays.terms.tobytes().decode().split("\n")
        self._numbers = {term: number for number, term in enumerate(terms)}
        self.arrays = arrays
        self._rarity, self._scales, self._common = (
            each.astype(np.float32) for each in (arrays.rarity, arrays.vector_scales, arrays.common)
        )
        self._shapes = arrays.shapes * arrays.shape_scales.astype(np.float32)[:, :, None]
        self.of_pair = arrays.of_pair

    @classmethod
    def open(cls, file: Path, pairs: int) -> Intents:
        """Read the file that goes with so many `pairs`. Raises ModelError."""
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
                arrays = Arrays(**{name: found[name] for name in Arrays._fields})
                intents = cls(arrays)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"{file} cannot be read as intents: {error}; install the program again") from error
        if len(arrays.of_pair) != pairs:
            raise ModelError(f"{file} is of {len(arrays.of_pair)} pairs, expected {pairs}; install the program again")
        return intents

    def shares(self, request: str) -> Floats:
        """Return the probability of each known shape (s,), which sum to 1."""
        learned = self.arrays
        known = [number for term in features(request) if (number := self._numbers.get(term)) is not None]
        weights = self._rarity[known] * self._scales[:, known]
        weights *= LENGTH / max(float(np.linalg.norm(self._rarity[known])), 1e-6)
        read = np.einsum("mt,mtd->md", weights, learned.vectors[:, known])
        hidden = np.einsum("md,mde->me", read, learned.hidden[:, :-1]) + learned.hidden[:, -1]
        read = read + np.maximum(hidden, 0)
        scores = np.einsum("msd,md->ms", self._shapes, read) + self._common
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray((powers / powers.sum(axis=1, keepdims=True)).mean(axis=0), np.float32)
