"""What a real shell leaves in the history: lines, exit codes, places, authors; and what it does not leave."""

from __future__ import annotations

import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from terminal import CTRL_C, CTRL_Z, ENTER, Home

from assistant_core.records import Command
from assistant_core.redact import MARK
from assistant_core.settings import paths
from assistant_core.shell.recorder import exit_code, git_root, storable
from assistant_core.store import Store

TABLE = [
    ("echo hi", 0),
    ("false", 1),
    ("1 + 1", 0),
    ("x = 5", 0),
    ("1 / 0", 1),
    ("nosuchcmd", 1),
    ("sh -c 'exit 7'", 7),
    ("sh -c 'kill -9 $$'", 137),
    ("y = $(echo a)", 0),
    ("sleep 0.01 &", None),
    ("false && echo x", 1),
    ("false || true", 0),
    ("echo a | grep -q n", 1),
    ("echo 'ä ∑ 🙂'", 0),
    ("for i in range(3): i", 0),
]


def recorded(home: Home) -> list[Command]:
    with closing(Store(paths(home.environ).history)) as store:
        return [stored.command for stored in store.commands()]


def lines(home: Home) -> list[str]:
    return [command.line for command in recorded(home)]


@pytest.mark.parametrize("shell", ["ptk", "readline"])
def test_every_line_with_its_exit_code(tmp_path: Path, shell: str) -> None:
    home = Home(tmp_path)
    with home.open("--shell-type", shell) as terminal:
        for line, _ in TABLE:
            terminal.run(line)
        terminal.leave()
    assert [(command.line, command.exit_code) for command in recorded(home)] == TABLE


@pytest.mark.parametrize(
    ("line", "key", "code"),
    [
        ("""sh -c "echo run''ning; exec sleep 60\"""", CTRL_C, 130),
        ("""sh -c "echo run''ning; exec sleep 60\"""", CTRL_Z, None),
        ("import time; print('run' 'ning'); time.sleep(60)", CTRL_C, 130),
    ],
)
def test_interrupted_and_stopped_lines(tmp_path: Path, line: str, key: str, code: int | None) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("echo first")
        before = terminal.prompts()
        terminal.send(line + ENTER)
        terminal.wait_for("\nrunning")
        if line.startswith("sh "):  # until then the key is xonsh's, which is starting the program
            terminal.wait(lambda: terminal.foreground() != terminal.pid, "the program to have the terminal")
        # A second Ctrl-C in a bad moment ends xonsh itself, so it is not hurried.
        terminal.press_until(key, lambda: terminal.prompts() > before, every_s=10)
        terminal.run("echo last")
    assert [(command.line, command.exit_code) for command in recorded(home)][:2] == [("echo first", 0), (line, code)]


@pytest.mark.parametrize(("line", "code"), [("exit 5", 5), ("exit", 0)])
def test_the_line_that_ends_the_shell(tmp_path: Path, line: str, code: int) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.send(line + ENTER)
        assert terminal.join() == code
    assert [(command.line, command.exit_code) for command in recorded(home)] == [(line, code)]


def test_ends_of_the_shell_without_a_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("echo last")
        terminal.leave()
    assert lines(home) == ["echo last"]


def test_a_command_knows_where_and_when_it_ran(tmp_path: Path) -> None:
    home = Home(tmp_path, VIRTUAL_ENV="/venv", AWS_PROFILE="AKIA2E0A8F3B244C9986", USER="ada")
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir()
    with home.open() as terminal:
        terminal.run("cd project/src")
        terminal.run("sleep 0.2")
        terminal.leave()
    first, second = recorded(home)
    assert (first.cwd, first.git_root) == (str(tmp_path), None)
    assert (second.cwd, second.git_root) == (str(tmp_path / "project" / "src"), str(tmp_path / "project"))
    assert second.duration_ns is not None
    assert second.duration_ns >= 200_000_000
    assert first.started_ns is not None
    assert second.started_ns is not None
    assert second.started_ns > first.started_ns
    assert second.environment == {"VIRTUAL_ENV": "/venv"}  # the other looks like a key
    assert (second.user, second.author, len(second.session)) == ("ada", "human", 32)


def test_what_is_not_remembered(tmp_path: Path) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_RECORD_IGNORE="topsecret:^pass ")
    (tmp_path / ".ssh").mkdir()
    with home.open() as terminal:
        for line in (
            "echo 0",
            " echo leading blank",
            "echo topsecret",
            "cd .ssh",
            "echo in an excluded folder",
            "cd ..",  # it runs in the excluded folder
            "?",
            ":train status",
            "assistant private status",
            "history off",
            "echo history is off",
            "history on",
            "assistant private on",
            "echo private",
            "assistant private off",
            "echo 1",
            "$XONTRIB_ASSISTANT_RECORD_PRIVATE = True",
            "echo private, too",
            "$XONTRIB_ASSISTANT_RECORD_PRIVATE = False",
            "$HISTCONTROL = 'ignoredups,ignoreerr'",
            "echo 2",
            "echo 2",
            "false",
            "$XONSH_HISTORY_SAVE_CWD = False",
        ):
            terminal.run(line)
        terminal.leave()
    assert lines(home) == [
        "echo 0",
        "cd .ssh",
        "history on",
        "echo 1",
        "$HISTCONTROL = 'ignoredups,ignoreerr'",
        "echo 2",
        "$XONSH_HISTORY_SAVE_CWD = False",
    ]
    assert recorded(home)[-1].cwd is None


