"""Questions over the socket, and the thread that lends its model to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import command_models
import known_requests
import pytest
from service_process import Raw, places_in, start

from assistant_core.engine import prompt
from assistant_core.engine.adapted import Adapted
from assistant_core.engine.llm import Completion, Place
from assistant_core.engine.prompt import Piece
from assistant_core.engine.told import Told
from assistant_core.errors import ModelError
from assistant_core.records import Failure, Proposals, Question
from assistant_core.service import lifecycle, wire
from assistant_core.service.asking import Desk, Owners
from assistant_core.service.owner import Owner
from assistant_core.settings import Models, Paths, Training


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


def answered(raw: Raw, text: str) -> str:
    line: str = raw.ask("ask", {"text": text})["result"]["proposals"][0]["line"]
    return line


@pytest.mark.parametrize(
    ("method", "params", "code", "said"),
    [
        ("ask", {"text": "refuse"}, -32603, "the question failed"),
        ("ask", {"text": "fail"}, -32603, "the question failed"),
        ("fix", {"line": "fail"}, -32603, "the question failed"),
        ("ask", {"text": "a", "count": 0}, -32602, "count is 0"),
        ("ask", {"text": "a", "count": 101}, -32602, "count is 101"),
        ("ask", {}, -32602, "`text`"),
        ("ask", {"text": "a", "line": "b"}, -32602, "`line`"),
        ("fix", {"line": "a", "exit_code": "b"}, -32602, "`$.exit_code`, found 'b'"),
    ],
)
def test_what_is_refused(raw: Raw, method: str, params: dict[str, object], code: int, said: str) -> None:
    error = raw.ask(method, params)["error"]
    assert error["code"] == code
    assert said in error["message"]
    assert answered(raw, "still there").endswith(", /home/u")


def test_a_question_that_waits_keeps_nobody_waiting_and_is_cancelled(raw: Raw) -> None:
    raw.send(wire.request(7, "ask", None).replace(b'"params":{}', b'"params":{"text":"wait"}'))
    assert "cancelled 0" in answered(raw, "meanwhile")
    raw.send(wire.notification("$/cancelRequest", wire.CancelParams(id=7)))
    assert raw.read()["error"]["code"] == wire.Code.CANCELLED
    while "cancelled 1" not in answered(raw, "and then"):  # the work has ended, too
        pass


def test_who_begins_to_type_a_question_is_prepared_for(raw: Raw) -> None:
    before = answered(raw, "a")
    assert answered(raw, "a") == before
    raw.send(wire.notification("prepare", wire.Empty()))
    assert answered(raw, "a") != before


# --- the owner's thread ------------------------------------------------------------------------------------------


class Slow:
    """Something owned that works until it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()
        self.done: list[str] = []

    def work(self, name: str) -> str:
        self.begun.set()
        self.cancelled.wait(20)
        return self.quick(name)

    def quick(self, name: str) -> str:
        self.done.append(name)
        return name

    def begin(self) -> None:
        self.cancelled.clear()

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.done.append("closed")


def test_what_is_urgent_ends_what_is_not_and_goes_first() -> None:
    slow, said = Slow(), SimpleQueue[str]()
    owner = Owner(lambda: slow)
    owner.submit(lambda owned: owned.work("first"), said.put)
    slow.begun.wait()
    owner.submit(lambda owned: owned.quick("waiting"), said.put)
    owner.submit(lambda owned: owned.quick("urgent"), said.put, urgent=True)
    assert [said.get() for _ in range(3)] == ["first", "urgent", "waiting"]


def test_one_urgent_question_does_not_end_another() -> None:
    slow, said = Slow(), SimpleQueue[str]()
    owner = Owner(lambda: slow)
    owner.submit(lambda owned: owned.work("first"), said.put, urgent=True)
    slow.begun.wait()
    owner.submit(lambda owned: owned.quick("second"), said.put, urgent=True)
    assert not slow.cancelled.is_set()
    slow.cancel()
    assert [said.get() for _ in range(2)] == ["first", "second"]


# --- the real model, lent ----------------------------------------------------------------------------------------


class Here(NamedTuple):
    """Who asks."""

    host: str = "engine"
    path: tuple[str, ...] = ("/bin", "/usr/bin")
    aliases: frozenset[str] = frozenset()
    home: str = "/home/ada"


def no_chat() -> Adapted:
    raise ModelError("nobody is to ask a chat model here")


def asked(desk: Desk, question: Question | Failure) -> Proposals | None:
    said = SimpleQueue[Proposals | None]()
    desk.ask(question, Here(), said.put)
    return said.get(timeout=20)


def test_the_model_that_completes_also_answers(paths: Paths, knowing: Path) -> None:
    command_models.install(paths, knowing)
    known_requests.install(paths)
    owner = Owner(lambda: Completion(paths, Training()))
    desk = Desk(paths, Owners(owner, Owner(no_chat)), Models)
    desk.prepare()
    found = asked(desk, Question(text="show the status"))
    assert found is not None
    assert {each.source for each in found.proposals} >= {"model"}
    assert not any("no model helps" in note for note in found.notes)


def test_without_a_model_it_is_said_why(paths: Paths) -> None:
    def fail() -> Completion:
        raise ModelError("there is no llama.cpp here; install it")

    known_requests.install(paths)
    desk = Desk(paths, Owners(Owner(fail), Owner(no_chat)), Models)
    found = asked(desk, Failure(line="gerp x"))
    assert found is not None
    assert [each.line for each in found.proposals] == ["grep x"]
    assert found.notes == ("no model helps: there is no llama.cpp here; install it",)
    quiet = asked(
        Desk(paths, Owners(Owner(fail), Owner(no_chat)), lambda: Models(command=False)), Failure(line="gerp x")
    )
    assert quiet is not None
    assert quiet.notes == ()


def test_names_are_taken_out_of_what_a_personal_model_is_asked_and_put_back(paths: Paths, knowing: Path) -> None:
    command_models.install(paths, knowing)
    with closing(Completion(paths, Training())) as completion:
        told = Told(completion.answering(""), Place("/home/ada", "ada", "engine"))
        line = (Piece.LINE, "")
        assert told.candidates([line], "visit", count=1, tokens=20, deadline_s=9)[0][0] == "visit ada@engine"
        found = told.candidates([line], "zebra feed /home/ada/b", count=1, tokens=20, deadline_s=9)
        assert found[0][0] == "zebra feed ~/barn/hay"
        assert told.score([line], "visit ada@engine") > told.score([line], "visit bob@engine")


def test_what_a_model_was_never_taught_it_is_not_asked(paths: Paths, knowing: Path) -> None:
    command_models.install(paths, knowing, pieces={"trained": (Piece.LINE.value,)})
    with closing(Completion(paths, Training())) as completion:
        told = Told(completion.answering(""), Place("/home/ada", "ada", "engine"))
        for parts in (prompt.request("visit it"), prompt.repair("viist")):
            assert told.candidates(parts, count=1, tokens=20, deadline_s=9) == []
            assert told.generate(parts, count=1, tokens=20, deadline_s=9) == []
