"""Which rows point nearly the same way as a query, among any number of them: usearch.

In: unit rows with numbers of the caller's (such as those of commands in the history). Out: the nearest numbers and
their cosines. Few rows are compared one by one, which misses none; many are searched as a graph (Malkov and Yashunin,
Hierarchical Navigable Small World graphs, 2018), which misses a few and takes 0.2 ms among a million.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from usearch.index import Index as Graph

from assistant_core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT: Final = 50_000  # rows up to which each is compared: about 1 ms
DIGEST: Final = 32  # bytes of a sha256
EFFORT: Final = 64  # neighbours looked at for each row that is added and each search


class Index:
    """Rows of `dimensions`, by number. It belongs to one thread."""

    def __init__(self, dimensions: int) -> None:
        self._graph = Graph(ndim=dimensions, metric="cos", dtype="f16", expansion_add=EFFORT, expansion_search=EFFORT)

    @classmethod
    def open(cls, file: Path, dimensions: int) -> Index:
        """Read what `save` wrote. Raises ModelError if it is damaged or of other dimensions."""
        index = cls(dimensions)
        try:
            content = file.read_bytes()
            if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:  # usearch would follow any pointer
                raise ModelError(f"{file} is damaged: its sha256 is not the one it begins with; remove it")
            index._graph.load(content[DIGEST:])
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{file} cannot be read as an index: {error}; remove it") from error
        if index._graph.ndim != dimensions:
            raise ModelError(f"{file} has {index._graph.ndim} dimensions, the embedding has {dimensions}; remove it")
        return index

    def __len__(self) -> int:
        return len(self._graph)

    def __contains__(self, number: int) -> bool:
        return number in self._graph

    def add(self, numbers: NDArray[np.uint64], rows: NDArray[np.float32]) -> None:
        """Add `rows` (n, dimensions) under `numbers` (n,), in place of those that were there: 0.1 ms a row."""
        self._graph.remove(numbers)
        self._graph.add(numbers, rows)

    def remove(self, numbers: NDArray[np.uint64]) -> None:
        """Remove what is under `numbers`; unknown ones are passed over."""
        self._graph.remove(numbers)

    def search(self, row: NDArray[np.float32], count: int) -> list[tuple[int, float]]:
        """Return the `count` nearest numbers and their cosines, nearest first."""
        if not len(self):
            return []
        found = self._graph.search(row, min(count, len(self)), exact=len(self) <= EXACT)
        return [(int(number), 1 - float(far)) for number, far in zip(found.keys, found.distances, strict=True)]

    def save(self, file: Path) -> None:
        """Write the index to `file`, for its owner alone, at once or not at all."""
        graph = self._graph.save(None) or b""
        part = file.with_name(f".{file.name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:
            stream.write(hashlib.sha256(graph).digest())
            stream.write(graph)
        part.replace(file)
