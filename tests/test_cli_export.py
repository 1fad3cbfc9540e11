"""Files that leave: complete, exact, for the owner alone; the shells and importers read them back."""

from __future__ import annotations

import csv
import io
import shutil
import socket
import stat
import subprocess
from getpass import getuser
from pathlib import Path

import msgspec
import pytest
from program import PROGRAM, record, run, whole

from assistant_core.cli.export import FORMATS
from assistant_core.records import Command
from assistant_core.settings import Paths

Environ = dict[str, str]

SECOND = 10**9
HARD = [
    "ls -l",
    "for x in a b\ndo\n  echo $x\ndone",
    r"echo 'back\slash' \n \\",
    "printf 'ends in a backslash\\",
    "echo grüße 漢字 \U0001f600 \u0083\u00a2",
    "echo \"quotes\", 'both', a,b;c",
    "- when: 5",
    ": 1:2;no time",
]


@pytest.fixture
def commands(paths: Paths) -> list[Command]:
    found = [
        Command(
            line=line,
            session="s",
            cwd="/home/x",
            host="box",
            user="me",
            started_ns=(1_700_000_000 + number) * SECOND,
            duration_ns=3 * SECOND,
            exit_code=number % 2,
            environment={"A": "1"},
        )
        for number, line in enumerate(HARD)
    ]
    record(paths.history, found)
    return found


def exported(environ: Environ, *argv: str) -> bytes:
    return run(environ, "data", "export", *argv).out.encode()


def test_jsonl_has_all_that_is_known(environ: Environ, commands: list[Command]) -> None:
    assert [msgspec.json.decode(row, type=Command) for row in exported(environ).splitlines()] == commands


def test_csv(environ: Environ, commands: list[Command]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(environ, "--format", "csv").decode(), newline="")))
    assert [(row["line"], row["exit_code"], row["environment"]) for row in rows] == [
        (command.line, str(command.exit_code), "A=1") for command in commands
    ]


@pytest.mark.parametrize(
    ("format_", "line", "raw"),
    [
        ("bash", "ls", b"#5\nls\n"),
        ("zsh", "ls", b": 5:2;ls\n"),
        ("zsh", "a\nb\\", b": 5:2;a\\\nb\\ \n"),
        ("zsh", "echo à", b": 5:2;echo \xc3\x83\x80\n"),
        ("fish", "a\nb\\", b"- cmd: a\\nb\\\\\n  when: 5\n"),
    ],
)
def test_formats_of_shells(format_: str, line: str, raw: bytes) -> None:
    command = Command(line=line, session="s", started_ns=5 * SECOND, duration_ns=2 * SECOND)
    assert b"".join(FORMATS[format_]([command])) == raw


@pytest.mark.parametrize(
    ("format_", "text"),
    [("bash", "#0\nb\n#1\na\n"), ("zsh", ": 0:0;b\n: 1:0;a\n"), ("fish", "- cmd: b\n- cmd: a\n  when: 1\n")],
)
def test_shells_get_the_order_of_time_and_the_unknown_first(format_: str, text: str) -> None:
    commands = [Command(line="a", session="s", started_ns=SECOND), Command(line="b", session="s")]
    assert b"".join(FORMATS[format_](commands)).decode() == text


IN_BASH = r"""
HISTFILE= HISTTIMEFORMAT=%s; set -o history; history -r $1; set +o history; history -s now
for i in {1..8}; do fc -ln $i $i; printf '\0'; done
"""
READ = {  # each prints the lines of the history $1 (fish: of $XDG_DATA_HOME), parted by NUL
    "bash": ("--norc", "-c", IN_BASH, "-"),
    "zsh": ("-fc", "setopt extendedhistory; fc -p $1 100 100; print -s now; print -rN -- ${(v)history}", "-"),
    "fish": ("-c", "history search --null --max 100"),
}


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("shell", READ)
def test_the_shell_itself_reads_every_line_back(shell: str, environ: Environ, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "share/fish/fish_history"
    file.parent.mkdir(parents=True)
    assert run(environ, "data", "export", "--format", shell, str(file)).code == 0
    command = [shell, *READ[shell], *([] if shell == "fish" else [str(file)])]
    own = whole(environ) | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=own, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    read = done.stdout.decode().rstrip("\0\n").split("\0")
    assert sorted(line.strip() for line in read) == sorted(HARD)


def test_a_new_file_is_the_owners_alone(environ: Environ, commands: list[Command], tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert run(environ, "data", "export", str(file)) == (0, f"{len(commands)} commands in {file}\n", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes().splitlines()) == len(commands)


@pytest.mark.usefixtures("commands")
def test_a_file_that_is_there_stays_as_it_is(environ: Environ, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("precious")
    ran = run(environ, "data", "export", str(file))
    assert (ran.code, file.read_text()) == (2, "precious")
    assert f"{file} exists" in ran.err


@pytest.mark.usefixtures("commands")
def test_json_is_about_the_file(environ: Environ, tmp_path: Path) -> None:
    assert run(environ, "data", "export", "--json").code == 2
    report = run(environ, "data", "export", "--json", "--format", "fish", str(tmp_path / "x")).json
    assert report == {"commands": len(HARD), "file": str(tmp_path / "x")}


def test_normalised(environ: Environ, paths: Paths) -> None:
    home = environ["HOME"]
    here = [
        Command(line=f"cd {home}/src && ssh me@box", session="s", cwd=f"{home}/a", user="me", host="box",
                environment={"VIRTUAL_ENV": f"{home}/.venv"}),
        Command(line=f"ssh {getuser()}@{socket.gethostname()}", session="t"),
    ]  # fmt: skip
    record(paths.history, here)
    rows = [msgspec.json.decode(row) for row in exported(environ, "--normalise").splitlines()]
    assert rows[0]["line"] == "cd ~/src && ssh {user}@{host}"
    assert (rows[0]["cwd"], rows[0]["user"], rows[0]["host"]) == ("~/a", "{user}", "{host}")
    assert rows[0]["environment"] == {"VIRTUAL_ENV": "~/.venv"}
    assert rows[1]["line"] == "ssh {user}@{host}"


def test_a_reader_that_leaves_is_no_error(environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="x" * 10_000, session="s")] * 100)
    command = [*PROGRAM, "data", "export"]
    with subprocess.Popen(command, env=whole(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout
        assert started.stderr
        started.stdout.read(1)
        started.stdout.close()
        assert started.stderr.read() == b""
    assert started.returncode == 141
