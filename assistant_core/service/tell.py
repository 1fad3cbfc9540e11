"""Talks to a service that runs; none is ever started for it.

In: our folders, what has changed in the history, the settings or the models. Out: None, or a sentence about what went
wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

import msgspec

from assistant_core.errors import ServiceError
from assistant_core.service import lifecycle, wire
from assistant_core.service.client import Client, hello
from assistant_core.settings import Paths

CONNECT_S: Final = 2.0
RELOAD_S: Final = 60.0  # a million lines are read anew


@contextmanager
def connection(paths: Paths, environ: Mapping[str, str]) -> Iterator[Client | None]:
    """Connect to the service that runs; None if none does. Raises ServiceError."""
    if lifecycle.running(paths) is None:
        yield None
        return
    with closing(lifecycle.connect(paths, hello("cli", environ), start=False, timeout_s=CONNECT_S)) as client:
        yield client


def reload(paths: Paths, environ: Mapping[str, str]) -> str | None:
    """Have the service read settings, history and models anew."""
    return tell(paths, environ, "reload", wire.ReloadParams(), RELOAD_S)


def tell(paths: Paths, environ: Mapping[str, str], method: str, params: msgspec.Struct, timeout_s: float) -> str | None:
    """Call `method`, whose answer is empty, within `timeout_s` seconds."""
    try:
        with connection(paths, environ) as client:
            if client is not None:
                client.call(method, params, wire.Empty, timeout_s=timeout_s)
    except ServiceError as error:
        return f"the service could not be told: {error}; `assistant service restart` makes it read everything anew"
    return None
