"""Ghost text, its keys and the menu in a real xonsh, over a real socket, from a service with a list of three lines."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import service_process
from terminal import ENTER, TAB, Home, Terminal

from assistant_core.records import Suggestion
from assistant_core.service import lifecycle
from assistant_core.settings import paths
from assistant_core.store import Store

RIGHT, CTRL_U, NEXT, WHY, FORGET = "\x1b[C", "\x15", "\x1bn", "\x1bi", "\x1bx"
MENU_IN_THREAD = "$COMPLETION_IN_THREAD = True\n"


@contextmanager
def served(folder: Path, rc: str = "", **variables: str) -> Iterator[tuple[Home, Terminal]]:
    """A shell that has shown its first ghost text."""
    home = Home(folder, rc=rc, **variables)
    subprocess.run(service_process.command(), env=home.environ, check=True)
    try:
        with home.open() as terminal:
            terminal.press_until(f"{CTRL_U}g", lambda: line_of(terminal).endswith("> git push"))
            yield home, terminal
    finally:
        lifecycle.stop(paths(home.environ))


def line_of(terminal: Terminal) -> str:
    """The last line on the screen that holds a prompt."""
    return next((row for row in reversed(terminal.screen().splitlines()) if "> " in row), "")


def shows(terminal: Terminal, text: str) -> Callable[[], bool]:
    return lambda: line_of(terminal).endswith(f"> {text}")


def test_shown_taken_run_and_written_down(tmp_path: Path) -> None:
    with served(tmp_path) as (home, terminal):
        terminal.send(RIGHT + ENTER)
        terminal.wait(lambda: terminal.prompts() > 1, "the next prompt")
        with closing(Store(paths(home.environ).history)) as store:
            found = store.suggestions()
    assert [(item.typed, item.line, item.accepted, item.ran) for item in found] == [("g", "git push", "line", True)]
    assert isinstance(found[0], Suggestion)


def test_keys(tmp_path: Path) -> None:
    with served(tmp_path) as (_home, terminal):
        terminal.send(NEXT)
        terminal.wait(shows(terminal, "git status"), "the second candidate")
        terminal.send(WHY)
        terminal.wait_for("assistant: git status: from test, 50% likely, run 0 times")
        terminal.wait(shows(terminal, "git status"), "the prompt below the message")
        terminal.send(FORGET)
        terminal.wait_for("assistant: deleted from memory for good (0 entries)")
        terminal.wait(shows(terminal, "git push"), "the other candidate")
        terminal.send(f"{CTRL_U}git st")
        terminal.run("")
        assert "git status" not in line_of(terminal)


@pytest.mark.parametrize("rc", ["", MENU_IN_THREAD])
def test_the_menu_begins_with_the_ranked_lines_and_tab_takes_the_first(tmp_path: Path, rc: str) -> None:
    (tmp_path / "pull").touch()
    with served(tmp_path, rc) as (_home, terminal):
        terminal.send(f"{CTRL_U}git {TAB}")
        terminal.wait(lambda: "git status" in terminal.screen() and "commit" in terminal.screen(), "both lists")
        terminal.send(TAB)
        terminal.wait_for("test 50%")
        assert line_of(terminal).endswith("> git push")


@pytest.mark.parametrize("rc", ["", MENU_IN_THREAD])
def test_tab_still_puts_in_the_only_file(tmp_path: Path, rc: str) -> None:
    (tmp_path / "-like-ls").touch()
    (tmp_path / "lone-file").touch()
    with served(tmp_path, rc) as (_home, terminal):
        terminal.send(f"{CTRL_U}cat lon{TAB}")
        terminal.wait_for("> cat lone-file")


def test_typing_along_repaints_no_ghost_text(tmp_path: Path) -> None:
    with served(tmp_path) as (_home, terminal):
        before = len(terminal.raw)
        terminal.send("it p")
        terminal.wait(lambda: terminal.raw[before:].count(b"p") > 0, "the echo")
        painted = terminal.raw[before:]
    assert b"push" not in painted
    assert b"\x1b[K" not in painted


def test_a_service_that_stops_answering_does_not_stop_the_shell(tmp_path: Path) -> None:
    with served(tmp_path) as (home, terminal):
        pid = lifecycle.running(paths(home.environ))
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            terminal.send(CTRL_U)
            for number in range(3):
                terminal.run(f"echo still {number} here")
                terminal.wait_for(f"still {number} here\n")
        finally:
            os.kill(pid, signal.SIGCONT)
        terminal.press_until(f"{CTRL_U}g", shows(terminal, "git push"))


def test_unload_and_reload(tmp_path: Path) -> None:
    with served(tmp_path) as (_home, terminal):
        terminal.send(CTRL_U)
        terminal.run("xontrib unload assistant")
        terminal.run("print('fallback', type(__xonsh__.shell.shell.prompter.default_buffer.auto_suggest).__name__)")
        terminal.wait_for("fallback DynamicAutoSuggest")
        terminal.run("print(type(__xonsh__.shell.shell.pt_completer).__name__)")
        terminal.wait_for("PromptToolkitCompleter\n")
        terminal.run("xontrib load assistant")
        terminal.press_until(f"{CTRL_U}git s", shows(terminal, "git status"))
        terminal.run("xontrib reload assistant")
        terminal.press_until(f"{CTRL_U}git s", shows(terminal, "git status"))


def test_vi_mode(tmp_path: Path) -> None:
    with served(tmp_path, "$VI_MODE = True\n") as (_home, terminal):
        terminal.send(RIGHT + ENTER)
        terminal.wait(lambda: terminal.prompts() > 1, "the next prompt")
        assert "> git push\n" in terminal.screen()
