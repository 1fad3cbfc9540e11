"""Which file is read by default, and what is refused, with a message that says what to do."""

from __future__ import annotations

import gzip
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import histories
import pytest

from assistant_core import importers
from assistant_core.errors import ImportFileError
from assistant_core.store import Store


@pytest.mark.parametrize(
    ("shell", "variables", "expected"),
    [
        ("bash", {}, ".bash_history"),
        ("bash", {"HISTFILE": "{home}/h"}, "h"),
        ("bash", {"HISTFILE": "{home}/.zsh_history"}, ".bash_history"),
        ("zsh", {}, ".zsh_history"),
        ("zsh", {"HISTFILE": "{home}/h"}, "h"),
        ("zsh", {"HISTFILE": "{home}/.bash_history"}, ".zsh_history"),
        ("zsh", {"ZDOTDIR": "{home}/z"}, "z/.zsh_history"),
        ("fish", {}, ".local/share/fish/fish_history"),
        ("fish", {"XDG_DATA_HOME": "{home}/d", "fish_history": "work"}, "d/fish/work_history"),
        ("fish", {"fish_history": "default"}, ".local/share/fish/fish_history"),
        ("atuin", {}, ".local/share/atuin/history.db"),
        ("atuin", {"XDG_DATA_HOME": "{home}/d"}, "d/atuin/history.db"),
        ("atuin", {"ATUIN_DB_PATH": "{home}/a.db"}, "a.db"),
        ("xonsh", {}, ".local/share/xonsh"),
        ("xonsh", {"XDG_DATA_HOME": "{home}/d"}, "d/xonsh"),
        ("xonsh", {"XONSH_DATA_DIR": "{home}/x"}, "x"),
        ("xonsh", {"XONSH_HISTORY_SQLITE_FILE": "{home}/x.sqlite"}, "x.sqlite"),
    ],
)
def test_the_usual_file(tmp_path: Path, shell: str, variables: dict[str, str], expected: str) -> None:
    environ = {"HOME": str(tmp_path)} | {name: value.format(home=tmp_path) for name, value in variables.items()}
    assert importers.default_file(shell, environ) == tmp_path / expected


@pytest.mark.parametrize("name", [".zhistory", ".histfile"])
def test_zsh_histories_of_other_names_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert importers.default_file("zsh", {"HOME": str(tmp_path)}) == tmp_path / name


def test_the_usual_file_is_imported_when_none_is_named(tmp_path: Path) -> None:
    (tmp_path / ".bash_history").write_text("ls\n")
    store = Store(tmp_path / "data" / "history.db")
    report = importers.run("bash", None, store, {"HOME": str(tmp_path)}, lambda _done, _total: None)
    assert (report.file, report.added) == (str(tmp_path / ".bash_history"), 1)


def database(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript(statement)


def folder(file: Path) -> None:
    file.mkdir()


def foreign_database(file: Path) -> None:
    database(file, "CREATE TABLE other (a); INSERT INTO other VALUES (1)")


def atuin_of_another_shape(file: Path) -> None:
    database(file, "CREATE TABLE history (command)")


def cut_database(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0" + b"\1" * 4000)


@pytest.mark.parametrize("shell", importers.SHELLS)
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda _file: None, "nothing"),
        (os.mkfifo, "no regular file"),
        (lambda file: file.write_bytes(gzip.compress(os.urandom(3000))), ""),
        (lambda file: file.write_bytes(b"\x7fELF\2\1\1" + bytes(range(256)) * 20), ""),
        (foreign_database, ""),
        (cut_database, ""),
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, shell: str, make, found: str) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - several shapes
    file, store = tmp_path / "hist", Store(tmp_path / "data" / "history.db")
    make(file)
    with pytest.raises(ImportFileError, match=f"{file}: found {found}.*; expected .*; .+") as caught:
        histories.run(store, shell, file)
    assert str(caught.value).count(str(file)) == 1
    assert histories.lines(store) == []


@pytest.mark.parametrize(
    ("shell", "content", "message"),
    [
        ("bash", b": 1700000000:0;ls\n", "looks like a zsh history.*`assistant import zsh`"),
        ("bash", b"- cmd: ls\n  when: 5\n", "looks like a fish history.*`assistant import fish`"),
        ("zsh", b"#1700000000\nls\n", "looks like a bash history.*`assistant import bash`"),
        ("fish", b"#1700000000\nls\n", "looks like a bash history.*`assistant import bash`"),
        ("bash", b'{"locs": [1], "data": {}}', "looks like a xonsh history.*`assistant import xonsh`"),
        ("atuin", b"ls\ncd\n", "no SQLite database"),
        ("xonsh", b"ls\ncd\n", "no JSON with commands"),
        ("xonsh", b"", "no JSON with commands"),
        ("fish", b"ls\ncd\n", "no `- cmd: ` in it"),
    ],
)
def test_another_kind_of_history_is_told(tmp_path: Path, shell: str, content: bytes, message: str) -> None:
    file, store = tmp_path / "hist", Store(tmp_path / "data" / "history.db")
    file.write_bytes(content)
    with pytest.raises(ImportFileError, match=message):
        histories.run(store, shell, file)


@pytest.mark.parametrize(
    ("make", "message"),
    [(folder, "found a folder"), (atuin_of_another_shape, "no cwd, duration, exit, hostname, session, timestamp in")],
)
def test_atuin_needs_its_table(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - several shapes
    file, store = tmp_path / "hist", Store(tmp_path / "data" / "history.db")
    make(file)
    with pytest.raises(ImportFileError, match=message):
        histories.run(store, "atuin", file)


def test_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    with pytest.raises(ImportFileError, match=r"'tcsh'.*expected one of bash, zsh, fish, atuin, xonsh"):
        importers.run("tcsh", None, store, {}, lambda _done, _total: None)


@pytest.mark.parametrize("shell", ["bash", "atuin", "xonsh"])
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, shell: str) -> None:
    file, store = tmp_path / "hist", Store(tmp_path / "data" / "history.db")
    file.write_bytes(b"ls\n")
    file.chmod(0)
    if os.access(file, os.R_OK):  # root may read everything but what is no file of text
        file.unlink()
        file = Path("/proc/self/mem")
        assert stat.S_ISREG(file.stat().st_mode)
    with pytest.raises(ImportFileError, match=f"{file}: found a file that cannot be read .*; expected"):
        histories.run(store, shell, file)
