"""`?` and `?fix` in a real xonsh with a real service: what is put into the prompt, what is said; nothing runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import known_requests
import pytest
import service_process
from terminal import CTRL_C, CTRL_U, ENTER, Home, Terminal

from assistant_core.service import lifecycle
from assistant_core.settings import paths
from assistant_core.store import Store

README = Path(__file__).parent.parent / "README.md"
HOSTILE = ("$(touch ran)", "`touch ran`", "a; touch ran", "it's ![touch ran]", "@(open('ran', 'w'))", "x > ran")
WITHOUT_MODEL = {"XONTRIB_ASSISTANT_MODELS_COMMAND": "0"}


@contextmanager
def asking(folder: Path, *arguments: str, service: bool = True, **variables: str) -> Iterator[tuple[Home, Terminal]]:
    """A shell that knows what `known_requests` holds, and nothing else."""
    home = Home(folder, **WITHOUT_MODEL, XONTRIB_ASSISTANT_SERVICE_ENABLED=str(int(service)), **variables)
    known_requests.install(paths(home.environ))
    try:
        with home.open(*arguments) as terminal:
            yield home, terminal
    finally:
        lifecycle.stop(paths(home.environ))


def prompted(terminal: Terminal) -> str:
    """What stands at the last prompt."""
    row = next((row for row in reversed(terminal.screen().splitlines()) if row.startswith("<")), "")
    return row.partition("> ")[2]


def stands(terminal: Terminal, expected: str) -> bool:
    """Whether `expected` is what stands at the last prompt."""
    return prompted(terminal) == expected


def ask(terminal: Terminal, line: str, expected: str) -> str:
    """Ask; return the screen once `expected` stands at the next prompt, which is emptied."""
    terminal.run(CTRL_U + line)
    terminal.wait(partial(stands, terminal, expected), f"{expected!r} at the prompt")
    return terminal.screen()


def test_the_session_in_the_readme(tmp_path: Path) -> None:
    [played] = re.findall(r"<!-- session: .*?-->\n```\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    with asking(tmp_path, MANPATH=str(tmp_path)) as (home, terminal):
        home.stub("rsync", "git")
        for row in played.splitlines():
            if row.endswith("▮"):
                expected = row.removeprefix("@ ").removesuffix("▮")
                terminal.wait(partial(stands, terminal, expected), f"{expected!r} at the prompt")
                terminal.send(CTRL_U)
            elif row.startswith("@ "):
                terminal.run(row.removeprefix("@ "))
            else:
                assert row in terminal.screen().splitlines()
        assert home.ran() == []


@pytest.mark.parametrize("shell", ["ptk", "readline"])
def test_a_line_is_put_into_the_prompt_and_not_run(tmp_path: Path, shell: str) -> None:
    with asking(tmp_path, "--shell-type", shell) as (_, terminal):
        screen = ask(terminal, "? make a file called ran", "touch ran")
        assert "known to do 'make a file called ran'; checked: syntax, programs" in screen
        assert not (tmp_path / "ran").exists()
        terminal.send(ENTER)
        terminal.wait((tmp_path / "ran").exists, "the line to run once it is sent")


def test_a_conversation(tmp_path: Path) -> None:
    with asking(tmp_path) as (home, terminal):
        screen = ask(terminal, "? find files larger than 2 GB", "find . -size +2G")
        assert "2  find ~ -size +2G -type f" in screen
        assert "1 is in the prompt; `? 2`" in screen
        ask(terminal, "? 2", "find ~ -size +2G -type f")
        terminal.run(CTRL_U + ":feedback helpful quick")
        assert "about the answer for 'find files larger than 2 GB'" in terminal.screen()
        with closing(Store(paths(home.environ).history)) as store:
            [feedback] = store.feedback()
        assert (feedback.about, feedback.subject) == ("answer", "find files larger than 2 GB")
        assert feedback.response == "find ~ -size +2G -type f"
        terminal.run("? 9")
        assert "there is no line 9" in terminal.screen()
        terminal.run("? xyzzy plugh")
        assert "nothing is known that does this" in terminal.screen()
        terminal.run("?fix xyzzy plugh")
        assert "no repair is known: no name in it looks misspelt" in terminal.screen()
        terminal.run("echo code $LAST_RETURN_CODE")
        assert "code 1" in terminal.screen()
        for text in HOSTILE:
            terminal.run(f"{CTRL_U}? {text}")
            terminal.run(f"{CTRL_U}?fix {text}")
            assert not (tmp_path / "ran").exists(), text
        terminal.run(CTRL_U + ':train add "echo carrying build to HOST" "carry the build to the server"')
        screen = ask(terminal, "? carry build to the server", "echo carrying build to HOST")
        assert "taught by you as 'carry the build to the server'" in screen


def test_what_bash_alone_understands_is_fitted(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n")
    with asking(tmp_path) as (_, terminal):
        ask(terminal, "? count the lines of all python files", "find . -name '*.py' -exec wc -l '{}' ';'")
        terminal.send(ENTER)
        terminal.wait_for("2 ./a.py")
        ask(terminal, "? print the name of each file", "bash -c 'for f in *; do echo \"$f\"; done'")
        terminal.send(ENTER)
        terminal.wait(lambda: "\na.py\n" in terminal.screen(), "the names of the files")


def test_what_the_guard_says_is_said(tmp_path: Path) -> None:
    with asking(tmp_path) as (home, terminal):
        screen = ask(terminal, "? delete the folder with the photos", "rm -rf /srv/photos")
        assert "deletes /srv/photos" in screen
        terminal.run(CTRL_U + "$XONTRIB_ASSISTANT_GUARD_MODE = 'strict'")
        terminal.run("? delete the folder with the photos")
        assert "not put into the prompt, for guard.mode is strict: deletes" in " ".join(terminal.screen().split())
        assert prompted(terminal) == ""
        assert home.ran() == []


def test_a_failed_line_is_repaired(tmp_path: Path) -> None:
    with asking(tmp_path) as (home, terminal):
        home.stub("frobnicate")
        terminal.run("?fix")
        assert "nothing has failed in this shell" in terminal.screen()
        terminal.run("frobnciate --all")
        screen = ask(terminal, "?fix", "frobnicate --all")
        assert "exit code 1: frobnciate --all" in screen
        assert "spelling corrected" in screen
        assert home.ran() == []
        terminal.send(ENTER)
        terminal.wait(home.canary.exists, "the repaired line to run")
        assert home.ran() == ["frobnicate --all"]
        ask(terminal, "?fix frobnicate --all | grpe x", "frobnicate --all | grep x")
        terminal.run(CTRL_U + "frobnicate --to staging.example.org --fast")
        ask(terminal, "?fix true --to stagin.example.org --fast", "frobnicate --to staging.example.org --fast")
        assert "from your history" in terminal.screen()


def test_ctrl_c_ends_the_wait_and_the_work(tmp_path: Path) -> None:
    home = Home(tmp_path)
    subprocess.run(service_process.command(), env=home.environ, check=True)
    try:
        with home.open() as terminal:
            terminal.run("? prepared")
            terminal.send(CTRL_U + "? wait" + ENTER)
            terminal.pump(1)  # until it waits; a Ctrl-C that comes sooner ends the line as well
            terminal.send(CTRL_C)
            terminal.wait(lambda: terminal.prompts() > 2, "the next prompt")
            terminal.run("echo code $LAST_RETURN_CODE")
            assert "code 130" in terminal.screen()
            terminal.run("? and then")
            terminal.wait(
                lambda: prompted(terminal).startswith("and then: cancelled 1"), "an answer, and the end of the first"
            )
    finally:
        lifecycle.stop(paths(home.environ))


def test_without_a_service_a_process_answers(tmp_path: Path) -> None:
    with asking(tmp_path, service=False) as (_, terminal):
        ask(terminal, "? make a file called ran", "touch ran")
        terminal.run(CTRL_U + "grpe x")
        ask(terminal, "?fix", "grep x")
