"""What is looked up for a question: the pairs that ship, and the embedding that tells which are near.

In: our folders. Out: an index, and what is missing with how to get it. Without the embedding, words alone count.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from assistant_core.engine import embed, pairs, registry
from assistant_core.engine.pairs import Encoder, Index
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


def opened(paths: Paths) -> Library:
    """Read pairs and embedding."""
    encoder = _encoder(paths)
    try:
        model = registry.active("pairs", paths)
        with registry.open_file(model, pairs.FILE, paths) as file:
            return Library(Index(pairs.read(file), encoder), encoder)
    except (ModelError, SealError) as error:
        _LOG.info("%s", error)
        return Library(Index([], encoder), encoder, (NOTHING,))


def _encoder(paths: Paths) -> Encoder | None:
    try:
        return embed.load("", paths)
    except (ModelError, SealError) as error:
        _LOG.info("%s", error)
        return None
