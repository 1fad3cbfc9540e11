"""Talks to a service that runs; none is ever started for it.

In: what has changed in the history or the settings. Out: None, or a sentence about what went wrong.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from assistant_core.cli.command import App
from assistant_core.errors import ServiceError

if TYPE_CHECKING:
    import msgspec

    from assistant_core.service.client import Client

CONNECT_S = 2.0
FORGET_S = 2.0
RELOAD_S = 60.0  # a million lines are read anew


@contextmanager
def connection(app: App) -> Iterator["Client | None"]:
    """Connect to the service that runs; None if none does. Raises ServiceError."""
    from assistant_core.service import lifecycle  # noqa: PLC0415 - most commands need no service
    from assistant_core.service.client import hello  # noqa: PLC0415 - see above

    if lifecycle.running(app.paths) is None:
        yield None
        return
    with closing(lifecycle.connect(app.paths, hello("cli", app.environ), start=False, timeout_s=CONNECT_S)) as client:
        yield client


def forget(app: App, line: str) -> str | None:
    """Have open shells no longer be offered `line`."""
    from assistant_core.service import wire  # noqa: PLC0415 - see above

    return _tell(app, "forget", wire.Line(line=line), FORGET_S)


def reload(app: App) -> str | None:
    """Have the service read settings and history anew."""
    from assistant_core.service import wire  # noqa: PLC0415 - see above

    return _tell(app, "reload", wire.ReloadParams(), RELOAD_S)


def _tell(app: App, method: str, params: "msgspec.Struct", timeout_s: float) -> str | None:
    from assistant_core.service import wire  # noqa: PLC0415 - see above

    try:
        with connection(app) as client:
            if client is not None:
                client.call(method, params, wire.Empty, timeout_s=timeout_s)
    except ServiceError as error:
        return f"the service could not be told: {error}; `assistant service restart` makes it read everything anew"
    return None
