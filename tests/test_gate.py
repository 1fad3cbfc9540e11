"""The veto in a real shell: the line does not run, whatever the shell and however it is answered.

The canary is a file that the stub `rm` writes. Every shell asks in the same way, so the two with a terminal share
their tables.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from terminal import CTRL_C, CTRL_D, ENTER, UP, Home, Terminal

from assistant_core.guard.audit import Audit
from assistant_core.settings import paths
from assistant_core.store import Store

QUESTION = "Type yes to run it"
SHELLS = [("--shell-type", "ptk"), ("--shell-type", "readline")]


def asked(terminal: Terminal, line: str) -> None:
    terminal.send(line + ENTER)
    terminal.wait_for(QUESTION)


def answer(terminal: Terminal, keys: str) -> None:
    before = terminal.prompts()
    terminal.send(keys)
    terminal.wait(lambda: terminal.prompts() > before, "the prompt after the answer")


def recorded(home: Home) -> list[str]:
    with closing(Store(paths(home.environ).history)) as store:
        return [stored.command.line for stored in store.commands()]


@pytest.mark.parametrize("shell", SHELLS)
def test_stopped_unless_yes_is_typed(tmp_path: Path, shell: tuple[str, str]) -> None:
    home = Home(tmp_path)
    with home.open(*shell) as terminal:
        for keys in (ENTER, CTRL_C, CTRL_D):
            asked(terminal, "rm -rf ~")
            answer(terminal, keys)
            assert "not run" in terminal.screen()
            assert not home.canary.exists()
            terminal.run("echo code $LAST_RETURN_CODE")
            assert "code 130" in terminal.screen()
            terminal.run("clear")
        asked(terminal, "rm -rf ~")
        answer(terminal, f"yes{ENTER}")  # the canary sings when the gate is open
        assert home.canary.read_text() == f"rm -rf {tmp_path}\n"
    assert [line for line in recorded(home) if line.startswith("rm")] == ["rm -rf ~"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_was_typed_ahead_does_not_answer(tmp_path: Path, shell: tuple[str, str]) -> None:
    home = Home(tmp_path)
    with home.open(*shell) as terminal:
        terminal.send(f"rm -rf ~{ENTER}yes{ENTER}yes{ENTER}")
        terminal.wait_for(QUESTION)
        answer(terminal, ENTER)
        assert "not run" in terminal.screen()
    assert not home.canary.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_time_out_means_no_and_leaves_the_terminal_as_it_was(tmp_path: Path, shell: tuple[str, str]) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_GUARD_TIMEOUT_S="1")
    with home.open(*shell) as terminal:
        terminal.run("stty -g > before")
        asked(terminal, "rm -rf ~")
        answer(terminal, "ye")  # half an answer is none, and is not the start of the next line
        terminal.run("stty -g > after")
        assert "not run" in terminal.screen()
    assert not home.canary.exists()
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_line_is_reachable_with_up(tmp_path: Path, shell: tuple[str, str]) -> None:
    home = Home(tmp_path)
    with home.open(*shell) as terminal:
        asked(terminal, "rm -rf ~")
        answer(terminal, ENTER)
        terminal.press_until(UP, lambda: terminal.screen().endswith("> rm -rf ~"))


def test_a_block_of_lines_is_stopped_as_a_whole(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.paste("touch first\nrm -rf ~\ntouch last")
        terminal.send(ENTER)
        terminal.send(ENTER)
        terminal.wait_for(QUESTION)
        answer(terminal, ENTER)
        terminal.run("echo done")
    assert not home.canary.exists()
    assert not (tmp_path / "first").exists()
    assert not (tmp_path / "last").exists()


def test_without_a_terminal_the_answer_is_no(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = home.run("-i", typed="rm -rf ~\ntouch reached\n")
    assert not home.canary.exists()
    assert "nobody can be asked here" in done.stderr
    assert (tmp_path / "reached").exists()


def test_scripts_are_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run("-c", "rm -rf ~")
    assert home.canary.exists()


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_GUARD_ENABLED="0")
    with home.open() as terminal:
        terminal.run("rm -rf ~")
    assert home.canary.exists()


@pytest.mark.parametrize(
    ("mode", "line", "says"),
    [
        ("warn", "rm -rf ~", "guard.mode is warn"),
        ("off", "rm -rf ~", ""),
    ],
)
def test_modes_that_never_ask(tmp_path: Path, mode: str, line: str, says: str) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_GUARD_MODE=mode)
    with home.open() as terminal:
        terminal.run(line)
        assert says in terminal.screen()
    assert home.ran() == [f"rm -rf {tmp_path}"]


def test_strict_refuses_blocks_and_wants_a_word_for_warnings(tmp_path: Path) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_GUARD_MODE="strict")
    with home.open() as terminal:
        terminal.run("rm -rf ~")
        assert "refused" in terminal.screen()
        asked(terminal, "rm -rf a/b")
        answer(terminal, f"y{ENTER}")
        assert home.ran() == []
        terminal.run("clear")
        asked(terminal, "rm -rf a/b")
        answer(terminal, f"yes{ENTER}")
    assert home.ran() == ["rm -rf a/b"]


def test_a_dumb_terminal_is_asked_without_colours(tmp_path: Path) -> None:
    home = Home(tmp_path, TERM="dumb")
    with home.open() as terminal:
        asked(terminal, "rm -rf ~")
        answer(terminal, f"y{ENTER}")
        assert b"\x1b[1;31m" not in terminal.raw
    assert home.ran() == []


def test_the_log_tells_answers_and_exit_codes(tmp_path: Path) -> None:
    home = Home(tmp_path, rc="aliases['zap'] = 'rm -rf'\n")
    with home.open() as terminal:
        terminal.run("rm note.txt")
        asked(terminal, "rm -rf ~")
        answer(terminal, ENTER)
        terminal.run("clear")
        asked(terminal, "zap ~")
        answer(terminal, f"yes{ENTER}")
    events = list(Audit(paths(home.environ).guard_log).events())
    assert [(each.line, each.answer, each.exit_code) for each in events] == [
        ("rm -rf ~", "stopped", None),
        (f"rm -rf {tmp_path}", "yes", 0),
    ]


def test_a_guard_that_fails_asks_until_a_yes(tmp_path: Path) -> None:
    broken = "import assistant_core.guard.policy\nassistant_core.guard.policy.Policy = lambda *_, **__: 1 / 0\n"
    home = Home(tmp_path, rc=broken)
    with home.open() as terminal:
        terminal.send(f"touch first{ENTER}")
        terminal.wait_for("run it anyway?")
        answer(terminal, ENTER)
        terminal.send(f"clear{ENTER}")
        terminal.wait_for("clear\nassistant: the guard failed")
        answer(terminal, f"y{ENTER}")
        terminal.run("touch again")
        assert b"Traceback" not in terminal.raw
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "again").exists()
    assert "ZeroDivisionError" in (tmp_path / "state" / "xontrib-assistant" / "shell.log").read_text()
