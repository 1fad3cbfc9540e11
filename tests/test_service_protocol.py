"""Bytes in, bytes out: the service as a process, spoken to over its socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from service_process import HELLO, Raw, gone, places_in, start

from assistant_core.service import lifecycle, wire
from assistant_core.settings import Paths


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    places = places_in(tmp_path_factory.mktemp("service"))
    client = start(places)
    yield places
    client.close()
    lifecycle.stop(places)


@pytest.fixture
def raw(places: Paths) -> Iterator[Raw]:
    raw = Raw(places.socket)
    yield raw
    raw.close()


def message(**fields: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **fields})


COMMAND = {"line": "make", "session": "s"}
FEEDBACK = {"at_ns": 1, "session": "s", "rating": "helpful"}
SUGGESTION = {"session": "s", "at_ns": 1, "typed": "m", "line": "m", "source": "t", "probability": 1, "accepted": "no"}

REFUSED = [
    (b"", None, -32700, "not JSON"),
    (b"{", None, -32700, "not JSON"),
    (b"\x00\xff\xfe", None, -32700, "not JSON"),
    (b'{"jsonrpc":"2.0","method":"\xff","id":1}', None, -32700, "not JSON"),
    (b'{"jsonrpc":"2.0","id":1,"method":"status","params":' + b"[" * 50_000, None, -32700, "not JSON"),
    (b"[]", None, -32600, "got `array`"),
    (b'[{"jsonrpc":"2.0","id":1,"method":"status"}]', None, -32600, "got `array`"),
    (b'"text"', None, -32600, "got `str`"),
    (b'{"id":7,"method":"status"}', 7, -32600, "`jsonrpc`"),
    (b'{"jsonrpc":"1.0","id":7,"method":"status"}', 7, -32600, "$.jsonrpc"),
    (message(id=7), 7, -32600, "`method`"),
    (message(id=7, method=3), 7, -32600, "$.method"),
    (message(id=1.5, method="status"), None, -32600, "$.id"),
    (message(id=None, method="status"), None, -32600, "$.id"),
    (message(id=7, method="status", extra=1), 7, -32600, "`extra`"),
    (message(id=7, method="nothing"), 7, -32601, "'nothing'"),
    (message(id="seven", method=""), "seven", -32601, "''"),
    (message(id=7, method="suggest"), 7, -32602, "`text`"),
    (message(id=7, method="suggest", params=[]), 7, -32602, "got `array`"),
    (message(id=7, method="suggest", params=None), 7, -32602, "got `null`"),
    (message(id=7, method="suggest", params={"text": "a", "limit": "x"}), 7, -32602, "`$.limit`, found 'x'"),
    (message(id=7, method="suggest", params={"text": "a", "limit": 0}), 7, -32602, "limit is 0"),
    (message(id=7, method="suggest", params={"text": "a", "limit": 101}), 7, -32602, "limit is 101"),
    (message(id=7, method="suggest", params={"text": "a", "txt": "b"}), 7, -32602, "`txt`"),
    (b'{"jsonrpc":"2.0","id":7,"method":"suggest","params":{"text":"\xff"}}', 7, -32602, "suggest"),
    (message(id=7, method="record", params={**COMMAND, "author": "cat"}), 7, -32602, "`$.author`, found 'cat'"),
    (message(id=7, method="classify", params={"line": "ls"}), 7, -32602, "`cwd`"),
    (message(id=7, method="initialize", params={"protocol": 1}), 7, -32602, "`version`"),
    (message(id=7, method="status", params={"x": 1}), 7, -32602, "`x`"),
    (message(id=7, method="suggest", params={"text": "raise"}), 7, -32603, "KeyError"),
    (message(id=7, method="explain", params={"line": "large"}), 7, -32001, "the answer is"),
]


@pytest.mark.parametrize(("line", "number", "code", "text"), REFUSED)
def test_what_is_refused(raw: Raw, line: bytes, number: wire.Id | None, code: int, text: str) -> None:
    raw.send(line + b"\n")
    refused = raw.read()
    assert (refused["id"], refused["error"]["code"]) == (number, code)
    assert text in refused["error"]["message"]
    assert raw.ask("status")["result"]["protocol"] == 1


VERDICT: dict[str, Any] = {
    "decision": "allow",
    "crud": "DELETE",
    "reasons": [],
    "rules": [],
    "targets": [],
    "safer": None,
    "confidence": 1.0,
}
ANSWERED: list[tuple[str, object, Any]] = [
    ("suggest", {"text": "git p"}, {"candidates": [{"line": "git push", "probability": 0.5, "source": "test"}]}),
    ("classify", {"line": "rm -f a.txt", "cwd": "/home/u/x"}, VERDICT),
    ("suggest", {"text": "nothing known"}, {"candidates": []}),
    ("feedback", FEEDBACK, {}),
    ("reload", {}, {}),
    ("reload", {"token": None}, {}),
    ("$/cancelRequest", {"id": "unknown"}, {}),
]


@pytest.mark.parametrize(("method", "params", "result"), ANSWERED)
def test_what_is_answered(raw: Raw, method: str, params: object, result: object) -> None:
    answer = raw.ask(method, params, "a")
    defaults = {"count": 0, "last_ns": None, "last_exit": None}
    for candidate in answer["result"].get("candidates", []):
        for name, value in defaults.items():
            assert candidate.pop(name) == value
    assert answer == {"jsonrpc": "2.0", "id": "a", "result": result}


UNANSWERED = [
    message(method="nothing"),
    message(method="suggest", params={"text": "git"}),
    message(method="suggest", params={"text": 3}),
    message(method="suggest", params={"text": "raise"}),
    message(method="explain", params={"line": "ls"}),
    message(method="feedback", params=FEEDBACK),
    message(method="$/cancelRequest", params={"id": 1}),
    message(method="$/cancelRequest", params={}),
    message(method="reload"),
]


@pytest.mark.parametrize("line", UNANSWERED)
def test_a_notification_is_never_answered(raw: Raw, line: bytes) -> None:
    raw.send(line + b"\n")
    assert raw.ask("status", number="next")["id"] == "next"


def test_everything_waits_for_initialize(places: Paths) -> None:
    raw = Raw(places.socket, initialized=False)
    assert raw.ask("suggest", {"text": "git"})["error"]["code"] == -32002
    raw.send(message(method="record", params={"line": "git uninitialized", "session": "s"}) + b"\n")
    greeted = raw.ask("initialize", msgspec.to_builtins(HELLO))["result"]
    assert greeted == {"protocol": 1, "version": HELLO.version, "pid": lifecycle.running(places)}
    assert raw.ask("suggest", {"text": "git uninit"})["result"] == {"candidates": []}
    raw.close()


def test_another_protocol_is_told_ours_and_stays_outside(places: Paths) -> None:
    raw = Raw(places.socket, initialized=False)
    assert raw.ask("initialize", {"protocol": 2, "colour": "blue"})["result"]["protocol"] == 1
    assert raw.ask("suggest", {"text": "git"})["error"]["code"] == -32002
    raw.close()


def test_a_connection_has_the_surroundings_of_its_last_initialize(raw: Raw) -> None:
    def where() -> str:
        return str(raw.ask("suggest", {"text": "where"})["result"]["candidates"][0]["line"])

    assert where() == "where /home/u ('/bin', '/usr/bin')"
    raw.ask("initialize", {**msgspec.to_builtins(HELLO), "home": "/root", "path": []})
    assert where() == "where /root ()"


@pytest.mark.parametrize(
    ("method", "params"),
    [("record", {**COMMAND, "line": "make x"}), ("suggestion", {**SUGGESTION, "line": "make x", "ran": True})],
)
def test_what_one_shell_tells_the_other_sees_at_once(places: Paths, raw: Raw, method: str, params: object) -> None:
    other = Raw(places.socket)
    raw.send(message(method=method, params=params) + b"\n")
    assert raw.ask("status")["result"]["clients"] >= 2  # the notification before it is handled
    assert [found["line"] for found in other.ask("suggest", {"text": "make"})["result"]["candidates"]] == ["make x"]
    raw.send(message(method="forget", params={"line": "make x"}) + b"\n")
    raw.ask("status")
    assert other.ask("suggest", {"text": "make"})["result"] == {"candidates": []}
    other.close()


@pytest.mark.parametrize("size", [wire.MESSAGE_BYTES + 1, 3 * wire.MESSAGE_BYTES, 3_000_000])
def test_a_line_that_is_too_long_is_refused_once_and_skipped(raw: Raw, size: int) -> None:
    raw.send(b"x" * size + b"\n")
    refused = raw.read()
    assert (refused["id"], refused["error"]["code"]) == (None, -32001)
    assert raw.ask("status", number="next")["id"] == "next"


def test_the_longest_line_is_handled(raw: Raw) -> None:
    line = message(id="long", method="suggest", params={"text": ""})
    text = "x" * (wire.MESSAGE_BYTES - len(line) - 1)
    raw.send(message(id="long", method="suggest", params={"text": text}) + b"\n")
    assert raw.read() == {"jsonrpc": "2.0", "id": "long", "result": {"candidates": []}}


def test_a_line_may_come_byte_by_byte_and_many_at_once(raw: Raw) -> None:
    line = message(id="slow", method="suggest", params={"text": "ls"}) + b"\n"
    for byte in line:
        raw.send(bytes([byte]))
    assert raw.read()["id"] == "slow"
    raw.send(b"".join(message(id=number, method="status") + b"\n" for number in range(500)))
    assert [raw.read()["id"] for _ in range(500)] == list(range(500))


def test_a_client_that_does_not_read_is_dropped(places: Paths) -> None:
    deaf, other = Raw(places.socket), Raw(places.socket)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012 - which of many sends fails is open
        for _ in range(10_000):
            deaf.send(100 * (message(id=1, method="suggest", params={"text": ""}) + b"\n"))
    assert other.ask("status")["result"]["protocol"] == 1
    deaf.close()
    other.close()


def test_more_clients_than_there_may_be_are_told_so(places: Paths) -> None:
    crowd = [Raw(places.socket, initialized=False) for _ in range(260)]
    refused = crowd[-1].read()
    assert refused["error"]["code"] == -32001
    assert crowd[-1].read() is None
    assert crowd[0].ask("initialize", msgspec.to_builtins(HELLO))["result"]["protocol"] == 1
    for raw in crowd:
        raw.close()


def test_cancelling_answers_at_once_and_frees_the_number(raw: Raw) -> None:
    raw.send(message(id=5, method="explain", params={"line": "wait"}) + b"\n")
    assert raw.ask("explain", {"line": "ls"}, 5)["error"]["code"] == -32600  # 5 is waiting
    raw.send(message(method="$/cancelRequest", params={"id": 5}) + b"\n")
    assert raw.read() == {"jsonrpc": "2.0", "id": 5, "error": {"code": -32800, "message": "cancelled by the client"}}
    assert raw.ask("explain", {"line": "ls"}, 5)["result"]["line"] == "ls"


# --- suggestions for which a model is asked ---------------------------------------------------------------------


def offered(raw: Raw, text: str, number: wire.Id = "o", **query: object) -> list[str]:
    answer = raw.ask("suggest", {"text": text, "slow": True, **query}, number)
    assert answer["id"] == number
    return [candidate["line"] for candidate in answer["result"]["candidates"]]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ({"text": "slow", "session": "s"}, ["slow ls -l"]),
        ({"text": "slow"}, ["slow /home/u"]),
        ({"text": "slow", "slow": False}, []),
        ({"text": "git p"}, ["git push"]),  # the model has nothing to say, memory has
    ],
)
def test_a_model_is_told_the_session_and_its_lines_are_ranked(
    places: Paths, query: dict[str, object], lines: list[str]
) -> None:
    raw = Raw(places.socket)
    if query.get("session"):
        raw.ask("record", {"line": "ls -l", "session": "s"})
    assert offered(raw, **{"slow": True, **query}) == lines  # type: ignore[arg-type] # cells of the table
    raw.close()


def test_a_failure_after_the_model_has_answered_is_told(raw: Raw) -> None:
    refused = raw.ask("suggest", {"text": "slow raise", "slow": True})
    assert (refused["error"]["code"], "KeyError" in refused["error"]["message"]) == (-32603, True)


def test_a_question_to_the_model_keeps_nobody_waiting_and_can_be_cancelled(raw: Raw) -> None:
    raw.send(message(id=6, method="suggest", params={"text": "slow wait", "slow": True}) + b"\n")
    assert raw.ask("suggest", {"text": "git p"}, 7)["id"] == 7
    assert raw.ask("suggest", {"text": "slow", "slow": True}, 6)["error"]["code"] == -32600  # 6 is waiting
    raw.send(message(method="$/cancelRequest", params={"id": 6}) + b"\n")
    assert raw.read()["error"] == {"code": -32800, "message": "cancelled by the client"}
    assert offered(raw, "slow", 6) != []


def test_questions_to_the_model_have_a_bound_and_end_with_their_client(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    client = start(places)
    crowd, raw = Raw(places.socket), Raw(places.socket)
    for number in range(16):
        crowd.send(message(id=number, method="suggest", params={"text": "slow wait", "slow": True}) + b"\n")
    crowd.ask("status", number="handled")
    assert offered(raw, "slow") == []  # answered by memory alone
    crowd.close()
    while not offered(raw, "slow"):  # until the service has seen the end of the others
        pass
    raw.close()
    client.close()
    lifecycle.stop(places)


def test_a_model_is_never_asked_for_a_notification(raw: Raw) -> None:
    raw.send(message(method="suggest", params={"text": "slow wait", "slow": True}) + b"\n")
    assert raw.ask("status", number="next")["id"] == "next"


def test_explanations_have_a_bound(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    client = start(places)
    raw = Raw(places.socket)
    for number in range(16):
        raw.send(message(id=number, method="explain", params={"line": "wait"}) + b"\n")
    assert raw.ask("explain", {"line": "ls"}, 16)["error"]["code"] == -32001
    assert raw.ask("suggest", {"text": "ls"}, 17)["id"] == 17
    raw.close()
    client.close()
    lifecycle.stop(places)


def test_a_reload_tells_its_progress_to_who_asked(raw: Raw) -> None:
    raw.send(message(id=9, method="reload", params={"token": "t"}) + b"\n")
    told = [raw.read() for _ in range(4)]
    assert [line["params"]["token"] for line in told[:3]] == ["t"] * 3
    assert [(line["params"]["value"]["kind"], line["params"]["value"]["percentage"]) for line in told[:3]] == [
        ("begin", None),
        ("report", 50),
        ("end", 100),
    ]
    assert told[3] == {"jsonrpc": "2.0", "id": 9, "result": {}}


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[Raw, Path]]:
    """A service that is reading its history until the gate is removed."""
    places, gate = places_in(tmp_path), tmp_path / "gate"
    gate.touch()
    client = start(places, gate=gate)
    raw = Raw(places.socket)
    yield raw, gate
    raw.close()
    client.close()
    lifecycle.stop(places)


def lines(raw: Raw, text: str) -> list[str]:
    return [candidate["line"] for candidate in raw.ask("suggest", {"text": text})["result"]["candidates"]]


def test_while_the_history_is_read_nobody_waits_and_nothing_is_lost(gated: tuple[Raw, Path]) -> None:
    raw, gate = gated
    assert raw.ask("status")["result"]["loading"] is True
    assert lines(raw, "git") == []
    raw.ask("record", {**COMMAND, "line": "git early"})
    raw.ask("forget", {"line": "git status"})
    gate.unlink()
    while raw.ask("status")["result"]["loading"]:
        pass
    assert lines(raw, "git") == ["git early", "git push"]


def test_a_reload_asked_for_while_one_runs_is_another_one(gated: tuple[Raw, Path]) -> None:
    raw, gate = gated
    raw.send(message(id="r", method="reload", params={"token": "t"}) + b"\n")
    assert raw.ask("status", number="s")["id"] == "s"  # no progress of the reading that began before
    gate.unlink()
    kinds = [raw.read()["params"]["value"]["kind"] for _ in range(3)]
    assert (kinds, raw.read()["id"]) == (["begin", "report", "end"], "r")


def test_shutdown_is_answered_and_ends_the_service(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    start(places).close()
    raw = Raw(places.socket)
    assert raw.ask("shutdown")["result"] == {}
    assert raw.read() is None
    gone(places)
    raw.close()
