"""The chat model that the settings name, as users meet it: in questions, in the doctor, in xonsh."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import chat_models
import known_requests
import program
import pytest
from terminal import CTRL_U, Home, Terminal

from assistant_core.doctor import examine
from assistant_core.engine.adapted import Adapted
from assistant_core.engine.chat import Message, Said
from assistant_core.engine.llm import Completion, Place
from assistant_core.errors import ModelError
from assistant_core.records import Failure, Proposals, Question
from assistant_core.service import borrowed, lifecycle
from assistant_core.service.asking import Desk, Owners
from assistant_core.service.owner import Owner
from assistant_core.settings import Models, Paths
from assistant_core.settings import paths as paths_of

# peft asks transformers for a name that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

NAMED = Models(command=False, chat="as the owner opens it")


class Here(NamedTuple):
    """Who asks."""

    host: str = "box"
    path: tuple[str, ...] = ()
    aliases: frozenset[str] = frozenset()
    home: str = "/home/ann"


def no_command() -> Completion:
    raise ModelError("nobody is to ask a command model here")


def desk(paths: Paths, owner: Owner[Adapted]) -> Desk:
    known_requests.install(paths)
    return Desk(paths, Owners(Owner(no_command), owner), lambda: NAMED)


def asked(desk: Desk, question: Question | Failure) -> Proposals:
    said = SimpleQueue[Proposals | None]()
    desk.ask(question, Here(), said.put)
    found = said.get(timeout=20)
    assert found is not None
    return found


def from_chat(found: Proposals) -> list[tuple[str, str]]:
    return [(each.line, each.near) for each in found.proposals if each.source == "chat"]


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_chat_model_is_one_who_answers(
    paths: Paths, chat_: chat_models.Chat, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "ann")
    owner = Owner(lambda: Adapted(paths, str(chat_.gguf), 1.0))
    bench = desk(paths, owner)
    assert from_chat(asked(bench, Question(text="feed the zebra")))[0] == ("zebra feed ~/barn", "")
    chat_models.install(paths, chat_.gguf, adapter)
    owner.renew()
    assert from_chat(asked(bench, Question(text="feed the zebra")))[0] == ("zebra feed --by ann", "a1")
    known = asked(bench, Question(text="find files larger than 2 GB"))
    assert known.proposals[0].source == "examples"


def test_who_begins_to_type_a_question_has_it_read(paths: Paths, chat_: chat_models.Chat) -> None:
    read = threading.Event()

    class Watched(Adapted):
        def warm(self, messages: Sequence[Message]) -> None:
            super().warm(messages)
            read.set()

    bench = desk(paths, Owner(lambda: Watched(paths, str(chat_.gguf), 1.0)))
    bench.prepare()
    assert not read.wait(0.2)
    bench.expect()
    assert read.wait(20)


class Slow(Adapted):
    """Says nothing until it is cancelled."""

    def __init__(self) -> None:
        self._over, self.asked = threading.Event(), threading.Event()

    def begin(self) -> None:
        self._over.clear()

    def cancel(self) -> None:
        self._over.set()

    def close(self) -> None:
        self._over.set()

    def lines(self, messages: Sequence[Message], place: Place, *, deadline_s: float = 0) -> Said:
        self.asked.set()
        self._over.wait(1000)
        return Said([(f"too late for {len(messages)} of {place.home} in {deadline_s}", -1.0)])


def test_who_is_slow_is_gone_without(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "CHAT_S", 0.2)
    found = asked(desk(paths, Owner(Slow)), Question(text="find files larger than 2 GB"))
    assert [each.source for each in found.proposals] == ["examples"] * len(found.proposals)
    assert found.notes == ("the chat model has said nothing in 0.2 s; if it was being read, ask again",)


class Late(Slow):
    """Says what it has when its time is over, and a moment later."""

    def lines(self, messages: Sequence[Message], place: Place, *, deadline_s: float = 0) -> Said:
        time.sleep(deadline_s + 0.1)
        return Said([(f"echo {len(messages)} {place.host}", -0.1)])


def test_what_a_slow_model_has_in_time_is_heard(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "CHAT_S", 0.2)
    found = asked(desk(paths, Owner(Late)), Question(text="find files larger than 2 GB"))
    assert from_chat(found) == [("echo 2 box", "")]
    assert found.notes == ()


def test_a_question_that_is_cancelled_waits_no_longer(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    said = SimpleQueue[Proposals | None]()
    monkeypatch.setattr(borrowed, "CHAT_S", 1000)
    slow = Slow()
    cancel = desk(paths, Owner(lambda: slow)).ask(Question(text="find files larger than 2 GB"), Here(), said.put)
    assert cancel is not None
    assert slow.asked.wait(20)
    cancel()
    said.get(timeout=20)


@pytest.mark.parametrize("question", [Question(text="find files larger than 2 GB"), Failure(line="gti status")])
def test_who_cannot_be_opened_is_named(paths: Paths, question: Question | Failure) -> None:
    found = asked(desk(paths, Owner(lambda: Adapted(paths, "/nowhere/chat.gguf", 1.0))), question)
    [note] = found.notes
    assert note.startswith("the chat model does not help: models.chat is '/nowhere/chat.gguf': there is no such file;")


# --- at the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def set_up(environ: dict[str, str], chat_: chat_models.Chat, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    for name in ("zebra", "yak", "okapi"):
        (tmp_path / "bin" / name).touch(mode=0o755)
    known_requests.install(paths_of(environ))
    return {
        **environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "USER": "ann",
        "XONTRIB_ASSISTANT_MODELS_COMMAND": "0",
        "XONTRIB_ASSISTANT_SERVICE_ENABLED": "0",
        "XONTRIB_ASSISTANT_MODELS_CHAT": str(chat_.gguf),
    }


def test_without_a_service_it_answers_as_well(
    set_up: dict[str, str], chat_: chat_models.Chat, adapter: Path, paths: Paths
) -> None:
    assert program.run(set_up, "ask", "rest").out.startswith("1  okapi sleep\n   made up by the chat model; checked:")
    chat_models.install(paths, chat_.gguf, adapter)
    made = "1  yak nap\n   made up by the chat model with your adapter a1; checked:"
    assert program.run(set_up, "ask", "rest").out.startswith(made)
    off = {**set_up, "XONTRIB_ASSISTANT_TRAINING_ADAPTER": "0"}
    assert program.run(off, "ask", "rest").out.startswith("1  okapi sleep\n")
    gone = {**set_up, "XONTRIB_ASSISTANT_MODELS_CHAT": "/nowhere"}
    assert "note: the chat model does not help: models.chat is '/nowhere'" in program.run(gone, "ask", "rest").out


def test_the_doctor_looks_at_it(set_up: dict[str, str], chat_: chat_models.Chat, adapter: Path, paths: Paths) -> None:
    def found() -> dict[str, str]:
        told = {each.name: f"{each.state}: {each.found}" for each in examine(set_up, paths)}
        return {name: said for name, said in told.items() if name in {"chat model", "adapter", "adapter training"}}

    assert found() == {"chat model": f"ok: {chat_.gguf}, {chat_.gguf.stat().st_size / 1e6:.1f} MB"}
    chat_models.install(paths, adapter, adapter)
    assert found()["adapter"].startswith("warn: a1 was made for another chat model")
    chat_models.install(paths, chat_.gguf, adapter, "a2")
    assert found()["adapter"] == "ok: a2, at 1 of its strength"
    for folder, said in (
        (str(chat_.folder), f"ok: {chat_.folder}"),
        ("/nowhere", "warn: training.chat is '/nowhere': expected a folder with config.json"),
        ("chat", "warn: training.chat is 'chat', which is another one in every folder; name it from / or ~ on"),
    ):
        set_up["XONTRIB_ASSISTANT_TRAINING_CHAT"] = folder
        assert found()["adapter training"] == said
    set_up["XONTRIB_ASSISTANT_MODELS_CHAT"] = str(adapter)
    assert found()["chat model"].startswith(f"warn: {adapter} is not a model that llama.cpp can load")


# --- in xonsh ----------------------------------------------------------------------------------------------------


def test_an_adapter_goes_live_and_back_while_the_shell_runs(
    tmp_path: Path, chat_: chat_models.Chat, adapter: Path
) -> None:
    home = Home(
        tmp_path,
        XONTRIB_ASSISTANT_SERVICE_ENABLED="1",
        XONTRIB_ASSISTANT_MODELS_COMMAND="0",
        XONTRIB_ASSISTANT_MODELS_CHAT=str(chat_.gguf),
    )
    places = paths_of(home.environ)
    known_requests.install(places)
    home.stub("zebra", "yak", "okapi")
    chat_models.install(places, chat_.gguf, adapter)

    def rests(terminal: Terminal, line: str) -> str:
        terminal.run(CTRL_U + "? rest")
        terminal.wait(partial(_stands, terminal, line), f"{line!r} at the prompt")
        return terminal.screen()

    try:
        with home.open() as terminal:
            assert "made up by the chat model with your adapter a1" in rests(terminal, "yak nap")
            terminal.run(CTRL_U + ":train rollback --kind adapter")
            assert "made up by the chat model; checked" in rests(terminal, "okapi sleep")
            terminal.run(CTRL_U + ":train deploy a1 --kind adapter")
            rests(terminal, "yak nap")
            assert lifecycle.running(places) is not None  # which was told of each change
    finally:
        lifecycle.stop(places)
    assert home.ran() == []


def _stands(terminal: Terminal, line: str) -> bool:
    row = next((row for row in reversed(terminal.screen().splitlines()) if row.startswith("<")), "")
    return row.partition("> ")[2] == line
