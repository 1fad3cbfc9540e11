"""Talks to a service that runs; none is ever started for it.

In: what has changed in the history or the settings. Out: None, or a sentence about what went wrong. The service's half
is imported here at last: most commands need none.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from assistant_core.cli.command import App

if TYPE_CHECKING:
    from assistant_core.service.client import Client

FORGET_S = 2.0


def connection(app: App) -> "AbstractContextManager[Client | None]":
    """Connect to the service that runs; None if none does. Raises ServiceError."""
    from assistant_core.service import tell  # noqa: PLC0415 - most commands need no service

    return tell.connection(app.paths, app.environ)


def forget(app: App, line: str) -> str | None:
    """Have open shells no longer be offered `line`."""
    from assistant_core.service import tell, wire  # noqa: PLC0415 - see above

    return tell.tell(app.paths, app.environ, "forget", wire.Line(line=line), FORGET_S)


def reload(app: App) -> str | None:
    """Have the service read settings, history and models anew."""
    from assistant_core.service import tell  # noqa: PLC0415 - see above

    return tell.reload(app.paths, app.environ)
