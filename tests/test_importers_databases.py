"""atuin and xonsh: rows and JSON items in, commands out."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import histories
import pytest

from assistant_core.records import Command
from assistant_core.store import Store

S = 10**9
NOW = 1_700_000_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "history.db")


USUAL = Command(
    line="ls",
    session="atuin:s1",
    cwd="/w",
    host="box",
    user="me",
    started_ns=NOW * S,
    duration_ns=5,
    exit_code=0,
)


def changed(**changes: object) -> dict[str, object]:
    fields = ("line", "session", "cwd", "host", "user", "started_ns", "duration_ns", "exit_code", "author")
    return {field: getattr(USUAL, field) for field in fields} | changes


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, {}),
        ({"command": "for i in 1\ndo\ndone\n"}, {"line": "for i in 1\ndo\ndone"}),
        ({"timestamp": NOW * S + 123}, {"started_ns": NOW * S + 123}),
        ({"exit": -1, "duration": -1}, {"exit_code": None, "duration_ns": None}),
        ({"exit": 130, "duration": 0}, {"exit_code": 130, "duration_ns": 0}),
        ({"hostname": "box"}, {"user": None}),
        ({"cwd": "unknown"}, {"cwd": None}),
        ({"author_kind": 2, "author": "me"}, {"author": "program"}),
        ({"author_kind": 1, "author": "codex"}, {}),
        ({"author": "codex"}, {"author": "program"}),
        ({"author": "someone"}, {}),
        ({"author": "pi", "hostname": "box:pi"}, {"user": "pi"}),
        ({"author_kind": 9, "author": "claude-code"}, {"author": "program"}),
    ],
)
def test_an_atuin_row(store: Store, tmp_path: Path, row: dict[str, object], expected: dict[str, object]) -> None:
    histories.run(store, "atuin", histories.atuin(tmp_path / "history.db", [row]))
    (command,) = histories.stored(store)
    assert {field: getattr(command, field) for field in changed()} == changed(**expected)


def test_atuin_keeps_sessions_apart_and_leaves_out_what_was_deleted(store: Store, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"command": "a", "session": "s1"},
        {"command": "gone", "deleted_at": NOW * S},
        {"command": "b", "session": "s2", "hostname": "other:you"},
    ]
    report = histories.run(store, "atuin", histories.atuin(tmp_path / "history.db", rows))
    assert [(c.line, c.session, c.host) for c in histories.stored(store)] == [
        ("a", "atuin:s1", "box"),
        ("b", "atuin:s2", "other"),
    ]
    assert (report.read, report.added, report.broken_count) == (2, 2, 0)


def test_an_atuin_of_before_authors(store: Store, tmp_path: Path) -> None:
    histories.run(store, "atuin", histories.atuin(tmp_path / "history.db", [{"timestamp": str(NOW * S)}], newer=""))
    assert histories.stored(store) == [USUAL]


def test_broken_atuin_rows_are_told_and_the_rest_is_kept(store: Store, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"command": 7},
        {"timestamp": "soon"},
        {"command": b"caf\xe9", "cwd": "/1"},
        {"command": "nul \0", "cwd": "/2"},
        {"command": "ls", "cwd": "/3"},
    ]
    file = histories.atuin(tmp_path / "history.db", rows)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE history SET command = zeroblob(0) WHERE rowid = 1")
    report = histories.run(store, "atuin", file)
    assert histories.lines(store) == ["caf\ufffd", "ls"]
    assert [place.position for place in report.broken] == ["row 2", "row 4"]
    assert (report.read, report.undecodable) == (2, 1)


def test_a_damaged_page_ends_the_import_and_is_told(store: Store, tmp_path: Path) -> None:
    rows = [{"command": f"echo {number}", "timestamp": NOW * S + number} for number in range(5000)]
    file = histories.atuin(tmp_path / "history.db", rows)
    data = bytearray(file.read_bytes())
    page = data.index(b"echo 3000/w") & -4096
    data[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(data)
    report = histories.run(store, "atuin", file)
    assert 2900 < report.added <= 3000
    assert histories.lines(store) == [f"echo {number}" for number in range(report.added)]
    assert [place.position for place in report.broken] == [f"row {report.added + 1}"]


def test_a_database_in_use_is_read_as_it_is(store: Store, tmp_path: Path) -> None:
    file = histories.atuin(tmp_path / "history.db", [{}])
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("INSERT INTO history SELECT 'x', timestamp, 1, 1, 'in the log', cwd, session, hostname, "
                   "NULL, NULL, NULL, NULL, NULL FROM history")  # fmt: skip
        db.execute("BEGIN IMMEDIATE")
        histories.run(store, "atuin", file)
        db.execute("ROLLBACK")
    assert histories.lines(store) == ["ls", "in the log"]


def xonsh(line: object = "ls\n", **changes: object) -> dict[str, object]:
    return {"inp": line, "rtn": 0, "ts": [NOW + 0.25, NOW + 1.75], "cwd": "/w"} | changes


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (xonsh(), ("ls", NOW * S + S // 4, 3 * S // 2, 0, "/w")),
        (xonsh(rtn=None), ("ls", NOW * S + S // 4, 3 * S // 2, None, "/w")),
        (xonsh(rtn=-2), ("ls", NOW * S + S // 4, 3 * S // 2, 130, "/w")),
        (xonsh(ts=[NOW, None]), ("ls", NOW * S, None, 0, "/w")),
        (xonsh(ts=None), ("ls", None, None, 0, "/w")),
        (xonsh(ts=[NOW + 1, NOW]), ("ls", (NOW + 1) * S, None, 0, "/w")),
        ({"inp": "cd x\n"}, ("cd x", None, None, None, None)),
        (xonsh("for x in y:\n    x\n\n"), ("for x in y:\n    x", NOW * S + S // 4, 3 * S // 2, 0, "/w")),
        (xonsh("echo \udce9", cwd="/\udce9"), ("echo \ufffd", NOW * S + S // 4, 3 * S // 2, 0, "/\ufffd")),
        (xonsh("echo \ud800", ts=None), ("echo \ufffd\ufffd\ufffd", None, None, 0, "/w")),
        (xonsh(rtn=1 << 70), ("ls", NOW * S + S // 4, 3 * S // 2, None, "/w")),
        (xonsh(ts=[float("nan"), float("inf")]), ("ls", None, None, 0, "/w")),
    ],
)  # fmt: skip
def test_a_xonsh_item(store: Store, tmp_path: Path, item: dict[str, object], expected: tuple[object, ...]) -> None:
    histories.run(store, "xonsh", histories.xonsh_json(tmp_path / "xonsh-u1.json", [item]))
    (command,) = histories.stored(store)
    assert command.session == "xonsh:u1"
    assert (command.line, command.started_ns, command.duration_ns, command.exit_code, command.cwd) == expected


def test_a_xonsh_folder_gives_all_it_holds_and_tells_what_is_broken(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "xonsh"
    secret = "hunter2-from-the-environment"
    old = histories.xonsh_json(folder / "xonsh-b.json", [xonsh("first\n")], {"DB_PASSWORD": secret})
    os.utime(old, (1, 1))
    histories.xonsh_json(
        folder / "history_json" / "xonsh-a.json", [xonsh("second\n"), 5, xonsh(None), xonsh("third\n")]
    )
    histories.xonsh_json(folder / "history_json" / "other.json", [xonsh("not a history\n")])
    (folder / "history_json" / "xonsh-cut.json").write_text('{"data": {"cmds": [{"inp": "x')
    (folder / "history_json" / "xonsh-empty.json").touch()
    histories.xonsh_sqlite(
        folder / "xonsh-history.sqlite", [{"inp": "fourth\n", "rtn": -2, "tsb": 5.5, "tse": 6.0, "sessionid": "q"}]
    )
    report = histories.run(store, "xonsh", folder)
    assert {command.line: command.session for command in histories.stored(store)} == {
        "first": "xonsh:b",
        "second": "xonsh:a",
        "third": "xonsh:a",
        "fourth": "xonsh:q",
    }
    assert histories.lines(store)[0] == "first"
    assert sorted(place.position for place in report.broken) == [
        "xonsh-a.json, command 2",
        "xonsh-a.json, command 3",
        "xonsh-cut.json",
        "xonsh-empty.json",
    ]
    assert not any(secret.encode() in file.read_bytes() for file in store.path.parent.iterdir())


def test_a_xonsh_database(store: Store, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"inp": "ls\n", "rtn": None, "tsb": NOW + 0.5, "tse": NOW + 1.0, "sessionid": "q", "out": "secret output"},
        {"inp": None},
        {"inp": "cd\n", "rtn": 1, "tsb": None, "tse": None, "sessionid": None, "cwd": "/w"},
    ]
    report = histories.run(store, "xonsh", histories.xonsh_sqlite(tmp_path / "any.name", rows))
    found = [(c.line, c.session, c.started_ns, c.duration_ns, c.exit_code, c.cwd) for c in histories.stored(store)]
    assert found == [
        ("ls", "xonsh:q", NOW * S + S // 2, S // 2, None, None),
        ("cd", f"xonsh:{tmp_path / 'any.name'}", None, None, 1, "/w"),
    ]
    assert [place.position for place in report.broken] == ["row 2"]


def test_an_old_xonsh_database_has_fewer_columns(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "xonsh-history.sqlite"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE xonsh_history (inp TEXT, rtn INTEGER, tsb REAL, tse REAL, sessionid TEXT, out TEXT)")
        db.execute("INSERT INTO xonsh_history VALUES ('ls\n', 0, 5.0, 6.0, 'q', NULL)")
    histories.run(store, "xonsh", file)
    assert histories.lines(store) == ["ls"]
