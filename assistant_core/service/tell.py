"""Talks to a service that runs; none is ever started for it.

In: our folders, what has changed in the history, the settings or the models. Out: None, or a sentence about what went
wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from assistant_core.errors import ServiceError
from assistant_core.service import lifecycle, wire
from assistant_core.service.client import Client, hello
from assistant_core.settings import APPLICATION, Paths

RUNTIME: Final = Path("/run/user")  # of systemd: a user's $XDG_RUNTIME_DIR lies in it, whoever logs in
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
            if client is None:
                return _elsewhere(paths, environ)
            client.call(method, params, wire.Empty, timeout_s=timeout_s)
    except ServiceError as error:
        return f"the service could not be told: {error}; `assistant service restart` makes it read everything anew"
    return None


def _elsewhere(paths: Paths, environ: Mapping[str, str]) -> str | None:
    """Return that a service runs where the user's logins find it, if `environ` does not lead there, as cron's."""
    home = RUNTIME / str(os.getuid())
    if environ.get("XDG_RUNTIME_DIR") or lifecycle.running(paths._replace(runtime=home / APPLICATION)) is None:
        return None
    return (
        f"the service below {home} could not be told: $XDG_RUNTIME_DIR is not set here, expected {home}; "
        "`assistant service restart` in your shell makes it read everything anew"
    )
