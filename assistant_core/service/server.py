"""The server: its socket, its connections, and the conditions under which it ends.

In: a listening socket and a backend. Out: nothing until the service is asked to stop or nobody needs it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from pathlib import Path
from typing import Final

from assistant_core.errors import AssistantError, ServiceError
from assistant_core.service import endpoint, memory, wire
from assistant_core.service.backend import Backend
from assistant_core.service.connection import Connection
from assistant_core.service.live import LiveIndex, in_thread
from assistant_core.service.methods import Methods
from assistant_core.service.wire import Code

CLIENTS: Final = 256
EXPIRE_S: Final = 3600.0  # between two runs of retention

_log = logging.getLogger(__name__)


class Server:
    """Serves `backend` until it is stopped, nobody uses it, or its socket at `path` is not the one it began with.

    `watch_s` is how often, in seconds, the last two are looked at. Create it in a running event loop.
    """

    def __init__(self, backend: Backend, path: Path, *, watch_s: float = 2.0) -> None:
        self._backend = backend
        self._path = path
        self._watch_s = watch_s
        self._live = LiveIndex(backend.load)
        self._connections: set[Connection] = set()
        self._methods = Methods(backend, self._live, lambda: len(self._connections), self.stop)
        self._used = self._expired = time.monotonic()
        self._watched = self._tidied = 0  # requests handled when last watched and when memory was last tidied
        self._stopped = asyncio.Event()

    async def run(self, listener: socket.socket) -> None:
        """Serve on `listener`, which listens at the server's path, until `stop` is called."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, signal.Signals(number).name)
        server = await loop.create_unix_server(lambda: Connection(self), sock=listener, backlog=endpoint.BACKLOG)
        self._live.reload(lambda _: None)
        self._watch(endpoint.inode(self._path))
        await self._stopped.wait()
        server.close()
        for connection in tuple(self._connections):
            connection.transport.close()
        await asyncio.sleep(0)  # a turn in which the last answers go out

    def stop(self, reason: str) -> None:
        """End `run`."""
        _log.info("the service ends: %s", reason)
        self._stopped.set()

    def opened(self, connection: Connection) -> None:
        """Take in a connection of the same user, unless there are too many."""
        try:
            endpoint.check_peer(connection.transport.get_extra_info("socket"), self._path)
        except ServiceError as error:
            _log.warning("refused: %s", error)
            connection.transport.abort()
            return
        if len(self._connections) >= CLIENTS:
            connection.refuse(None, Code.TOO_LARGE, f"busy: {CLIENTS} clients are connected")
            connection.transport.close()
            return
        self._connections.add(connection)

    def lost(self, connection: Connection) -> None:
        """Take note of the end of a connection."""
        self._connections.discard(connection)

    def handle(self, connection: Connection, request: wire.Request) -> None:
        """Answer a request."""
        self._methods.handle(connection, request)

    def _watch(self, inode: int | None) -> None:
        now = time.monotonic()
        if self._connections:
            self._used = now
        elif now - self._used > self._backend.idle_s:
            self.stop("nobody uses it")
        if endpoint.inode(self._path) != inode:
            self.stop(f"{self._path} was removed or replaced")
        if now - self._expired > EXPIRE_S:
            self._expired = now
            in_thread(asyncio.get_running_loop(), self._expire, self._reload_if)
        self._tidy_if_quiet()
        asyncio.get_running_loop().call_later(self._watch_s, self._watch, inode)

    def _tidy_if_quiet(self) -> None:
        requests = self._methods.requests
        if requests == self._watched != self._tidied:
            memory.tidy()
            self._tidied = requests
        self._watched = requests

    def _expire(self) -> int:
        try:
            return self._backend.expire()
        except AssistantError as error:
            _log.error("retention failed: %s", error)
            return 0

    def _reload_if(self, deleted: int) -> None:
        if deleted:
            self._live.reload(lambda _: None)
