"""One connection to the service, synchronous: calls and notifications in, records out.

Nothing here waits longer than it was told to. Standard library and msgspec only: the shell loads this module.
"""

from __future__ import annotations

import itertools
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from assistant_core import __version__
from assistant_core.errors import ServiceError
from assistant_core.records import Candidate, Query
from assistant_core.service import endpoint, wire

_T = TypeVar("_T")

NOTIFY_S: Final = 0.005  # longest wait of a notification for another thread's call
_CHUNK: Final = 65_536

_reply = msgspec.json.Decoder(wire.Reply).decode
_candidates = msgspec.json.Decoder(wire.Candidates).decode


class UnreachableError(ServiceError):
    """Nobody listens at the socket."""


class RemoteError(ServiceError):
    """The service answered a call with an error, whose number is `code`."""

    def __init__(self, method: str, problem: wire.Problem) -> None:
        super().__init__(f"{method}: error {problem.code}: {problem.message}")
        self.code = problem.code


class MismatchError(ServiceError):
    """The service speaks another protocol; `server` is what it said of itself."""

    def __init__(self, server: wire.InitializeResult) -> None:
        super().__init__(
            f"the service (pid {server.pid}, version {server.version}) speaks protocol {server.protocol}, this program "
            f"{wire.PROTOCOL} (version {__version__}); `assistant service restart`, or open a new shell"
        )
        self.server = server


def hello(client: str, environ: Mapping[str, Any], aliases: Iterable[str] = ()) -> wire.InitializeParams:
    """Return what `client` ("shell", "cli", …) says of itself and its surroundings; `environ` may be xonsh's."""
    path = environ.get("PATH") or ()
    return wire.InitializeParams(
        protocol=wire.PROTOCOL,
        version=__version__,
        client=client,
        pid=os.getpid(),
        host=socket.gethostname(),
        home=str(environ.get("HOME") or Path.home()),
        path=tuple(path.split(os.pathsep) if isinstance(path, str) else map(str, path)),
        aliases=tuple(aliases),
    )


