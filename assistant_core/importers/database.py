"""Histories in SQLite: a table's rows in, page by page, so that its owner can write in between. Read only."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from assistant_core.importers.source import BATCH, Batch, Broken, Entry, checked, refused, unreadable

Row = tuple[Any, ...]
MAGIC = b"SQLite format 3\0"


class Table(NamedTuple):
    """A table, its columns in the order in which `entry` takes them, and the condition on the rows that count.

    `entry` gets the number of the row and the columns' values, texts as bytes; a column that the table lacks and
    that is not `required` is None.
    """

    shell: str
    name: str
    columns: tuple[str, ...]
    required: Collection[str]
    entry: Callable[[int, Row], Entry | Broken]
    only: str = ""  # such as "deleted_at"; rows where this column is not null are left out

    @property
    def expected(self) -> str:
        """What the file should have been."""
        return f"the SQLite database of {self.shell}"


def read(file: Path, table: Table) -> Iterator[Batch]:
    """Yield the rows of `table` in `file`, in the order of their numbers."""
    uri = f"{checked(file, table.expected).absolute().as_uri()}?mode=ro"
    try:
        with file.open("rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise refused(file, "no SQLite database", table.expected, "name the right file after the shell")
        with closing(sqlite3.connect(uri, uri=True)) as db:
            db.text_factory = bytes
            yield from _pages(db, table, _query(db, file, table))
    except OSError as error:
        raise unreadable(file, error, table.expected) from error
    except sqlite3.Error as error:
        step = "close what uses it, or import a copy of it"
        raise refused(file, f"a database that cannot be read ({error})", table.expected, step) from error


def _query(db: sqlite3.Connection, file: Path, table: Table) -> str:
    there = {row[1].decode() for row in db.execute(f"PRAGMA table_info({table.name})")}
    if missing := set(table.required) - there:
        found = f"no {', '.join(sorted(missing))} in its table {table.name!r}" if there else f"no table {table.name!r}"
        raise refused(file, found, table.expected, "name the right file after the shell")
    columns = ", ".join(column if column in there else "NULL" for column in table.columns)
    only = f"AND {table.only} IS NULL" if table.only in there else ""
    return f"SELECT rowid, {columns} FROM {table.name} WHERE rowid > ? {only} ORDER BY rowid LIMIT {BATCH}"  # noqa: S608 - names are ours


def _pages(db: sqlite3.Connection, table: Table, query: str) -> Iterator[Batch]:
    last, total, damage = -1, _last_row(db, table), None
    while damage is None:
        rows, damage = _page(db, query, last)
        if damage and last < 0 and not rows:
            raise damage
        found = [table.entry(row[0], row[1:]) for row in rows]
        last = rows[-1][0] if rows else last
        if damage:
            found.append(Broken(f"row {last + 1}", f"the database is unreadable from here on ({damage})"))
        elif not rows:
            return
        yield Batch(found, last, max(last, total, 1), "row")


def _last_row(db: sqlite3.Connection, table: Table) -> int:
    try:
        return int(db.execute(f"SELECT max(rowid) FROM {table.name}").fetchone()[0] or 0)  # noqa: S608 - the name is ours
    except sqlite3.DatabaseError:
        return 0  # the page of the last row is damaged


def _page(db: sqlite3.Connection, query: str, last: int) -> tuple[list[Row], sqlite3.DatabaseError | None]:
    rows: list[Row] = []
    try:
        rows.extend(db.execute(query, (last,)))
    except sqlite3.DatabaseError as error:
        return rows, error
    return rows, None


def decoded(value: object) -> str | None:
    """Return a text of the database; None for NULL, for what is no text, and for nothing."""
    return (value.decode(errors="replace") or None) if isinstance(value, bytes) else None
