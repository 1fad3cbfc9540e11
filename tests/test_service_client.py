"""The client against services that are slow, silent, broken or gone."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from service_process import HELLO

from assistant_core.errors import ServiceError
from assistant_core.records import Candidate, Query
from assistant_core.service import endpoint, wire
from assistant_core.service.client import Client, MismatchError, RemoteError, UnreachableError, hello

GREETING = wire.InitializeResult(protocol=wire.PROTOCOL, version="0.0.0", pid=1)
FOUND = wire.Candidates(candidates=[Candidate(line="ls -l", probability=1.0, source="t")])
Answer = Callable[[wire.Request], bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "s.sock"


@contextmanager
def service(path: Path, answer: Answer) -> Iterator[None]:
    """A service in a thread that sends what `answer` makes of each request, and nothing for b""."""
    listener = endpoint.listen(path)

    def serve() -> None:
        connection, _ = listener.accept()
        with (
            connection,
            connection.makefile("rb") as lines,
            suppress(ConnectionError),
        ):  # a client may leave at any time
            for line in lines:
                connection.sendall(answer(msgspec.json.decode(line, type=wire.Request)))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        listener.close()


def greeting(request: wire.Request) -> bytes:
    return wire.result(1, GREETING) if request.method == "initialize" else b""


def test_nobody_listens(path: Path) -> None:
    with pytest.raises(UnreachableError, match="assistant service start"):
        Client(path, HELLO)
    endpoint.listen(path).close()
    with pytest.raises(UnreachableError, match="assistant service start"):
        Client(path, HELLO)


def test_a_silent_service_is_an_error_in_time(path: Path) -> None:
    with endpoint.listen(path), pytest.raises(ServiceError, match=r"no answer to 'initialize' within 0\.05 s"):
        Client(path, HELLO, timeout_s=0.05)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not of protocol 1"),
        (b'{"id":1,"result":{"protocol":"x"}}\n', "not of protocol 1"),
        (b"\xff" * (wire.MESSAGE_BYTES + 70_000), "more than 262,144 bytes"),
    ],
)
def test_what_is_not_a_service_of_ours(path: Path, said: bytes, match: str) -> None:
    with service(path, lambda _: said), pytest.raises(ServiceError, match=match):
        Client(path, HELLO)


def test_another_protocol(path: Path) -> None:
    other = wire.InitializeResult(protocol=99, version="9.9", pid=1)
    with service(path, lambda _: wire.result(1, other)), pytest.raises(MismatchError, match="speaks protocol 99"):
        Client(path, HELLO)


def test_a_folder_that_others_can_enter(path: Path) -> None:
    with endpoint.listen(path):
        path.parent.chmod(0o755)
        with pytest.raises(ServiceError, match="mode 0755, not 0700; `chmod 700"):
            Client(path, HELLO)


@pytest.mark.parametrize(("woken", "deadline_s"), [(True, 20.0), (False, 0.01)])
def test_a_question_that_is_no_longer_wanted_is_cancelled(path: Path, *, woken: bool, deadline_s: float) -> None:
    told: list[wire.Request] = []
    cancelled = threading.Event()
    wake, bell = os.pipe()

    def answer(request: wire.Request) -> bytes:
        if request.method == "$/cancelRequest":
            told.append(request)
            cancelled.set()
        if request.method == "suggest" and woken:
            os.write(bell, b"!")
        if request.method == "status":
            assert isinstance(request.id, int)
            return wire.result(request.id, wire.Empty())
        return greeting(request)

    with service(path, answer):
        client = Client(path, HELLO)
        assert client.suggest(Query(text="x", slow=True), deadline_s, wake) is None
        assert cancelled.wait(20)
        assert client.call("status", None, wire.Empty, timeout_s=20) == wire.Empty()  # the connection lives on
        client.close()
    assert [bytes(request.params) for request in told] == [b'{"id":2}']
    os.close(wake)
    os.close(bell)


def test_late_answers_are_skipped(path: Path) -> None:
    late: list[bytes] = []

    def answer(request: wire.Request) -> bytes:
        if request.method == "initialize":
            return wire.result(1, GREETING)
        assert isinstance(request.id, int)
        empty = wire.Candidates(candidates=[])
        late.append(wire.result(request.id, empty if not late else FOUND))
        return b"" if len(late) == 1 else b"".join(late)

    with service(path, answer):
        client = Client(path, HELLO)
        assert client.suggest(Query(text="l"), 0.02) is None
        assert client.suggest(Query(text="ls"), 20) == FOUND.candidates
        client.close()


def test_a_deadline_that_is_over(path: Path) -> None:
    with service(path, greeting):
        client = Client(path, HELLO)
        assert client.suggest(Query(text="l"), 0) is None
        assert client.suggest(Query(text="l"), -1) is None
        client.close()


def test_errors_of_the_service(path: Path) -> None:
    def answer(request: wire.Request) -> bytes:
        if request.method == "initialize":
            return wire.result(1, GREETING)
        assert isinstance(request.id, int)
        return wire.error(request.id, wire.Code.INTERNAL_ERROR, "out of order")

    with service(path, answer):
        client = Client(path, HELLO)
        assert client.suggest(Query(text="l"), 20) is None
        with pytest.raises(RemoteError, match="status: error -32603: out of order") as raised:
            client.call("status", None, wire.Status, timeout_s=20)
        assert raised.value.code == -32603
        client.close()


def test_a_call_that_is_given_up_is_cancelled(path: Path) -> None:
    asked: list[wire.Request] = []

    def answer(request: wire.Request) -> bytes:
        asked.append(request)
        return greeting(request)

    with service(path, answer):
        client = Client(path, HELLO)
        with pytest.raises(ServiceError, match=r"no answer to 'explain' within 0\.02 s; try again"):
            client.call("explain", wire.Line(line="ls"), wire.Empty, timeout_s=0.02)
        client.close()
    assert [request.method for request in asked] == ["initialize", "explain", "$/cancelRequest"]
    assert msgspec.json.decode(asked[2].params) == {"id": asked[1].id}


def test_progress_is_told(path: Path) -> None:
    def answer(request: wire.Request) -> bytes:
        if request.method == "initialize":
            return wire.result(1, GREETING)
        values = [wire.ProgressValue(kind="report", message=message) for message in ("half", "all")]
        assert isinstance(request.id, int)
        told = [wire.notification("$/progress", wire.ProgressParams(token=1, value=value)) for value in values]
        return b"".join(told) + wire.result(request.id, wire.Empty())

    heard: list[str] = []
    with service(path, answer):
        client = Client(path, HELLO)
        client.call("reload", wire.ReloadParams(token=1), wire.Empty, timeout_s=20, on_progress=heard.append)
        client.close()
    assert heard == ["half", "all"]


def test_a_lost_connection_is_an_error_in_every_method(path: Path) -> None:
    listener = endpoint.listen(path)

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(100_000)
        connection.sendall(wire.result(1, GREETING))
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    client = Client(path, HELLO)
    thread.join()
    listener.close()
    with pytest.raises(ServiceError, match=r"assistant service status"):
        client.suggest(Query(text="l"), 20)
    with pytest.raises(ServiceError, match="connection is lost"):
        client.suggest(Query(text="l"), 20)
    with pytest.raises(ServiceError, match="connection is lost"):
        client.call("status", None, wire.Status, timeout_s=20)
    with pytest.raises(ServiceError, match="connection is lost"):
        client.notify("forget", wire.Line(line="ls"))


def test_a_service_that_does_not_read_blocks_nobody_and_gets_whole_lines_later(path: Path) -> None:
    listener, reading = endpoint.listen(path), threading.Event()
    told: list[str] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            lines.readline()
            connection.sendall(wire.result(1, GREETING))
            reading.wait()
            for line in lines:
                request = msgspec.json.decode(line, type=wire.Request)
                if request.method == "forget":
                    told.append(msgspec.json.decode(request.params, type=wire.Line).line.split()[0])
                elif isinstance(request.id, int):
                    connection.sendall(wire.result(request.id, FOUND))

    thread = threading.Thread(target=serve)
    thread.start()
    client = Client(path, HELLO)
    for number in range(40):
        client.notify("forget", wire.Line(line=f"{number} " + "x" * 60_000))
    assert client.suggest(Query(text="l"), 0.01) is None
    reading.set()
    assert client.suggest(Query(text="l"), 20) == FOUND.candidates
    client.close()
    thread.join()
    listener.close()
    assert 0 < len(told) < 40  # what did not fit was dropped, the rest came whole and in order
    assert told == [str(number) for number in range(len(told))]


@pytest.mark.parametrize("text", ["\udcff", "x" * wire.MESSAGE_BYTES])
def test_text_that_cannot_be_sent(path: Path, text: str) -> None:
    with service(path, greeting):
        client = Client(path, HELLO)
        assert client.suggest(Query(text=text), 20) == []
        client.notify("forget", wire.Line(line=text))
        with pytest.raises(ServiceError, match="explain: cannot be asked"):
            client.call("explain", wire.Line(line=text), wire.Empty, timeout_s=20)
        client.close()


@pytest.mark.parametrize(
    ("environ", "path"),
    [({"PATH": "/a:/b"}, ("/a", "/b")), ({"PATH": [Path("/a"), "/b"]}, ("/a", "/b")), ({"PATH": ""}, ()), ({}, ())],
)
def test_hello_reads_the_environment_of_the_system_and_of_xonsh(
    environ: dict[str, object], path: tuple[str, ...]
) -> None:
    said = hello("shell", {"HOME": "/home/u", **environ}, ["gs"])
    assert (said.client, said.home, said.path, said.aliases) == ("shell", "/home/u", path, ("gs",))
    assert said.host == socket.gethostname()
