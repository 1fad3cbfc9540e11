"""Histories come in, and what went out comes back the same."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from program import PROGRAM, lines, record, run, terminal, whole

from assistant_core.cli.importing import SHELLS
from assistant_core.importers import SHELLS as IMPORTERS
from assistant_core.records import Command
from assistant_core.settings import Paths

Environ = dict[str, str]


def test_the_shells_are_those_that_can_be_read() -> None:
    assert set(SHELLS) == set(IMPORTERS)


def test_import_twice(environ: Environ, paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("ls\ngit status\n")
    first = run(environ, "import", "bash", str(file), "--json").json
    assert (first["read"], first["added"], first["known"], first["service"]) == (2, 2, 0, None)
    second = run(environ, "import", "bash", str(file))
    assert (second.code, second.err) == (0, "")
    assert second.out.startswith(f"{file}: 2 read, 0 added, 2 known already\n")
    assert lines(paths.history) == ["ls", "git status"]


def test_the_usual_file(environ: Environ, paths: Paths) -> None:
    Path(environ["HOME"], ".bash_history").write_text("make\n")
    assert run(environ, "import", "bash").code == 0
    assert lines(paths.history) == ["make"]


def test_what_cannot_be_read_is_named(environ: Environ, tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b"ls\n" * 50 + b"a\0b\n")
    shown = run(environ, "import", "bash", str(file)).out
    assert "1 places could not be read" in shown
    assert "NUL" in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_file_is_one_line(shell: str, environ: Environ, tmp_path: Path) -> None:
    ran = run(environ, "import", shell, str(tmp_path / "missing"))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert str(tmp_path / "missing") in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_exported_is_imported_the_same(shell: str, environ: Environ, paths: Paths, tmp_path: Path) -> None:
    second = 10**9
    commands = [
        Command(line=line, session="s", started_ns=(1_700_000_000 + number) * second, duration_ns=2 * second)
        for number, line in enumerate(["ls", "a\nb\n\nc", "echo \\", "echo à \\n \\\\", "- cmd: x", "echo \U0001f600"])
    ]
    record(paths.history, [*commands, Command(line="when?", session="s")])
    file = tmp_path / "out"
    run(environ, "data", "export", "--format", shell, str(file))
    other = environ | {"XDG_DATA_HOME": str(tmp_path / "other")}
    assert run(other, "import", shell, str(file)).code == 0
    found = run(other, "data", "list", "--json").json["commands"]
    assert [(item["line"].rstrip(), item.get("started_ns")) for item in reversed(found)] == [
        ("when?", None),
        *((command.line, command.started_ns) for command in commands),
    ]


def test_a_bar_is_for_terminals(environ: Environ, tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("ls\n" * 5000)
    assert "import bash" in terminal(environ, "import", "bash", str(file)).out
    assert run(environ, "import", "bash", str(file)).err == ""


def test_ctrl_c_says_that_it_can_be_run_again(environ: Environ, paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("".join(f"echo {number}\n" for number in range(200_000)))
    command = [*PROGRAM, "import", "bash", str(file)]
    with subprocess.Popen(command, env=whole(environ), stderr=subprocess.PIPE, text=True) as started:
        while started.poll() is None and not count(paths):
            time.sleep(0.01)
        started.send_signal(signal.SIGINT)
        assert started.stderr
        said = started.stderr.read()
    assert (started.returncode, said.count("\n")) == (130, 1)
    assert f"run `assistant import bash {file}` again" in said
    done = count(paths)
    assert 0 < done < 200_000
    again = run(environ, "import", "bash", str(file), "--json").json
    assert (again["known"], again["added"]) == (done, 200_000 - done)


def count(paths: Paths) -> int:
    """Rows that are committed; 0 while there is no table yet."""
    try:
        with closing(sqlite3.connect(f"{paths.history.as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM commands").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
