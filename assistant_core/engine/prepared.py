"""The known requests, ready to be looked up: made once for a release, then mapped from the cache folder.

In: the models of pairs and embedding. Out: an Index. What is kept is made of these models alone, and holds no line of
the user's; where one of them is sealed nothing is kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant_core import __version__
from assistant_core.engine import (
    bm25,
    directions,
    embed,
    intents,
    kept,
    labels,
    pairs,
    proposals,
    ranking,
    registry,
    seal,
    shape,
    wording,
)
from assistant_core.engine.bm25 import BM25
from assistant_core.engine.directions import Directions
from assistant_core.engine.intents import Intents
from assistant_core.engine.kept import Arrays
from assistant_core.engine.labels import Associations
from assistant_core.engine.pairs import Encoder, Index, Pair
from assistant_core.engine.ranking import Ranking
from assistant_core.engine.registry import Model
from assistant_core.errors import ModelError
from assistant_core.settings import Paths

FOLDER = "prepared"  # in the cache folder
_TEXT, _ENDS, _ROWS, _SCALES = "text", "ends", "rows", "scales"
_WORDS, _ASSOCIATIONS, _INTENTS, _RANKING = "words.", "associations.", "intents.", "ranking."  # what names begin with

_LOG = logging.getLogger(__name__)


def index(known: Model, embedding: Model | str | None, encoder: Encoder | None, paths: Paths) -> Index:
    """Return the index of the `known` requests; `encoder` is the `embedding`, opened, or a model of that name.

    The ranking knows the nearness that our own embedding finds, and is left out with another one. Raises ModelError,
    SealError.
    """
    models = [known, *([embedding] if isinstance(embedding, Model) else [])]
    if any(seal.is_sealed(file) for model in models for file in model.files.values()):
        arrays = _made(known, encoder, paths)
    else:
        name = _name(models, embedding if isinstance(embedding, str) else "")
        arrays = kept.kept(paths.cache / FOLDER, name, lambda: _made(known, encoder, paths))
    return _index(arrays, encoder, ranked=isinstance(embedding, Model))


def _name(models: Sequence[Model], other: str) -> str:
    """Return what tells one result of `_made` from another: the files that it is made of, and how."""
    sources = [file.sha256.encode() for model in models for _, file in sorted(model.card.files.items())]
    sources += [other.encode()]
    modules = (bm25, directions, embed, intents, labels, pairs, proposals, ranking, shape, wording)
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
        **{_ASSOCIATIONS + name: array for name, array in Associations(found).arrays._asdict().items()},
        **_learned(known, intents.FILE, _INTENTS, lambda file: Intents.open(file, len(found)).arrays, paths),
        **_learned(known, ranking.FILE, _RANKING, lambda file: Ranking.open(file).arrays, paths),
    }


def _learned(known: Model, name: str, prefix: str, read: Callable[[Path], NamedTuple], paths: Paths) -> Arrays:
    """Return the arrays of the file called `name`; none where there is no sound one."""
    if name not in known.files:
        return {}
    with registry.open_file(known, name, paths) as file:
        try:
            return {prefix + each: array for each, array in read(file)._asdict().items()}
        except ModelError as error:
            _LOG.warning("%s; requests are looked up without it", error)
            return {}


def _index(arrays: Arrays, encoder: Encoder | None, *, ranked: bool) -> Index:
    learned, order = _named(_INTENTS, arrays), _named(_RANKING, arrays)
    return Index(
        _Pairs(arrays[_TEXT], arrays[_ENDS]),
        encoder,
        Intents(intents.Arrays(**learned)) if learned else None,
        Ranking(ranking.Arrays(**order)) if order and ranked else None,
        words=BM25(arrays=bm25.Arrays(**_named(_WORDS, arrays))),
        rows=Directions(arrays[_ROWS], arrays[_SCALES]) if _ROWS in arrays else None,
        associations=Associations(arrays=labels.Arrays(**_named(_ASSOCIATIONS, arrays))),
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
