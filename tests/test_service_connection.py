"""Framing and fairness, on real sockets in one event loop."""

from __future__ import annotations

import asyncio
import socket

import pytest

from assistant_core.service import wire
from assistant_core.service.connection import BURST, Connection


class Order:
    """Notes in which order requests arrive, by name of the method; ends when `last` has."""

    def __init__(self, last: int) -> None:
        self.seen: list[str] = []
        self.open = 0
        self._last = last
        self.done = asyncio.Event()

    def opened(self, connection: Connection) -> None:  # noqa: ARG002 - the owner's signature
        self.open += 1

    def handle(self, connection: Connection, request: wire.Request) -> None:  # noqa: ARG002 - the owner's signature
        self.seen.append(request.method)
        if len(self.seen) == self._last:
            self.done.set()

    def lost(self, connection: Connection) -> None:  # noqa: ARG002 - the owner's signature
        self.open -= 1


async def arrival(sent: list[bytes], last: int) -> list[str]:
    """Return the order in which what is `sent`, one item a connection, is handled."""
    owner, loop = Order(last), asyncio.get_running_loop()
    pairs = [socket.socketpair() for _ in sent]
    for (far, _), data in zip(pairs, sent, strict=True):
        far.sendall(data)
    transports = [(await loop.create_connection(lambda: Connection(owner), sock=near))[0] for _, near in pairs]
    await owner.done.wait()
    for transport in transports:
        transport.close()
    for far, _ in pairs:
        far.close()
    await asyncio.sleep(0)
    assert owner.open == 0
    return owner.seen


def told(method: str) -> bytes:
    return wire.notification(method, wire.Empty())


def test_a_flood_of_one_client_leaves_turns_to_the_others() -> None:
    seen = asyncio.run(arrival([1000 * told("flood"), told("other")], 1001))
    assert seen.index("other") <= 3 * BURST
    assert seen.count("flood") == 1000


@pytest.mark.parametrize(
    "junk", [b"x" * wire.MESSAGE_BYTES + b"\n", b"x" * (2 * wire.MESSAGE_BYTES) + b"\n", b"\n{\n[]\n"]
)
def test_what_follows_junk_is_handled(junk: bytes) -> None:
    async def exchange() -> list[str]:
        far, near = socket.socketpair()
        owner, loop = Order(2), asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: Connection(owner), sock=near)
        far.setblocking(False)
        await loop.sock_sendall(far, told("before") + junk + told("after"))
        await owner.done.wait()
        transport.close()
        far.close()
        return owner.seen

    assert asyncio.run(exchange()) == ["before", "after"]
