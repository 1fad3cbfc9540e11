"""Ghost text from the command model in a real xonsh: it comes second, goes cleanly, and nothing waits for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import command_models
import model_service
import pytest
from terminal import CTRL_C, CTRL_U, ENTER, Home, Terminal
from test_ghost_shell import RIGHT, WHY, shows

from assistant_core.service import lifecycle
from assistant_core.settings import paths


@contextmanager
def served(folder: Path, knowing: Path | None, *options: str, rc: str = "") -> Iterator[tuple[Home, Terminal]]:
    """A shell where `yak` and `zebra` are programs, and a service with the model that `knowing` is, if any."""
    home = Home(folder, rc=rc)
    home.stub("yak", "zebra")
    if knowing:
        command_models.install(paths(home.environ), knowing)
    subprocess.run(model_service.command(*options), env=home.environ, check=True)
    try:
        with home.open() as terminal:
            yield home, terminal
    finally:
        lifecycle.stop(paths(home.environ))


def test_shown_where_memory_has_nothing_gone_when_something_else_is_typed(tmp_path: Path, knowing: Path) -> None:
    with served(tmp_path, knowing) as (home, terminal):
        terminal.press_until(f"{CTRL_U}yak s", shows(terminal, "yak shave"))
        terminal.send("x")
        terminal.wait(shows(terminal, "yak sx"), "no ghost text")
        terminal.send("\x7f")
        terminal.wait(shows(terminal, "yak shave"), "the ghost text again")
        terminal.send(WHY)
        terminal.wait_for("assistant: yak shave: from model v1, ")
        terminal.wait(shows(terminal, "yak shave"), "the prompt below the message")
        terminal.send(RIGHT + ENTER)
        terminal.wait(lambda: terminal.prompts() > 1, "the next prompt")
        assert home.ran() == ["yak shave"]


@pytest.mark.parametrize(("keys", "ran"), [(ENTER, ["yak s"]), (CTRL_C, [])])
def test_neither_enter_nor_ctrl_c_waits_for_an_answer_under_way(
    tmp_path: Path, knowing: Path, keys: str, ran: list[str]
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with served(tmp_path, knowing, "--gate", str(gate)) as (home, terminal):
        terminal.press_until(f"{CTRL_U}yak s", lambda: "yak s" in model_service.asked(gate))
        terminal.send(keys)
        terminal.wait(lambda: terminal.prompts() > 1, "the next prompt, while the model still thinks")
        assert home.ran() == ran
        terminal.wait(lambda: followed(model_service.asked(gate), "yak s") == "cancelled", "the cancellation")
        assert gate.exists()


def followed(noted: list[str], text: str) -> str:
    """Return what was noted after `text`, "" for nothing yet."""
    at = len(noted) - noted[::-1].index(text)
    return noted[at] if at < len(noted) else ""


def test_another_key_cancels_and_typing_goes_on(tmp_path: Path, knowing: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with served(tmp_path, knowing, "--gate", str(gate)) as (_home, terminal):
        terminal.press_until(f"{CTRL_U}yak s", lambda: "yak s" in model_service.asked(gate))
        terminal.send("h")
        terminal.wait(shows(terminal, "yak sh"), "the key")
        terminal.wait(lambda: "yak sh" in model_service.asked(gate), "the newer question")
        assert followed(model_service.asked(gate), "yak s") == "cancelled"
        gate.unlink()
        terminal.wait(shows(terminal, "yak shave"), "the answer to the newer question")


@pytest.mark.parametrize("lack", ["model", "library", "wish"])
def test_without_a_model_memory_alone_is_shown(tmp_path: Path, knowing: Path, lack: str) -> None:
    options = ["--without-llama"] if lack == "library" else []
    rc = "$XONTRIB_ASSISTANT_MODELS_COMMAND = False\n" if lack == "wish" else ""
    with served(tmp_path, None if lack == "model" else knowing, *options, rc=rc) as (home, terminal):
        terminal.run("zebra --spots")
        terminal.press_until(f"{CTRL_U}zeb", shows(terminal, "zebra --spots"))
        terminal.send(f"{CTRL_U}yak s")
        terminal.wait(shows(terminal, "yak s"), "what was typed")
        terminal.run("have")
        assert home.ran() == ["zebra --spots", "yak shave"]
        assert not (paths(home.environ).state / "shell.log").exists()