def test_xonsh_ignore_pattern(tmp_path: Path) -> None:
    home = Home(tmp_path, XONSH_HISTORY_IGNORE_REGEX="echo (pass|word)")
    with home.open() as terminal:
        terminal.run("echo password")
        terminal.run("echo kept")
        terminal.leave()
    assert lines(home) == ["echo kept"]


def test_a_broken_pattern_is_named_and_nothing_is_remembered_meanwhile(tmp_path: Path) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_RECORD_IGNORE="(")
    with home.open() as terminal:
        terminal.run("echo secret")
        assert "record.ignore: '(' is no regular expression" in terminal.screen()
        terminal.run("del $XONTRIB_ASSISTANT_RECORD_IGNORE")
        terminal.run("echo 1")
        terminal.leave()
    assert lines(home) == ["del $XONTRIB_ASSISTANT_RECORD_IGNORE", "echo 1"]


def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("$GITHUB_TOKEN = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a'")
        terminal.run(":feedback helpful my token is ghp_16C7e42F292c6912E7710c838347Ae178B4a")
        terminal.run(':train add "login ghp_16C7e42F292c6912E7710c838347Ae178B4a" "log in"')
        terminal.leave()
    assert MARK in lines(home)[0]
    for folder in ("share/xontrib-assistant", "state/xontrib-assistant"):
        for file in (tmp_path / folder).rglob("*"):
            assert b"ghp_16C7e42F292c6912E7710c838347Ae178B4a" not in file.read_bytes(), file


@pytest.mark.parametrize("variables", [{"CLAUDECODE": "1"}, {"GEMINI_CLI": "1"}, {"AGENT": "amp"}])
def test_lines_typed_by_a_program_are_marked(tmp_path: Path, variables: dict[str, str]) -> None:
    home = Home(tmp_path, **variables)
    with home.open() as terminal:
        terminal.run("echo hi")
        terminal.leave()
    assert [command.author for command in recorded(home)] == ["program"]


def test_piped_lines_are_marked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run("-i", typed="echo hi\n")
    assert [(command.line, command.author) for command in recorded(home)] == [("echo hi", "program")]


def test_kill_loses_the_command_in_flight_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        for number in range(5):
            terminal.run(f"echo {number}")
        terminal.send(f"sleep 60{ENTER}")
        terminal.wait_for("sleep 60")
        terminal.signal(signal.SIGKILL)
    assert lines(home) == [f"echo {number}" for number in range(5)]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_leaves_the_exit_code_unknown(tmp_path: Path, number: signal.Signals) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("echo before")
        terminal.send(f"import time; print(6 * 7); time.sleep(60){ENTER}")
        terminal.wait_for("\n42")
        terminal.signal(number)
    found = [(command.line, command.exit_code) for command in recorded(home)]
    assert found in ([("echo before", 0)], [("echo before", 0), ("import time; print(6 * 7); time.sleep(60)", None)])


def test_history_that_cannot_be_opened(tmp_path: Path) -> None:
    home = Home(tmp_path)
    history = paths(home.environ).history
    history.parent.mkdir(parents=True)
    history.write_bytes(b"this is not a database" * 1000)
    with home.open() as terminal:
        for number in range(3):
            terminal.run(f"echo {number}")
        assert terminal.screen().count("assistant:") == 1
        assert "file is not a database" in terminal.screen()
        assert history.read_bytes() == b"this is not a database" * 1000
        history.unlink()
        terminal.run("echo 3")
        terminal.leave()
    assert lines(home) == [f"echo {number}" for number in range(4)]


def test_a_locked_history_delays_no_row_for_good(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("echo 0")
        with closing(Store(paths(home.environ).history)) as other:
            other._db.execute("BEGIN IMMEDIATE")  # noqa: SLF001 - another writer in the middle of its work
            terminal.run("echo 1")
            terminal.run("echo 2")
            other._db.execute("COMMIT")  # noqa: SLF001 - as above
        terminal.run("echo 3")
        assert "assistant:" not in terminal.screen()
        terminal.leave()
    assert lines(home) == [f"echo {number}" for number in range(4)]


class Spec:
    def __init__(self, *, background: bool) -> None:
        self.background = background


class Pipeline:
    def __init__(self, returncode: int | None, *, background: bool = False) -> None:
        self.returncode = returncode
        self.spec = Spec(background=background)


STALE = Pipeline(None)


@pytest.mark.parametrize(
    ("rtn", "pipeline", "expected"),
    [
        (0, STALE, 0),  # a Python line after a pipeline in the background
        (None, STALE, 130),
        (-2, Pipeline(-2), 130),
        (-15, Pipeline(-15), 143),
        (0, Pipeline(None), None),
        (0, Pipeline(0, background=True), None),
        (3, Pipeline(3), 3),
    ],
)
def test_exit_code(rtn: int | None, pipeline: Pipeline, expected: int | None) -> None:
    assert exit_code(rtn, pipeline, STALE) == expected


def test_git_root(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert git_root(str(inner)) is None
    subprocess.run(["git", "init", "-q", str(tmp_path / "a")], check=True)
    assert git_root(str(inner)) == str(tmp_path / "a")


@pytest.mark.parametrize(("text", "stored"), [("a\udcffb", "a?b"), ("ä🙂", "ä🙂")])
def test_storable(text: str, stored: str) -> None:
    assert storable(text) == stored
