"""The shell's connection to the service: made in the background, given up fast, tried again later.

In: who asks (ghost, menu, recorder) and how it went. Out: a client, or None at once. Nobody waits here: a
connection is made in a thread of its own, and a service that keeps missing deadlines is left alone for a while.
"""

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from assistant_core.errors import ServiceError
from assistant_core.shell.worker import Worker

if TYPE_CHECKING:
    from msgspec import Struct

    from assistant_core.service.client import Client
    from assistant_core.shell.session import Session

RETRY_S = (0.5, 60.0)  # first and longest pause between two tries to connect
REST_S = (1.0, 30.0)  # first and longest rest after missed deadlines
MISSES = 3  # deadlines missed in a row until the service is left alone


class Link:
    """Holds the client. Before `start`, and after `close`, there is none."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._worker = Worker(session.log)
        self._client: Client | None = None
        self._allowed = False
        self._connecting = False
        self._settled = threading.Event()
        self._retry_s = RETRY_S[0]
        self._retry_at = 0.0
        self._misses = 0
        self._rest_s = REST_S[0]
        self._rest_until = 0.0

    def start(self) -> None:
        """Allow connections from now on, and begin the first."""
        self._allowed = True
        self.client()

    def client(self) -> "Client | None":
        """Return the client or None, without waiting; begin to connect if it is time to."""
        now = time.monotonic()
        if self._client is not None:
            return self._client if now >= self._rest_until else None
        if self._allowed and not self._connecting and now >= self._retry_at:
            self._connecting = True
            self._settled.clear()
            aliases, environ = tuple(self._session.xsh.aliases), self._session.xsh.env.detype()
            self._worker.submit(lambda: self._connect(environ, aliases))
        return None

    def wait(self, timeout_s: float) -> "Client | None":
        """Return the client, resting or not, after waiting for a connection being made; Ctrl-C ends the wait."""
        if self.client() is None and self._connecting:
            self._settled.wait(timeout_s)
        return self._client

    def notify(self, method: str, params: "Struct") -> None:
        """Tell the service, if there is one, even while it rests."""
        self.client()
        if self._client is not None:
            try:
                self._client.notify(method, params)
            except ServiceError:
                self.lost()

    def answered(self) -> None:
        """Note that the service answered in time."""
        self._misses, self._rest_s = 0, REST_S[0]

    def missed(self) -> None:
        """Note a missed deadline; after three in a row the service is not asked for a while, each time longer."""
        self._misses += 1
        if self._misses >= MISSES:
            self._misses = 0
            self._rest_until = time.monotonic() + self._rest_s
            self._rest_s = min(2 * self._rest_s, REST_S[1])

    def lost(self) -> None:
        """Drop a connection that raised ServiceError; the next question begins another."""
        client, self._client = self._client, None
        self._postpone()
        if client is not None:
            with suppress(OSError, ServiceError):
                client.close()

    def close(self) -> None:
        """Drop the connection and make no other."""
        self._allowed = False
        self.lost()
        self._worker.stop()

    def _connect(self, environ: dict[str, str], aliases: tuple[str, ...]) -> None:
        from assistant_core.service import lifecycle  # noqa: PLC0415 - not before the first prompt

        enabled = self._session.settings.service.enabled
        try:
            if enabled:
                lifecycle.start(self._session.paths)
            from assistant_core.service import client  # noqa: PLC0415 - slow to import: the service starts before

            hello = client.hello("shell", environ, aliases)
            made = lifecycle.connect(self._session.paths, hello, start=enabled)
        except ServiceError as error:
            if enabled:
                self._session.log.failure(error)
            self._postpone()
        else:
            self._retry_s = RETRY_S[0]
            self._client = made
            if not self._allowed:
                self.lost()
        finally:
            self._connecting = False
            self._settled.set()

    def _postpone(self) -> None:
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_S[1])
