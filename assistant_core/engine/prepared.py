"""The known requests, ready to be looked up: made once for a release, then mapped from the cache folder.

In: the models of pairs and embedding. Out: an Index. What is kept is made of these models alone, and holds no line of
the user's; where one of them is sealed nothing is kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsIndex, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant_core import __version__
from assistant_core.engine import bm25, directions, embed, intents, kept, pairs, registry, seal, wording
from assistant_core.engine.bm25 import BM25
from assistant_core.engine.directions import Directions
from assistant_core.engine.intents import Intents
from assistant_core.engine.kept import Arrays
from assistant_core.engine.pairs import Encoder, Index, Pair
from assistant_core.engine.registry import Model
from assistant_core.errors import ModelError
from assistant_core.settings import Paths

FOLDER = "prepared"  # in the cache folder
_TEXT, _ENDS, _ROWS, _SCALES, _WORDS, _INTENTS = "text", "ends", "rows", "scales", "words.", "intents."

_LOG = logging.getLogger(__name__)


def index(known: Model, embedding: Model | str | None, encoder: Encoder | None, paths: Paths) -> Index:
    """Return the index of the `known` requests; `encoder` is the `embedding`, opened, or a model of that name.

    Raises ModelError, SealError.
    """
    models = [known, *([embedding] if isinstance(embedding, Model) else [])]
    if any(seal.is_sealed(file) for model in models for file in model.files.values()):
        return _index(_made(known, encoder, paths), encoder)
    name = _name(models, embedding if isinstance(embedding, str) else "")
    return _index(kept.kept(paths.cache / FOLDER, name, lambda: _made(known, encoder, paths)), encoder)


def _name(models: Sequence[Model], other: str) -> str:
    """Return what tells one result of `_made` from another: the files that it is made of, and how."""
    sources = [file.sha256.encode() for model in models for _, file in sorted(model.card.files.items())]
    sources += [other.encode()]
    modules = (bm25, directions, embed, intents, pairs, wording)
    ways = [_code(str(module.__file__)) for module in modules] + [_code(__file__)]
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in sources + ways)).hexdigest()[:32]


def _code(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:  # installed without its source
        return __version__.encode()


def _made(known: Model, encoder: Encoder | None, paths: Paths) -> Arrays:
    with registry.open_file(known, pairs.FILE, paths) as file:
        found = pairs.read(file)
    text = np.frombuffer(msgspec.json.Encoder().encode_lines(found), np.uint8)
    requests = [pair.request for pair in found]
    words = BM25(map(wording.terms, requests)).arrays
    rows = Directions.of(requests, encoder) if encoder else None
    return {
        _TEXT: text,
        _ENDS: np.flatnonzero(text == ord("\n")) + 1,
        **({_ROWS: rows.rows, _SCALES: rows.scales} if rows else {}),
        **{_WORDS + name: array for name, array in words._asdict().items()},
        **{_INTENTS + name: array for name, array in _learned(known, len(found), paths).items()},
    }


def _learned(known: Model, count: int, paths: Paths) -> Arrays:
    """Return the arrays of the intents of so many pairs; none where there are none that fit."""
    if intents.FILE not in known.files:
        return {}
    with registry.open_file(known, intents.FILE, paths) as file:
        try:
            Intents.open(file, count)
        except ModelError as error:
            _LOG.warning("%s; requests are looked up without them", error)
            return {}
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in intents.Arrays._fields}


def _index(arrays: Arrays, encoder: Encoder | None) -> Index:
    learned = _named(_INTENTS, arrays)
    return Index(
        _Pairs(arrays[_TEXT], arrays[_ENDS]),
        encoder,
        Intents(intents.Arrays(**learned)) if learned else None,
        words=BM25(arrays=bm25.Arrays(**_named(_WORDS, arrays))),
        rows=Directions(arrays[_ROWS], arrays[_SCALES]) if _ROWS in arrays else None,
    )


def _named(prefix: str, arrays: Arrays) -> Mapping[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


class _Pairs(Sequence[Pair]):
    """Pairs that are read when they are looked at: lines of JSON in `text`, each with its end in `ends`."""

    def __init__(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._text, self._ends = text, ends
        self._read = msgspec.json.Decoder(Pair).decode

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, at: SupportsIndex) -> Pair: ...
    @overload
    def __getitem__(self, at: slice) -> list[Pair]: ...
    def __getitem__(self, at: SupportsIndex | slice) -> Pair | list[Pair]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        number = range(len(self))[at]  # which raises IndexError
        return self._read(self._text[self._ends[number - 1] if number else 0 : self._ends[number]].tobytes())