class Client:
    """A connection to the service at `socket_path`, initialized by `hello` within `timeout_s` seconds.

    `server` is what the service said of itself. Threads may share a client; a call keeps the others waiting, so a
    thread with slow calls has its own. Raises UnreachableError when nobody listens, MismatchError for another
    protocol, and ServiceError when the peer is silent, is not this user's, or does not talk as agreed. After a
    ServiceError other than RemoteError or a timeout of `call`, the connection is closed.
    """

    def __init__(self, socket_path: Path, hello: wire.InitializeParams, *, timeout_s: float = 1.0) -> None:
        self._path = socket_path
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._unsent = b""  # the rest of a message cut short, to go out before the next
        self._received = bytearray()
        self._socket = self._connect(timeout_s)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(self._socket, select.POLLOUT)
        try:
            self.server = self._initialize(hello, timeout_s)
        except BaseException:
            self.close()
            raise

    def _connect(self, timeout_s: float) -> socket.socket:
        try:
            connection = endpoint.connect(self._path, timeout_s)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise UnreachableError(f"{self._path}: no service listens; `assistant service start`") from error
        except OSError as error:
            raise ServiceError(f"{self._path}: cannot connect: {error}; `assistant service restart`") from error
        connection.settimeout(0)
        return connection

    def _initialize(self, hello: wire.InitializeParams, timeout_s: float) -> wire.InitializeResult:
        server = self.call("initialize", hello, wire.InitializeResult, timeout_s=timeout_s)
        if server.protocol != wire.PROTOCOL:
            raise MismatchError(server)
        return server

    def suggest(self, query: Query, deadline_s: float, wake: int | None = None) -> list[Candidate] | None:
        """Return the ranked lines for `query`, or None when there is no answer within `deadline_s` seconds.

        A late answer is skipped by the next call. With a file descriptor `wake`, no answer is waited for once that can
        be read, and the request is cancelled. Raises ServiceError when the connection is dead.
        """
        deadline = time.monotonic() + deadline_s
        number = next(self._numbers)
        try:
            line = wire.request(number, "suggest", query)
        except ValueError:  # too large or not UTF-8: nothing is known of such a line
            return []
        if not self._lock.acquire(timeout=max(deadline_s, 0)):
            return None
        try:
            self._send(line, deadline)
            reply = self._answer(number, deadline, wake=wake)
            if reply is None and wake is not None:
                self._cancel(number)
            return None if reply is None or reply.error else self._read(_candidates, reply.result).candidates
        finally:
            self._lock.release()

    def call(
        self,
        method: str,
        params: msgspec.Struct | None,
        result: type[_T],
        *,
        timeout_s: float,
        on_progress: Callable[[str], None] | None = None,
    ) -> _T:
        """Return the result of `method` as `result`; raise ServiceError when there is none within `timeout_s` seconds.

        `on_progress` is given the text of each progress report; it must not use this client. Whatever interrupts
        the wait, Ctrl-C included, cancels the request in the service.
        """
        deadline = time.monotonic() + timeout_s
        number = next(self._numbers)
        try:
            line = wire.request(number, method, params)
        except ValueError as error:
            raise ServiceError(f"{method}: cannot be asked: {error}; shorten or correct the text") from error
        if not self._lock.acquire(timeout=max(timeout_s, 0)):
            raise ServiceError(f"{method}: another thread's call took longer than {timeout_s:g} s; try again")
        try:
            reply = self._exchange(number, line, deadline, on_progress)
            if reply is None:
                raise ServiceError(
                    f"{self._path}: no answer to {method!r} within {timeout_s:g} s; "
                    "try again, or `assistant service restart`"
                )
            if reply.error:
                raise RemoteError(method, reply.error)
            return self._read(msgspec.json.Decoder(result).decode, reply.result)
        finally:
            self._lock.release()

    def notify(self, method: str, params: msgspec.Struct) -> None:
        """Tell the service; what cannot be sent within a few milliseconds is dropped.

        Raises ServiceError when the connection is dead.
        """
        try:
            line = wire.notification(method, params)
        except ValueError:  # too large or not UTF-8: the service has no use for it
            return
        if self._lock.acquire(timeout=NOTIFY_S):
            try:
                self._send(line, time.monotonic())
            finally:
                self._lock.release()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _exchange(
        self, number: int, line: bytes, deadline: float, on_progress: Callable[[str], None] | None
    ) -> wire.Reply | None:
        reply = None
        try:
            self._send(line, deadline)
            reply = self._answer(number, deadline, on_progress)
        finally:
            if reply is None and self._socket.fileno() >= 0:
                self._cancel(number)
        return reply

    def _cancel(self, number: int) -> None:
        self._send(wire.notification("$/cancelRequest", wire.CancelParams(id=number)), time.monotonic())

    def _send(self, line: bytes, deadline: float) -> None:
        """Send what is left of an earlier message, then this one, which is dropped if it cannot be begun in time."""
        if self._flush(deadline):
            self._unsent = line
            self._flush(deadline)
            if len(self._unsent) == len(line):
                self._unsent = b""

    def _flush(self, deadline: float) -> bool:
        while self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._writable.poll(remaining * 1000):
                    return False
            except OSError as error:
                self._die(f"the connection is lost: {error}", error)
        return True

    def _answer(
        self,
        number: int,
        deadline: float,
        on_progress: Callable[[str], None] | None = None,
        wake: int | None = None,
    ) -> wire.Reply | None:
        """Return the reply to request `number`, or None at the deadline or once `wake` can be read.

        Replies to older requests are skipped.
        """
        while True:
            while (message := self._next_message()) is not None:
                if message.id == number:
                    return message
                if on_progress and message.method == "$/progress":
                    on_progress(msgspec.json.decode(message.params, type=wire.ProgressParams).value.message)
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._can_read(remaining, wake):
                return None
            self._receive()

    def _can_read(self, seconds: float, wake: int | None) -> bool:
        """Wait until there is something to read; return whether there is, and `wake` has not come before it."""
        if wake is None:
            return bool(self._readable.poll(seconds * 1000))
        self._readable.register(wake, select.POLLIN)
        try:
            ready = [descriptor for descriptor, _ in self._readable.poll(seconds * 1000)]
        finally:
            self._readable.unregister(wake)
        return bool(ready) and wake not in ready

    def _next_message(self) -> wire.Reply | None:
        end = self._received.find(b"\n") + 1
        if not end:
            return None
        line = bytes(self._received[:end])
        del self._received[:end]
        return self._read(_reply, line)

    def _receive(self) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._die(f"the connection is lost: {error}", error)
        self._received += chunk
        if not chunk:
            self._die("the service closed the connection")
        if len(self._received) > wire.MESSAGE_BYTES + _CHUNK:
            self._die(f"a message of more than {wire.MESSAGE_BYTES:,} bytes")

    def _read(self, decode: Callable[[bytes], _T], data: bytes | msgspec.Raw) -> _T:
        try:
            return decode(data)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            self._die(f"an answer that is not of protocol {wire.PROTOCOL}: {error}", error)

    def _die(self, reason: str, cause: BaseException | None = None) -> NoReturn:
        self.close()
        raise ServiceError(f"{self._path}: {reason}; `assistant service status`") from cause
