"""Many texts as directions, in a quarter of the memory, each compared with another one at once.

In: unit rows of an encoder. Out: cosines. A row is kept in 127 steps on either side of zero, which moves a cosine by
less than a hundredth; read in parts that stay in a processor's cache, they take less time than as floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from assistant_core.engine.pairs import Encoder

AT_ONCE = 512  # rows: few enough for one thread of the linear algebra, which must not wait for others

Floats = NDArray[np.float32]


class Directions:
    """`rows` (n, d) in steps of `scales` (n,)."""

    def __init__(self, rows: NDArray[np.int8], scales: Floats) -> None:
        self.rows, self.scales = rows, scales

    @classmethod
    def of(cls, texts: Sequence[str], encoder: Encoder) -> Directions:
        """Return the directions of `texts`."""
        parts = [cls._quantised(encoder.encode(texts[at : at + AT_ONCE])) for at in range(0, len(texts), AT_ONCE)]
        return cls._joined(parts or [cls._quantised(encoder.encode([]))])

    def __add__(self, others: Directions) -> Directions:
        """Return these and the others."""
        return self._joined([self, others])

    def __matmul__(self, direction: Floats) -> Floats:
        """Return the cosine (n,) of each with a unit vector (d,)."""
        found = np.empty(len(self.rows), np.float32)
        for at in range(0, len(found), AT_ONCE):
            part = slice(at, at + AT_ONCE)
            np.matmul(self.rows[part].astype(np.float32), direction, out=found[part])
        return found * self.scales

    @classmethod
    def _quantised(cls, rows: Floats) -> Directions:
        scales = np.abs(rows).max(axis=1, initial=0) / 127
        steps = np.rint(rows / np.where(scales > 0, scales, 1)[:, None])
        return cls(steps.astype(np.int8), scales.astype(np.float32))

    @classmethod
    def _joined(cls, parts: Sequence[Directions]) -> Directions:
        return cls(np.concatenate([each.rows for each in parts]), np.concatenate([each.scales for each in parts]))
