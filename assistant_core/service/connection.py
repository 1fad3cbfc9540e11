"""One client of the server: bytes in, requests to the server, answers out. Everything has a bound.

A line that is too long is refused and skipped, whatever cannot be understood is refused, and the connection lives
on. Only a client that does not read its answers is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

import msgspec

from assistant_core.service.wire import MESSAGE_BYTES, Code, Id, Request, error, result

BURST: Final = 8  # messages of one client handled before the others have their turn
UNREAD_BYTES: Final = 4 * MESSAGE_BYTES  # answers a client may leave unread

_request = msgspec.json.Decoder(Request).decode


class _Identity(msgspec.Struct):
    """What is left of a request that is not valid."""

    id: Id | None = None


class Waiting(Protocol):
    """A request that is still to be answered."""

    @property
    def stop(self) -> Callable[[], object]:
        """What ends the work for it early."""


class Owner(Protocol):
    """What a connection needs of the server."""

    def opened(self, connection: Connection) -> None:
        """Take note of a new connection, or close it."""

    def handle(self, connection: Connection, request: Request) -> None:
        """Answer a request, now or later."""

    def lost(self, connection: Connection) -> None:
        """Take note of the end of a connection."""


class Connection(asyncio.Protocol):
    """Frames messages for its `owner`.

    `surroundings` is what the owner made of `initialize`; `waiting` holds the requests that are still to be answered,
    by their numbers.
    """

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self.initialized = False
        self.surroundings: Any = None
        self.waiting: dict[Id, Waiting] = {}
        self._owner = owner
        self._buffer = bytearray()
        self._skipping = False  # the rest of a line that was too long

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=UNREAD_BYTES)
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End; answers that are still to come have nobody to go to."""
        for waiting in self.waiting.values():
            waiting.stop()
        self.waiting.clear()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        """Drop a client that does not read."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take in bytes and handle the whole lines among them."""
        self._buffer += data
        self._handle_lines()

    def answer(self, number: Id, value: msgspec.Struct) -> None:
        """Send the answer to a request; one too large to be sent is refused instead."""
        try:
            self.send(result(number, value))
        except ValueError as problem:
            self.refuse(number, Code.TOO_LARGE, f"the answer is {problem}")

    def refuse(self, number: Id | None, code: Code, message: str) -> None:
        """Send the error that answers a request; None stands for a request whose number is not known."""
        self.send(error(number, code, message))

    def send(self, line: bytes) -> None:
        """Send one message; nothing happens when the client is gone."""
        if not self.transport.is_closing():
            self.transport.write(line)

    def _handle_lines(self) -> None:
        for _ in range(BURST):
            line = self._next_line()
            if line is None or self.transport.is_closing():
                self.transport.resume_reading()
                return
            if line:
                self._handle_line(line)
        self.transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._handle_lines)

    def _next_line(self) -> bytearray | None:
        """Return the next line, an empty one in place of a line that was too long, or None."""
        end = self._buffer.find(b"\n") + 1
        if not end:
            if len(self._buffer) > MESSAGE_BYTES or self._skipping:
                self._refuse_size()
                self._buffer.clear()
            return None
        line = self._buffer[:end]
        del self._buffer[:end]
        if self._skipping or end > MESSAGE_BYTES:
            self._refuse_size()
            self._skipping = False
            line.clear()
        return line

    def _refuse_size(self) -> None:
        if not self._skipping:
            self._skipping = True
            self.refuse(None, Code.TOO_LARGE, f"a message of more than {MESSAGE_BYTES:,} bytes; it was skipped")

    def _handle_line(self, line: bytearray) -> None:
        try:
            request = _request(line)
        except msgspec.ValidationError as problem:
            self.refuse(_number_of(line), Code.INVALID_REQUEST, f"not a JSON-RPC 2.0 request: {problem}")
        except (ValueError, RecursionError) as problem:
            self.refuse(None, Code.PARSE_ERROR, f"not JSON: {problem}")
        else:
            self._owner.handle(self, request)


def _number_of(line: bytearray) -> Id | None:
    try:
        return msgspec.json.decode(line, type=_Identity).id
    except (ValueError, RecursionError):
        return None
