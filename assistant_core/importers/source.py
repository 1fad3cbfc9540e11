"""What a reader of one shell's history hands on: batches of entries and of what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assistant_core.errors import ImportFileError
from assistant_core.records import Author

BATCH = 1000
"""Entries in a batch, which is one transaction: some 10 ms for which other writers wait."""

_LARGEST = 1 << 63


class Entry(NamedTuple):
    """One command as the shell had it. What is unknown is None."""

    at: int  # number of its line, row or item in the file
    line: bytes  # UTF-8, if the shell wrote that
    started_ns: int | None = None  # since the Unix epoch
    duration_ns: int | None = None
    exit_code: int | None = None
    cwd: str | None = None
    session: str | None = None  # None: the file stands for the session
    host: str | None = None
    user: str | None = None
    author: Author = "human"


class Broken(msgspec.Struct, frozen=True):
    """Where something could not be read as the format has it, and why."""

    position: str
    reason: str


class Batch(NamedTuple):
    """What was found since the batch before, and how far the reader has come."""

    found: list[Entry | Broken]
    done: int  # bytes or rows, of `total`
    total: int
    unit: str  # what `at` counts, such as "line"


Reader = Callable[[Path], Iterator[Batch]]


class Importer(NamedTuple):
    """One row of the table of shells: where its history is by default, and how it is read."""

    default: Callable[[Mapping[str, Any]], Path]
    read: Reader


def batches(found: Iterable[Entry | Broken]) -> Iterator[list[Entry | Broken]]:
    """Cut `found` into lists of at most `BATCH`."""
    found = iter(found)
    while batch := list(islice(found, BATCH)):
        yield batch


def checked(file: Path, expected: str) -> Path:
    """Return `file` if it is one; raise ImportFileError otherwise."""
    try:
        if file.is_file():
            return file
        found = "a folder" if file.is_dir() else "no regular file" if file.exists() else "nothing"
    except OSError as error:
        raise unreadable(file, error, expected) from error
    raise refused(file, found, expected, "name the file after the shell")


def refused(file: Path, found: str, expected: str, step: str) -> ImportFileError:
    """Return the error that says what `file` is, what was expected of it, and the next step."""
    return ImportFileError(f"{file}: found {found}; expected {expected}; {step}")


def unreadable(file: Path, error: OSError, expected: str) -> ImportFileError:
    """Return the error for a file that the system does not let us read."""
    return refused(file, f"a file that cannot be read ({error.strerror})", expected, "make it readable for you")


def home(environ: Mapping[str, Any]) -> Path:
    """Return the home directory."""
    return Path(str(environ.get("HOME") or Path.home()))


def folder(environ: Mapping[str, Any], variable: str, fallback: Path) -> Path:
    """Return the absolute path in `variable`, or `fallback`."""
    path = Path(str(environ.get(variable) or "")).expanduser()
    return path if path.is_absolute() else fallback


def data_folder(environ: Mapping[str, Any]) -> Path:
    """Return `$XDG_DATA_HOME`."""
    return folder(environ, "XDG_DATA_HOME", home(environ) / ".local/share")


def integer(value: object) -> int | None:
    """Return `value` if it is a whole number of 64 bits, also as digits; None otherwise."""
    if isinstance(value, bool | float):
        return None
    try:
        number = int(value)  # type: ignore[call-overload] # what int() refuses is None
    except (TypeError, ValueError):
        return None
    return number if -_LARGEST <= number < _LARGEST else None


def nanoseconds(seconds: object) -> int | None:
    """Return a number of seconds, which as a float holds microseconds around now, in nanoseconds; None for others."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not abs(seconds) < _LARGEST // 10**9:
        return None
    return round(seconds * 10**6) * 1000
