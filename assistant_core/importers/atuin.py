"""atuin: the table `history` of `history.db`; times and durations in nanoseconds, -1 where unknown.

`author_kind` says who ran a line: 1 a person, 2 a program. Rows of older versions are judged as atuin does: the
author is a known program, and not the user of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assistant_core.importers import database
from assistant_core.importers.source import Batch, Broken, Entry, Importer, data_folder, folder, integer
from assistant_core.records import Author

_PROGRAMS = frozenset({"claude-code", "codex", "copilot", "opencode", "pi"})
_COLUMNS = ("command", "timestamp", "duration", "exit", "cwd", "session", "hostname", "author", "author_kind")


def _entry(number: int, row: database.Row) -> Entry | Broken:
    command, timestamp, duration, code, cwd, session, hostname, author, kind = row
    started = integer(timestamp)
    if not isinstance(command, bytes):
        return Broken(f"row {number}", "its command is no text")
    if started is None:
        return Broken(f"row {number}", "its timestamp is no whole number")
    host, _, user = (database.decoded(hostname) or "").partition(":")
    return Entry(
        number,
        command,
        started,
        _known(duration),
        _known(code),
        None if cwd == b"unknown" else database.decoded(cwd),
        database.decoded(session),
        host or None,
        user or None,
        _author(integer(kind), database.decoded(author), user or host),
    )


def _known(value: object) -> int | None:
    number = integer(value)
    return None if number is None or number < 0 else number


def _author(kind: int | None, name: str | None, user: str) -> Author:
    if kind in (1, 2):
        return "program" if kind == 2 else "human"  # noqa: PLR2004 - see the module's docstring
    return "program" if name in _PROGRAMS and name != user else "human"


_TABLE = database.Table("atuin", "history", _COLUMNS, _COLUMNS[:7], _entry, only="deleted_at")


def read(file: Path) -> Iterator[Batch]:
    """Yield what atuin has not deleted."""
    return database.read(file, _TABLE)


def default(environ: Mapping[str, Any]) -> Path:
    """Return where atuin keeps its history."""
    return folder(environ, "ATUIN_DB_PATH", data_folder(environ) / "atuin/history.db")


IMPORTER = Importer(default, read)
