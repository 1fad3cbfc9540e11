"""Writes to the history database, from a shell that must not wait.

In: records whose secrets are already cut out. Out: rows, in the order in which they came. What cannot be written
at once stays in memory, and is tried again in the background, at the next command and when the shell ends.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assistant_core.errors import StoreError
from assistant_core.shell.log import Log
from assistant_core.shell.worker import Worker

if TYPE_CHECKING:
    from assistant_core.records import Command, Example, Feedback, Suggestion
    from assistant_core.store import Store

    Record = Command | Example | Feedback | Suggestion

PROMPT_MS = 100  # longest wait for another writer while the prompt waits
BACKGROUND_MS = 5000  # the same in the background
LAST_MS = 2000  # the same when the shell ends
LIMIT = 10_000  # records kept in memory while nothing can be written

# What is wrong with the record and not with the database; such a record must not stop those behind it.
_UNSTORABLE = (UnicodeError, sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError)
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Journal:
    """The way to the store at `path`; `tell` shows a message at the next prompt."""

    def __init__(self, path: Path, worker: Worker, log: Log, tell: Callable[[str], None]) -> None:
        self._path = path
        self._worker = worker
        self._log = log
        self._tell = tell
        self._store: Store | None = None  # of the thread that calls `add`
        self._file: tuple[int, int] | None = None  # what `_store` has open
        self._waiting: deque[Record] = deque()
        self._lock = threading.Lock()  # held by whoever writes
        self._told = False

    def prepare(self) -> None:
        """Create the database if it is missing, so that the first command does not wait for it; runs in any thread."""
        self._write_in_background()

    def add(self, record: "Record") -> bool:
        """Write `record` after all that waits; return False if it has to wait, too."""
        if len(self._waiting) >= LIMIT:
            return False
        self._waiting.append(record)
        if not self._lock.acquire(timeout=PROMPT_MS / 1000):
            return False  # the background writes, and looks again when it is done
        try:
            self._drain(self._mine())
        except StoreError as error:
            self._drop()
            if _is_busy(error):
                self._worker.submit(self._write_in_background)
            else:
                self._failed(error)
            return False
        finally:
            self._lock.release()
        return True

    def close(self) -> None:
        """Write what still waits, and close the database."""
        if self._waiting and self._lock.acquire(timeout=LAST_MS / 1000):
            try:
                self._drop()
                self._store = self._open(LAST_MS)
                self._drain(self._store)
            except StoreError as error:
                self._tell(f"{len(self._waiting)} records are lost: {error}")
            finally:
                self._lock.release()
        self._drop()

    def _write_in_background(self) -> None:
        import assistant_core.store  # noqa: F401, PLC0415 - loaded before the lock is taken, and after the first prompt

        more = True
        while more:
            with self._lock:
                try:
                    store = self._open(BACKGROUND_MS)
                    try:
                        self._drain(store)
                    finally:
                        store.close()
                except StoreError as error:
                    self._failed(error)
                    return
            more = bool(self._waiting)  # what came while the lock was held

    def _drain(self, store: "Store") -> None:
        while self._waiting:
            try:
                _write(store, self._waiting[0])
            except StoreError as error:
                if not isinstance(error.__cause__, _UNSTORABLE):
                    raise
                self._log.failure(error.__cause__)
            self._waiting.popleft()
        self._told = False

    def _failed(self, error: StoreError) -> None:
        if not self._told:
            self._told = True
            self._tell(f"{error}; until it can be written, this shell keeps {LIMIT:,} records at most in memory")

    def _mine(self) -> "Store":
        if self._store is None or self._file != _identity(self._path):  # deleted or replaced: not ours any more
            self._drop()
            self._store = self._open(PROMPT_MS)
            self._file = _identity(self._path)
        return self._store

    def _drop(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _open(self, busy_ms: int) -> "Store":
        from assistant_core.store import Store  # noqa: PLC0415 - not before the first prompt

        return Store(self._path, busy_ms=busy_ms)


def _write(store: "Store", record: "Record") -> None:
    from assistant_core.records import Command, Example, Feedback  # noqa: PLC0415 - not before the first prompt

    match record:
        case Command():
            store.append(record)
        case Example():
            store.add_example(record)
        case Feedback():
            store.add_feedback(record)
        case _:
            store.add_suggestion(record)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_busy(error: StoreError) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", 0)
    return code & 0xFF in _BUSY  # the rest of the number says which kind of busy
