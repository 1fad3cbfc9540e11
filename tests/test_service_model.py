"""The command model in the service: a real process, real llama.cpp, a small model that knows a few lines by heart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import command_models
import model_service
import msgspec
import pytest
from service_process import HELLO, Raw, status

from assistant_core.records import Candidate, Command, Query
from assistant_core.service import lifecycle, wire
from assistant_core.service.client import Client
from assistant_core.settings import Paths, private_directory

Start = Callable[..., Client]
WAIT_S = 30.0  # for another process; far more than it takes


@pytest.fixture
def start(paths: Paths, tmp_path: Path) -> Iterator[Start]:
    """What starts the service, for a shell that has three programs, and waits until the history is read."""
    programs = private_directory(tmp_path / "programs")
    for name in ("zebra", "quagga", "rm"):
        (programs / name).touch(0o755)
    me = msgspec.structs.replace(HELLO, path=(str(programs),), home="/home/ada")
    with ExitStack() as opened:

        def connect(*options: str) -> Client:
            command = model_service.command(*options)
            client = opened.enter_context(closing(lifecycle.connect(paths, me, timeout_s=60, command=command)))
            while status(client).loading:
                time.sleep(0.01)
            return client

        yield connect
        lifecycle.stop(paths)


def ask(client: Client, text: str, *, slow: bool = True) -> list[Candidate]:
    found = client.suggest(Query(text=text, session="s", cwd="/", slow=slow), 60)
    assert found is not None
    return found


def sources(found: list[Candidate]) -> set[str]:
    return {candidate.source.split()[0] for candidate in found}


def reload(client: Client) -> None:
    client.call("reload", wire.ReloadParams(), wire.Empty, timeout_s=60)


def ran(client: Client, line: str, exit_code: int = 0) -> None:
    client.notify("record", Command(line=line, session="s", cwd="/", exit_code=exit_code))


def test_what_memory_does_not_know_the_model_completes(paths: Paths, knowing: Path, start: Start) -> None:
    command_models.install(paths, knowing)
    client = start()
    assert ask(client, "zebra --s", slow=False) == []
    best = ask(client, "zebra --s")[0]
    assert (best.line, best.source, best.count) == ("zebra --stripes 40", "model v1", 0)
    assert best.probability > 0.5
    assert ask(client, "yak")[0].probability < 0.05  # there is no such program here


def test_one_list_of_memory_and_model(paths: Paths, knowing: Path, start: Start) -> None:
    command_models.install(paths, knowing)
    client = start()
    for line in ("zebra --spots", "zebra --stripes 40", "yak shave"):
        ran(client, line)
    found = ask(client, "zebra --s")
    assert [each.line for each in found][:2] == ["zebra --stripes 40", "zebra --spots"]
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
    assert all(0 <= each.probability <= 1 for each in found)
    assert len({each.line for each in found}) == len(found)
    assert found[0].count == 1


@pytest.mark.parametrize(("exit_code", "line"), [(2, "quagga repair"), (0, "quagga done")])
def test_the_model_is_told_the_session(paths: Paths, knowing: Path, start: Start, exit_code: int, line: str) -> None:
    command_models.install(paths, knowing)
    client = start()
    ran(client, "quagga run", exit_code)
    of_model = [each.line for each in ask(client, "quagga ") if each.source == "model v1"]
    assert of_model[0] == line


def test_what_the_guard_would_stop_is_never_offered(paths: Paths, knowing: Path, start: Start) -> None:
    command_models.install(paths, knowing)
    client = start()
    found = [each.line for text in ("rm", "rm -r", "rm -rf /", "") for each in ask(client, text)]
    assert command_models.DANGEROUS not in found


def test_a_reload_brings_the_version_in_use_and_the_switch(paths: Paths, knowing: Path, start: Start) -> None:
    client = start()
    assert ask(client, "zebra --s") == []
    command_models.install(paths, knowing)
    reload(client)
    assert sources(ask(client, "zebra --s")) == {"model"}
    command_models.install(paths, knowing, "v2")
    reload(client)
    assert ask(client, "zebra --s")[0].source == "model v2"
    private_directory(paths.config)
    paths.settings.write_text("[models]\ncommand = false\n", encoding="utf-8")
    reload(client)
    assert ask(client, "zebra --s") == []


@pytest.mark.parametrize("lack", ["model", "library", "sound file"])
def test_without_a_model_memory_answers_alone(paths: Paths, knowing: Path, start: Start, lack: str) -> None:
    if lack != "model":
        command_models.install(paths, knowing)
    if lack == "sound file":
        with (paths.models / "command" / "v1" / "command.gguf").open("ab") as file:
            file.write(b"!")
    client = start(*(["--without-llama"] if lack == "library" else []))
    ran(client, "zebra --spots canary")
    for _ in range(3):
        assert [each.line for each in ask(client, "zebra --s")] == ["zebra --spots canary"]
    log = lifecycle.log_file(paths).read_text(encoding="utf-8")
    assert log.count("absent until the next reload") == 1
    assert "canary" not in log


@pytest.fixture
def gate(paths: Paths, knowing: Path, tmp_path: Path) -> Path:
    """While this file is there, the model does not answer."""
    command_models.install(paths, knowing)
    file = tmp_path / "gate"
    file.touch()
    return file


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def begin(raw: Raw, number: wire.Id, text: str) -> None:
    raw.send(wire.request(number, "suggest", Query(text=text, session="s", slow=True)))


def test_an_answer_under_way_keeps_nobody_waiting_and_is_cancelled(paths: Paths, gate: Path, start: Start) -> None:
    client, raw = start("--gate", str(gate)), Raw(paths.socket)
    ran(client, "zebra --spots")
    begin(raw, "one", "zebra ")
    until(lambda: model_service.asked(gate) == ["zebra "])
    assert [each.line for each in ask(client, "zebra --s", slow=False)] == ["zebra --spots"]
    begin(raw, "two", "never asked")
    raw.send(wire.notification("$/cancelRequest", wire.CancelParams(id="two")))
    raw.send(wire.notification("$/cancelRequest", wire.CancelParams(id="one")))
    assert [(answer["id"], answer["error"]["code"]) for answer in (raw.read(), raw.read())] == [
        ("two", wire.Code.CANCELLED),
        ("one", wire.Code.CANCELLED),
    ]
    gate.unlink()
    assert sources(ask(client, "zebra --st")) == {"model"}
    assert model_service.asked(gate) == ["zebra ", "cancelled", "zebra --st"]
    raw.close()


def test_a_shell_that_is_gone_cancels_what_it_asked(paths: Paths, gate: Path, start: Start) -> None:
    start("--gate", str(gate))
    raw = Raw(paths.socket)
    begin(raw, "one", "zebra ")
    until(lambda: model_service.asked(gate) == ["zebra "])
    raw.close()
    until(lambda: model_service.asked(gate) == ["zebra ", "cancelled"])
