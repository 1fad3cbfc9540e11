"""The history database: commands, what was suggested, feedback and examples, in one SQLite file.

In: records whose secrets are already cut out. Out: the same records, and rows for ranking. Several processes
write at once (WAL). A Store belongs to one thread. Deleted text is overwritten on disk (`secure_delete`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from assistant_core.errors import StoreError
from assistant_core.records import Command, Example, Feedback, Suggestion
from assistant_core.schema import MIGRATIONS
from assistant_core.settings import private_directory

_T = TypeVar("_T")

_COMMAND_COLUMNS = (
    "c.id, c.line, s.name, c.cwd, c.git_root, s.host, s.user, c.started_ns, c.duration_ns, c.exit_code, "
    "c.environment, c.author, c.redacted"
)
_INSERT = (
    "INSERT OR IGNORE INTO commands (session_id, line, cwd, git_root, started_ns, duration_ns, exit_code, "
    "environment, author, redacted, added_ns, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TABLES: dict[type, str] = {Suggestion: "suggestions", Feedback: "feedback", Example: "examples"}
_FROM_COMMANDS = "FROM commands c JOIN sessions s ON s.id = c.session_id"


class Stored(NamedTuple):
    """A command and its number in the store."""

    id: int
    command: Command


class RankingRow(NamedTuple):
    """What ranking needs of a command."""

    line: str
    session: str
    cwd: str | None
    exit_code: int | None
    started_ns: int | None  # since the Unix epoch


class Store:
    """The database at `path`, created with mode 0600 in a folder of mode 0700 if missing.

    `busy_ms` bounds every wait for another writer. Every method raises StoreError, which names the file and
    what to do; the file is never replaced or repaired behind the user's back.
    """

    def __init__(self, path: Path, *, busy_ms: int = 5000) -> None:
        self.path = path
        with self._errors():
            private_directory(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=busy_ms / 1000)
            self._db.executescript("PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;")
            self._use_wal(busy_ms)
            self._migrate()
        self._sessions: dict[str, int] = {}

    def close(self) -> None:
        """Close the database; the store is of no use afterwards."""
        self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise StoreError(f"{self.path}: {error}; `assistant doctor` says what to do") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has already rolled back
                    self._db.execute("ROLLBACK")
                self._sessions.clear()
                raise

    def _use_wal(self, busy_ms: int) -> None:
        """Switch to WAL, which is refused at once while another process does the same: SQLite does not wait there."""
        deadline = time.monotonic() + busy_ms / 1000
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return

    def _migrate(self) -> None:
        db = self._db
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone() and not self._pending():
            return
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_ns INTEGER NOT NULL)")
        for name, statements in self._pending():
            for statement in filter(str.strip, statements.split(";")):
                db.execute(statement)
            db.execute("INSERT INTO migrations VALUES (?, ?)", (name, time.time_ns()))
        db.execute("COMMIT")

    def _pending(self) -> list[tuple[str, str]]:
        applied = {name for (name,) in self._db.execute("SELECT name FROM migrations")}
        return [migration for migration in MIGRATIONS if migration[0] not in applied]

    # --- writing ---------------------------------------------------------------------------------------------

    def append(self, command: Command) -> int:
        """Add one command; return its number."""
        with self._transaction() as db:
            return db.execute(_INSERT, self._row(db, command, None, time.time_ns())).lastrowid or 0

    def append_imported(self, commands: Iterable[tuple[Command, int]]) -> int:
        """Add commands, each with a 64-bit signed fingerprint of its origin, in one transaction.

        One whose fingerprint is known is skipped, and so is a line that the user deleted for good after it ran.
        Returns how many were added.
        """
        now = time.time_ns()
        with self._transaction() as db:
            forgotten = dict(db.execute("SELECT digest, at_ns FROM forgotten"))
            rows = [
                self._row(db, command, fingerprint, now)
                for command, fingerprint in commands
                if not forgotten or (command.started_ns or 0) > forgotten.get(self._digest(command.line), -1)
            ]
            before = db.total_changes
            db.executemany(_INSERT, rows)
            return db.total_changes - before

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Write what is appended within to its place in the file less often, which halves the time of an import."""
        with self._errors():
            self._db.executescript("PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -32000")  # pages; -KiB
        try:
            yield
        finally:
            with self._errors():
                self._db.executescript("PRAGMA wal_autocheckpoint = 1000; PRAGMA cache_size = -2000")
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _row(self, db: sqlite3.Connection, command: Command, fingerprint: int | None, now: int) -> tuple[Any, ...]:
        return (
            self._session(db, command),
            command.line,
            command.cwd,
            command.git_root,
            command.started_ns,
            command.duration_ns,
            command.exit_code,
            json.dumps(command.environment) if command.environment else None,
            command.author,
            command.redacted,
            now,
            fingerprint,
        )

    def _session(self, db: sqlite3.Connection, command: Command) -> int:
        if (known := self._sessions.get(command.session)) is not None:
            return known
        db.execute(
            "INSERT OR IGNORE INTO sessions (name, host, user) VALUES (?, ?, ?)",
            (command.session, command.host, command.user),
        )
        row = db.execute("SELECT id FROM sessions WHERE name = ?", (command.session,)).fetchone()
        self._sessions[command.session] = number = int(row[0])
        return number

    def add_suggestion(self, suggestion: Suggestion) -> None:
        """Write down what was shown and what became of it."""
        self._add(suggestion)

    def add_feedback(self, feedback: Feedback) -> None:
        """Write down the user's word on an answer or a suggestion."""
        self._add(feedback)

    def add_example(self, example: Example) -> None:
        """Write down a line and its meaning, taught by the user."""
        self._add(example)

    def _add(self, record: msgspec.Struct) -> None:
        values = msgspec.structs.asdict(record)
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        with self._transaction() as db:
            db.execute(f"INSERT INTO {_TABLES[type(record)]} ({columns}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - names are ours

    # --- deleting --------------------------------------------------------------------------------------------

    def forget(self, line: str) -> int:
        """Delete `line` everywhere, and keep it out of later imports of what ran before now; return how many rows."""
        with self._transaction() as db:
            before = db.total_changes
            db.execute("DELETE FROM commands WHERE line = ?", (line,))
            self._forget_shown(db, line)
            db.execute("DELETE FROM examples WHERE line = ?", (line,))
            count = db.total_changes - before
            db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?)", (self._digest(line), time.time_ns()))
        self._deleted()
        return count

    def _digest(self, line: str) -> bytes:
        return hashlib.blake2b(line.encode(errors="surrogatepass"), key=self._salt, digest_size=16).digest()

    @cached_property
    def _salt(self) -> bytes:
        return bytes(self._db.execute("SELECT value FROM salt").fetchone()[0])

    def rewrite(self, line: str, new: str) -> int:
        """Remember `new`, whose secrets are cut out, wherever `line` is remembered; return in how many commands."""
        with self._transaction() as db:
            count = db.execute("UPDATE commands SET line = ?2 WHERE line = ?1", (line, new)).rowcount
            self._forget_shown(db, line)
        self._deleted()
        return count

    @staticmethod
    def _forget_shown(db: sqlite3.Connection, line: str) -> None:
        db.execute("DELETE FROM suggestions WHERE line = ?1 OR typed = ?1", (line,))
        db.execute("DELETE FROM feedback WHERE subject = ?1 OR response = ?1", (line,))

    def replace_example(self, number: int, new: Example | None) -> bool:
        """Put `new` in the place of the example of that number, or delete it; return whether it was there."""
        with self._transaction() as db:
            if new is None:
                found = db.execute("DELETE FROM examples WHERE id = ?", (number,))
            else:
                values = (new.line, new.meaning, number)
                found = db.execute("UPDATE examples SET line = ?, meaning = ? WHERE id = ?", values)
        self._deleted()
        return found.rowcount > 0

    def delete_feedback(self, last: Feedback) -> None:
        """Delete `last` and what was said before of the same thing, which would count in its place."""
        shown = (last.about, last.subject, last.response)
        with self._transaction() as db:
            db.execute("DELETE FROM feedback WHERE (about, subject, response) = (?, ?, ?)", shown)
        self._deleted()

    def delete(self, numbers: Iterable[int]) -> list[str]:
        """Delete the commands of these numbers; return their lines."""
        lines = []
        with self._transaction() as db:
            for number in numbers:
                lines += [row[0] for row in db.execute("DELETE FROM commands WHERE id = ? RETURNING line", (number,))]
        self._deleted()
        return lines

    def expire(self, days: int, rows: int) -> int:
        """Delete what is older than `days` and all but the newest `rows` commands (0: no bound); return how many."""
        deleted = 0
        with self._transaction() as db:
            before = db.total_changes
            if days > 0:
                bound = time.time_ns() - days * 86_400 * 10**9
                old = "DELETE FROM commands WHERE coalesce(started_ns, added_ns) < ?"
                deleted += db.execute(old, (bound,)).rowcount
                for table in ("suggestions", "feedback"):
                    db.execute(f"DELETE FROM {table} WHERE at_ns < ?", (bound,))  # noqa: S608 - names are ours
            if rows > 0:
                others = "SELECT id FROM commands ORDER BY started_ns DESC, id DESC LIMIT -1 OFFSET ?"
                deleted += db.execute(f"DELETE FROM commands WHERE id IN ({others})", (rows,)).rowcount  # noqa: S608 - ours
        if self._db.total_changes > before:
            self._deleted()
        return deleted

    def purge(self) -> int:
        """Delete everything that was ever recorded; return how many commands there were."""
        with self._transaction() as db:
            count = db.execute("DELETE FROM commands").rowcount
            for table in ("sessions", "suggestions", "feedback", "examples", "forgotten"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - names are ours
            self._sessions.clear()
        with self._errors():
            self._db.execute("VACUUM")
        self._deleted()
        return count

    def _deleted(self) -> None:
        """Leave nothing of what was deleted in the log, nor in what was made of the lines to learn from them."""
        training = self.path.parent / "training"
        with self._errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for made in (training / "raw", training / "processed", *training.glob("runs/*/*")):
                if made.is_dir():
                    shutil.rmtree(made, ignore_errors=True)  # a run that is going on ends with an error
                elif made.suffix != ".json":  # which holds scores
                    made.unlink(missing_ok=True)

    # --- reading ---------------------------------------------------------------------------------------------

    def ranking_rows(self) -> Iterator[RankingRow]:
        """Yield what people typed, oldest first; lines of unknown time come before all others."""
        with self._errors():
            rows = self._db.execute(
                "SELECT c.line, s.name, c.cwd, c.exit_code, c.started_ns FROM commands c "
                "JOIN sessions s ON s.id = c.session_id WHERE c.author = 'human' ORDER BY c.started_ns, c.id"
            )
            yield from map(RankingRow._make, rows)

    def newest(
        self, limit: int, *, containing: str = "", cwd: str | None = None, session: str | None = None
    ) -> list[Stored]:
        """Return at most `limit` commands, the last added first, that hold `containing` and match what is given."""
        return self._select(
            "WHERE instr(c.line, ?1) AND (?2 IS NULL OR c.cwd = ?2) AND (?3 IS NULL OR s.name = ?3) "
            "ORDER BY c.id DESC LIMIT ?4",
            (containing, cwd, session, limit),
        )

    def get(self, number: int) -> Stored | None:
        """Return the command of that number."""
        return next(iter(self._select("WHERE c.id = ?", (number,))), None)

    def neighbours(self, number: int) -> tuple[Stored | None, Stored | None]:
        """Return the commands before and after that number in its session."""
        same = "WHERE c.session_id = (SELECT session_id FROM commands WHERE id = ?1)"
        before = self._select(f"{same} AND c.id < ?1 ORDER BY c.id DESC LIMIT 1", (number,))
        after = self._select(f"{same} AND c.id > ?1 ORDER BY c.id LIMIT 1", (number,))
        return next(iter(before), None), next(iter(after), None)

    def commands(self) -> Iterator[Stored]:
        """Yield every command in the order in which it was added."""
        with self._errors():
            yield from map(_stored, self._db.execute(f"SELECT {_COMMAND_COLUMNS} {_FROM_COMMANDS} ORDER BY c.id"))

    def _select(self, condition: str, values: tuple[Any, ...]) -> list[Stored]:
        with self._errors():
            rows = self._db.execute(f"SELECT {_COMMAND_COLUMNS} {_FROM_COMMANDS} {condition}", values)
            return [_stored(row) for row in rows]

    def suggestions(self) -> list[Suggestion]:
        """Return every suggestion written down, oldest first."""
        return list(self.numbered(Suggestion).values())

    def feedback(self) -> list[Feedback]:
        """Return all feedback, oldest first."""
        return list(self.numbered(Feedback).values())

    def examples(self) -> list[Example]:
        """Return every example taught, oldest first."""
        return list(self.numbered(Example).values())

    def numbered(self, kind: type[_T]) -> dict[int, _T]:
        """Return every suggestion, word of feedback or example by its number, oldest first."""
        names = [field.name for field in msgspec.structs.fields(kind)]  # type: ignore[arg-type] # every record is a Struct
        with self._errors():
            rows = self._db.execute(f"SELECT id, {', '.join(names)} FROM {_TABLES[kind]} ORDER BY id").fetchall()  # noqa: S608 - names are ours
        return {
            number: msgspec.convert(dict(zip(names, row, strict=True)), kind, strict=False) for number, *row in rows
        }

    def counts(self) -> dict[str, int]:
        """Return the number of rows by table."""
        tables = ("commands", "sessions", "suggestions", "feedback", "examples", "forgotten")
        with self._errors():
            return {
                table: self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names are ours
                for table in tables
            }

    def check(self) -> list[str]:
        """Return what SQLite's integrity check finds; empty when the file is sound."""
        try:
            found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check")]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
        return [] if found == ["ok"] else found


def _stored(row: tuple[Any, ...]) -> Stored:
    number, *values, environment, author, redacted = row
    names = ("line", "session", "cwd", "git_root", "host", "user", "started_ns", "duration_ns", "exit_code")
    known = dict(zip(names, values, strict=True))
    known |= {"environment": json.loads(environment or "{}"), "author": author, "redacted": bool(redacted)}
    return Stored(number, Command(**known))
