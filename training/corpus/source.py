"""What a reader of the corpus is given and gives: the machine it reads on, a list of what it left out, rows.

A reader is a function `read(place, machine, skips)` that yields rows. It never fails for a bad row or file: it names it
in `skips` and goes on.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import zlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import msgspec
from rich.table import Table

from assistant_core.normalise import normalise
from assistant_core.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from training.records import Row

PRIVATE = "private"  # the user's own
INSTALLED = "as installed"  # text of packages of this machine, under whatever licences they have
UNKNOWN = "NOASSERTION"  # SPDX's word for a licence that nobody stated
PERSONAL = frozenset({PRIVATE, INSTALLED, UNKNOWN})  # never in a model that is given away

BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)  # what reading a damaged file raises, compressed or not
_PLACES = 3  # of what was left out, kept for each reason


class Machine(NamedTuple):
    """The names that rows must not hold, and what can be run here."""

    home: str = ""
    user: str = ""
    host: str = ""
    programs: frozenset[str] = frozenset()

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Machine:
        """Return this machine, as the environment tells it."""
        folders = environ.get("PATH", "").split(os.pathsep)
        names = {entry for folder in filter(os.path.isdir, folders) for entry in _entries(folder)}
        user = environ.get("USER") or environ.get("LOGNAME") or ""
        return cls(environ.get("HOME", ""), user, socket.gethostname(), frozenset(names))


class Skips:
    """What was left out: how often, why, and where first. Holds places, never texts."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()  # by source and reason
        self.places: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, source: str, reason: str, place: object = "", count: int = 1) -> None:
        """Count `count` rows or files of `source` left out for `reason`; `place` is a file, and line or page."""
        self.counts[source, reason] += count
        if place and len(self.places[source, reason]) < _PLACES:
            self.places[source, reason].append(str(place))

    def table(self) -> Table:
        """Return the list for people, most frequent first."""
        table = Table("source", "left out because", "count", "for example", box=None, pad_edge=False)
        for (source, reason), count in self.counts.most_common():
            table.add_row(source, reason, f"{count:,}", "\n".join(self.places[source, reason]))
        return table


class Source(NamedTuple):
    """A row of the table of sources. `nameless`: its rows come without the names of the machine they were typed on."""

    name: str
    what: str
    read: Callable[[Path, Machine, Skips], Iterator[Row]]
    nameless: bool = False


def open_binary(file: Path) -> BinaryIO:
    """Open a file, plain or .gz, .xz, .bz2; the caller closes it."""
    match file.suffix:
        case ".gz":
            return cast("BinaryIO", gzip.open(file))
        case ".xz":
            return cast("BinaryIO", lzma.open(file))
        case ".bz2":
            return cast("BinaryIO", bz2.open(file))
    return file.open("rb")


def open_text(file: Path) -> io.TextIOWrapper:
    """Open a UTF-8 file, plain or compressed; what is not UTF-8 in it is read as U+FFFD. The caller closes it."""
    return io.TextIOWrapper(open_binary(file), encoding="utf-8", errors="replace")


def command_lines(row: Row) -> tuple[str, ...]:
    """Return those texts of a row that are command lines."""
    return {"request": row.texts[1:], "explain": row.texts[:1]}.get(row.task, row.texts)


def without_names(row: Row, machine: Machine) -> Row:
    """Return a row of the user's own with tokens for home, user and host, and a mark for each secret."""
    names = machine.home, machine.user, machine.host
    return msgspec.structs.replace(row, texts=tuple(normalise(redact(text).text, *names) for text in row.texts))


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted
    except OSError:
        return []
