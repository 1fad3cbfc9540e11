"""What the pairs propose, weighed anew by what was learned from the answers to other requests.

In: the numbers of the candidates for a request (assistant_core.engine.proposals), and what training.ranking learned.
Out: a probability for each. A network of two small layers says how good each looks among the others of its list.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.labels import Doubles
from assistant_core.engine.proposals import NUMBERS, OF_LIST
from assistant_core.errors import ModelError

FILE = "ranking.npz"
INPUTS = 3 * len(NUMBERS) - 2 * len(OF_LIST)  # see `inputs`
FARTHEST = 5.0  # standard deviations that a number is taken to be from the mean, at most

Floats = NDArray[np.float32]


class Arrays(NamedTuple):
    """A network of f inputs and twice h hidden units; the last row of a layer is added."""

    mean: Floats  # (f,) of the inputs
    scale: Floats  # (f,) their standard deviation
    first: Floats  # (f + 1, h)
    second: Floats  # (h + 1, h)
    last: Floats  # (h + 1, 1)
    prior: Floats  # (1,) how much the logarithm of the share counts as it is


class Ranking:
    """The network at work."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays

    @classmethod
    def open(cls, file: Path) -> Ranking:
        """Read the file. Raises ModelError."""
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
                arrays = Arrays(**{name: found[name] for name in Arrays._fields})
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"{file} cannot be read as a ranking: {error}; install the program again") from error
        if arrays.mean.shape != (INPUTS,) or len(arrays.first) != INPUTS + 1:
            raise ModelError(f"{file} reads {arrays.mean.shape} numbers, expected {INPUTS}; install the program again")
        return cls(arrays)

    def shares(self, told: Floats) -> Doubles:
        """Return a probability for each shape (n,) of a list, of which `numbers` tells."""
        learned, prior = self.arrays, self.arrays.prior * told[:, 0]
        seen = ((inputs(told) - learned.mean) / learned.scale).clip(-FARTHEST, FARTHEST)
        for layer in (learned.first, learned.second):
            seen = np.maximum(seen @ layer[:-1] + layer[-1], 0)
        scores = np.asarray((seen @ learned.last[:-1] + learned.last[-1])[:, 0] + prior, np.float64)
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum())


def write(arrays: Arrays, file: Path) -> None:
    """Write `arrays` as `Ranking.open` expects them; the same arrays give the same bytes."""
    with file.open("wb") as stream:
        np.savez(stream, **arrays._asdict())


def inputs(told: Floats) -> Floats:
    """Return numbers (n, numbers), and how far those of a shape are from the greatest and the mean of the list."""
    own = told[:, [name not in OF_LIST for name in NUMBERS]]
    spread = own.std(axis=0) + np.float32(1e-3)
    return np.concatenate([told, own - own.max(axis=0), (own - own.mean(axis=0)) / spread], axis=1)
