"""What is looked up for a question: the pairs that ship, what was learned from them, and the embedding.

In: our folders. Out: an index, and what is missing with how to get it. Without the embedding, words alone count.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from assistant_core.engine import embed, prepared, registry
from assistant_core.engine.embed import Embedding, Transformer
from assistant_core.engine.pairs import Encoder, Index
from assistant_core.engine.registry import Model
from assistant_core.errors import ModelError, SealError
from assistant_core.settings import Paths

NOTHING = (
    "there are no known requests to look up: install the program again with xpip install --force-reinstall "
    "xontrib-assistant; `assistant service logs` says what was wrong"
)

_LOG = logging.getLogger(__name__)


class Library(NamedTuple):
    """An index, empty where there is none, what it is asked by, and notes for the user."""

    pairs: Index
    encoder: Encoder | None = None
    notes: tuple[str, ...] = ()


def opened(paths: Paths, embedding: str = "") -> Library:
    """Open pairs and embedding; the first time after an installation, this takes seconds.

    `embedding`: the name of another model than our own, with which the first time takes minutes; our own, and a note
    in the log, where it cannot be loaded.
    """
    model, encoder = _named(embedding) or _embedding(paths)
    try:
        known = registry.active("pairs", paths)
        return Library(prepared.index(known, model, encoder, paths), encoder)
    except (ModelError, SealError) as error:
        _LOG.info("%s", error)
        return Library(Index([], encoder), encoder, (NOTHING,))


def _named(name: str) -> tuple[str, Encoder] | None:
    try:
        return (name, Transformer(name)) if name else None
    except ModelError as error:
        _LOG.warning("models.embedding: %s; our own is used", error)
        return None


def _embedding(paths: Paths) -> tuple[Model | None, Encoder | None]:
    try:
        model = registry.active("embedding", paths)
        with registry.open_file(model, embed.FILE, paths) as file:
            return model, Embedding.open(file)
    except (ModelError, SealError) as error:
        _LOG.info("%s", error)
        return None, None
