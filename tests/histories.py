"""Writes history files as bash, zsh, fish, atuin and xonsh do, and imports them."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from assistant_core import importers
from assistant_core.records import Command
from assistant_core.store import Store

Timed = tuple[str, int]  # a line, and when it was run in seconds since the Unix epoch

ATUIN = """
    CREATE TABLE history (
        id text primary key, timestamp integer not null, duration integer not null, exit integer not null,
        command text not null, cwd text not null, session text not null, hostname text not null,
        deleted_at integer{newer}, unique(timestamp, cwd, command))
"""
ATUIN_NEWER = ", author text, intent text, shell text, author_kind integer"
XONSH = """
    CREATE TABLE xonsh_history (
        inp TEXT, rtn INTEGER, tsb REAL, tse REAL, sessionid TEXT, out TEXT, info TEXT,
        frequency INTEGER default 1, cwd TEXT)
"""


def bash(lines: Iterable[Timed]) -> bytes:
    return "".join(f"#{time}\n{line}\n" for line, time in lines).encode()


def plain(lines: Iterable[Timed]) -> bytes:
    return "".join(f"{line}\n" for line, _ in lines).encode()


def zsh(lines: Iterable[Timed]) -> bytes:
    return b"".join(f": {time}:0;".encode() + _zsh_line(line) for line, time in lines)


def zsh_plain(lines: Iterable[str]) -> bytes:
    return b"".join((b"\\" if line.startswith(":") else b"") + _zsh_line(line) for line in lines)


def _zsh_line(line: str) -> bytes:
    meta = b"".join(
        bytes([0x83, byte ^ 0x20]) if 0x83 <= byte <= 0xA2 else bytes([byte]) for byte in line.encode()
    ).replace(b"\n", b"\\\n")
    return meta + (b" \n" if re.search(rb"\\ *\Z", meta) else b"\n")


def fish(lines: Iterable[Timed]) -> bytes:
    return "".join(
        "- cmd: {}\n  when: {}\n  paths:\n    - a b\n".format(line.replace("\\", "\\\\").replace("\n", "\\n"), time)
        for line, time in lines
    ).encode()


def atuin(file: Path, rows: Sequence[Mapping[str, Any]], *, newer: str = ATUIN_NEWER) -> Path:
    usual = {"timestamp": 1_700_000_000 * 10**9, "duration": 5, "exit": 0, "command": "ls", "cwd": "/w"}
    usual |= {"session": "s1", "hostname": "box:me"}
    filled = [{"id": f"{number:032x}", **usual, **row} for number, row in enumerate(rows, 1)]
    return _database(file, ATUIN.format(newer=newer), "history", filled)


def xonsh_sqlite(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    return _database(file, XONSH, "xonsh_history", rows)


def _database(file: Path, schema: str, table: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(schema)
        for row in rows:
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names are ours
    return file


def xonsh_json(file: Path, commands: Sequence[Any], environment: Mapping[str, str] | None = None) -> Path:
    data = {"cmds": commands, "env": environment or {}, "locked": False, "sessionid": file.stem, "ts": [1.0, None]}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"locs": [0, 1, 2, 3], "index": {}, "data": data}))
    return file


def run(store: Store, shell: str, file: Path) -> importers.Report:
    return importers.run(shell, file, store, {}, lambda _done, _total: None)


def stored(store: Store) -> list[Command]:
    return [row.command for row in store.commands()]


def lines(store: Store) -> list[str]:
    return [command.line for command in stored(store)]
