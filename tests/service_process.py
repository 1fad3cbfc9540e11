"""A service with a small index of its own, as a process, and raw connections to it.

Run as a program it is what `assistant_core.service` is, with a list in place of the history and an explanation that
never comes for the line "wait". Its tests start it through `lifecycle.connect(..., command=command())`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant_core import __version__, guard
from assistant_core.records import (
    Candidate,
    Command,
    Explanation,
    Failure,
    Passage,
    Proposal,
    Proposals,
    Query,
    Question,
    Suggestion,
    Verdict,
)
from assistant_core.service import endpoint, lifecycle, methods, wire
from assistant_core.service.client import Client, hello
from assistant_core.service.live import Loaded, Report
from assistant_core.service.server import Server
from assistant_core.settings import APPLICATION, Paths, paths

HELLO = hello("test", {"HOME": "/home/u", "PATH": "/bin:/usr/bin"}, ["ll"])


class ListIndex:
    """Lines, the newest first; "raise" fails, so that failures can be seen."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def complete(
        self, query: Query, surroundings: wire.InitializeParams, offers: Sequence[Candidate] = ()
    ) -> list[Candidate]:
        if query.text == "raise" or (query.text == "slow raise" and offers):
            raise KeyError(query.text)
        if offers:
            return list(offers)
        if query.text == "where":
            return [Candidate(line=f"where {surroundings.home} {surroundings.path}", probability=1.0, source="test")]
        found = dict.fromkeys(line for line in reversed(self.lines) if line.startswith(query.text))
        return [Candidate(line=line, probability=0.5, source="test") for line in list(found)[: query.limit]]

    def before(self, session: str | None) -> list[tuple[str, int | None]]:
        return [(line, None) for line in self.lines if session]

    def observe(self, command: Command) -> None:
        self.lines.append(command.line)

    def forget(self, line: str) -> None:
        self.lines = [known for known in self.lines if known != line]

    def learn(self, suggestion: Suggestion) -> None:
        self.lines.append(suggestion.line)

    def stats(self) -> dict[str, int]:
        return {"lines": len(self.lines), "unique": len(set(self.lines))}


class ListBackend:
    """Loads a fixed list; the load waits for the file `gate` to go away, where there is one.

    Its model goes on from what begins with "slow", and from "slow wait" only once it is to end early. The question
    "refuse" is not taken, "fail" fails, and "wait" is answered once it is cancelled.
    """

    def __init__(self, idle_s: float, gate: Path) -> None:
        self.idle_s = idle_s
        self._gate = gate
        self.prepared = self.cancelled = 0

    def load(self, report: Report) -> Loaded:
        report("half of it", 50)
        while self._gate.exists():
            threading.Event().wait(0.01)
        return Loaded(ListIndex(["git status", "git push", "ls -l"]))

    def explain(self, line: str) -> Explanation:
        if line == "wait":
            threading.Event().wait()
        if line == "large":
            line = "x" * wire.MESSAGE_BYTES
        passage = Passage(words=line, start=0, depth=0, text="a command", source="test(1)")
        return Explanation(line=line, passages=(passage,))

    def offer(
        self,
        query: Query,
        before: Sequence[tuple[str, int | None]],
        surroundings: wire.InitializeParams,
        done: Callable[[Sequence[Candidate] | None], object],
    ) -> Callable[[], object] | None:
        if not query.text.startswith("slow"):
            return None
        ended = threading.Event()
        line = f"{query.text} {before[-1][0] if before else surroundings.home}"

        def work() -> None:
            if query.text == "slow wait":
                ended.wait()
            done(None if ended.is_set() else [Candidate(line=line, probability=0.5, source="model")])

        threading.Thread(target=work, daemon=True).start()
        return ended.set

    def ask(
        self,
        asked: Question | Failure,
        surroundings: wire.InitializeParams,
        done: Callable[[Proposals | None], object],
    ) -> Callable[[], object] | None:
        text = asked.text if isinstance(asked, Question) else asked.line
        if text == "refuse":
            return None
        ended = threading.Event()

        def work() -> None:
            if text == "wait":
                ended.wait()
                self.cancelled += 1
            line = f"{text}: cancelled {self.cancelled}, prepared {self.prepared}, {surroundings.home}"
            done(None if text == "fail" else Proposals(proposals=(Proposal(line=line, source="model"),)))

        threading.Thread(target=work, daemon=True).start()
        return ended.set

    def prepare(self) -> None:
        self.prepared += 1

    def classify(self, line: str, cwd: str) -> Verdict:
        return guard.classify(line, guard.Context({"HOME": "/home/u"}, cwd, "/home/u"))

    def expire(self) -> int:
        return 0

    def surroundings(self, hello: wire.InitializeParams) -> wire.InitializeParams:
        return hello


def command(**options: object) -> tuple[str, ...]:
    """Return the command that starts the service with `options`, for `lifecycle.connect`."""
    given = (f"--{name.replace('_', '-')}={value}" for name, value in options.items())
    return (sys.executable, __file__, "--detach", *given)


def places_in(folder: Path) -> Paths:
    """Return our folders, all of them in `folder`."""
    data, config, state, cache = (folder / name / APPLICATION for name in ("data", "config", "state", "cache"))
    return Paths(data, config, state, cache, folder / APPLICATION)


class Raw:
    """A connection without a client: bytes out, decoded lines in."""

    def __init__(self, path: Path, *, initialized: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(20)
        self._lines = self.socket.makefile("rb")
        if initialized:
            self.send(wire.request("hello", "initialize", HELLO))
            assert self.read()["id"] == "hello"

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> Any:  # noqa: ANN401 - whatever JSON there is
        line = self._lines.readline()
        return msgspec.json.decode(line) if line else None

    def ask(self, method: str, params: object = None, number: wire.Id = 1) -> Any:  # noqa: ANN401 - whatever JSON there is
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}
        self.send(msgspec.json.encode(message) + b"\n")
        return self.read()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()


def start(places: Paths, **options: object) -> Client:
    """Start the service; return a client once the index is there, or at once where a gate holds it up."""
    client = lifecycle.connect(places, HELLO, command=command(**options), timeout_s=30)
    while "gate" not in options and status(client).loading:
        pass
    return client


def status(client: Client) -> wire.Status:
    return client.call("status", None, wire.Status, timeout_s=20)


def gone(places: Paths) -> None:
    """Wait until no service runs; a service that stays fails the test."""
    for _ in range(1000):
        if lifecycle.running(places) is None:
            return
        threading.Event().wait(0.02)
    pytest.fail(f"service {lifecycle.running(places)} stays")


async def _serve(options: argparse.Namespace, places: Paths, listener: socket.socket) -> None:
    backend = ListBackend(options.idle_s, options.gate)
    await Server(backend, places.socket, watch_s=options.watch_s).run(listener)


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--idle-s", type=float, default=60)
    parser.add_argument("--watch-s", type=float, default=0.05)
    parser.add_argument("--gate", type=Path, default=Path("/nowhere"))
    parser.add_argument("--version", default=__version__)
    parser.add_argument("--protocol", type=int, default=wire.PROTOCOL)
    options = parser.parse_args()
    vars(methods)["__version__"] = options.version  # another release
    vars(wire)["PROTOCOL"] = options.protocol
    places = paths(os.environ)
    lock = lifecycle.claim(places)
    listener = endpoint.listen(places.socket)
    if options.detach:
        lifecycle.detach(lock)
    asyncio.run(_serve(options, places, listener))
    os._exit(0)


if __name__ == "__main__":
    _main()
