"""The days of the store as files: raw/commands_YYYY-MM-DD.arrow, and back.

In: the store. Out: for each day that is over (UTC) an Arrow IPC file, packed with zstd, its lines without the names
of this machine and without secrets; `undated` holds what has no time. A day whose commands are the same is left, one
from which a command was deleted is written anew, one without commands goes. A damaged day is named and passed over.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from assistant_core.engine import directory, seal_key
from assistant_core.errors import AssistantError
from assistant_core.normalise import normalise
from assistant_core.records import Command
from assistant_core.redact import MARK, redact
from assistant_core.store import Store
from training import manifest, seal
from training.corpus.clean import is_harmful
from training.manifest import Manifest, Report
from training.records import Row

UNDATED = "undated"
COLUMNS = pa.schema(
    [
        ("line", pa.string()),
        ("session", pa.string()),
        ("cwd", pa.string()),
        ("directory", pa.string()),  # kind of folder, as it was when the day was written
        ("started_ns", pa.int64()),  # since the Unix epoch
        ("duration_ns", pa.int64()),
        ("exit_code", pa.int64()),
        ("author", pa.string()),
    ]
)
GAP_NS = 30 * 60 * 10**9  # a longer pause ends a session
_DAY_NS = 86_400 * 10**9
_LOG = logging.getLogger(__name__)

OnDamage = Callable[[str], object]


class Day(NamedTuple):
    """One day's commands in order. `sha256` is that of the file; the table has the columns of COLUMNS."""

    day: str  # YYYY-MM-DD, or UNDATED
    sha256: str
    table: pa.Table


class _Run(NamedTuple):
    line: str
    exit_code: int | None
    directory: str
    started_ns: int | None
    duration_ns: int | None


def update(store: Store, folder: Path, *, home: str, key: bytes | None = None, now_ns: int | None = None) -> Report:
    """Bring the days in `folder` up to date with the store; `home` is what becomes `~`, `key` seals.

    Raises StoreError, TrainingError (a full disk) and SealError; what was there before stays usable.
    """
    report = Report([], [], [])
    with manifest.alone(folder):
        days = _closed_days(store, time.time_ns() if now_ns is None else now_ns)
        for day, commands in sorted(days.items()):
            file = folder / f"commands_{day}.json"
            origin = _origin(commands, home, key)
            if manifest.is_current(file, origin, f"{file.stem}.arrow"):
                report.kept.append(day)
            else:
                _write(file, commands, origin, home, key)
                report.made.append(day)
        gone = manifest.remove_others(folder, "commands_*", {f"commands_{day}" for day in days})
        report.removed.extend(name.removeprefix("commands_") for name in gone)
    return report


def read(folder: Path, *, key: bytes | None = None, on_damage: OnDamage = _LOG.warning) -> Iterator[Day]:
    """Yield the sound days in `folder`, oldest first; `on_damage` is told of every other one, by name and reason.

    The file is mapped, not read; only its columns are unpacked into memory.
    """
    for name in sorted({file.stem for file in folder.glob("commands_*")}):
        try:
            yield _read(folder / f"{name}.json", key)
        except (AssistantError, OSError, pa.ArrowException) as error:
            on_damage(str(error))


def sessions(day: Day) -> Iterator[Row]:
    """Yield each session's part of a day, cut at pauses of GAP_NS, as rows to learn from.

    Left out is what a program ran for the user, any line that held a secret, and what the guard would stop.
    """
    runs: dict[str, list[_Run]] = defaultdict(list)
    columns = (day.table.column(name).to_pylist() for name in ("session", "author", *_Run._fields))
    for session, author, *rest in zip(*columns, strict=True):
        run = _Run(*rest)
        if author == "human" and MARK not in run.line and not is_harmful(run.line):
            runs[session].append(run)
    for session, run_of_day in runs.items():
        for together in _parted(run_of_day):
            yield _session_row(session, together)


def _parted(runs: Iterable[_Run]) -> Iterator[list[_Run]]:
    together: list[_Run] = []
    for run in runs:
        if together and _pause_ns(together[-1], run) > GAP_NS:
            yield together
            together = []
        together.append(run)
    yield together


def _pause_ns(before: _Run, after: _Run) -> int:
    """Return the time between the end of one and the start of the next; 0 where it is unknown."""
    if before.started_ns is None or after.started_ns is None:
        return 0
    return after.started_ns - before.started_ns - (before.duration_ns or 0)


def _session_row(session: str, runs: Sequence[_Run]) -> Row:
    kinds = Counter(run.directory for run in runs)
    return Row(
        task="session",
        texts=tuple(run.line for run in runs),
        exits=tuple(run.exit_code for run in runs),
        directory=kinds.most_common(1)[0][0],
        at_ns=runs[-1].started_ns,  # nothing of a row is newer than the row
        source="store",
        licence="private",
        group=session,
    )


def _closed_days(store: Store, now_ns: int) -> dict[str, list[Command]]:
    days: dict[str, list[Command]] = defaultdict(list)
    today = now_ns // _DAY_NS
    for _, command in store.commands():
        if command.started_ns is None:
            days[UNDATED].append(command)
        elif command.started_ns // _DAY_NS < today:
            days[_name(command.started_ns // _DAY_NS)].append(command)
    for commands in days.values():
        commands.sort(key=lambda command: command.started_ns or 0)
    return days


@lru_cache(maxsize=4096)
def _name(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _origin(commands: Iterable[Command], home: str, key: bytes | None) -> str:
    """Return a digest of all that a day's file depends on."""
    digest = hashlib.blake2b(manifest.MADE_BY, digest_size=16)
    encode = msgspec.msgpack.Encoder().encode
    digest.update(encode((home, seal_key.identity(key) if key else None)))
    for each in commands:
        digest.update(encode((*_plain(each), each.line, each.session, each.cwd, each.host, each.user)))
    return digest.hexdigest()


def _plain(command: Command) -> tuple[int | None, int | None, int | None, str]:
    return command.started_ns, command.duration_ns, command.exit_code, command.author


def _write(file: Path, commands: list[Command], origin: str, home: str, key: bytes | None) -> None:
    rows = [_row(command, home) for command in commands]
    columns = zip(zip(*rows, strict=True), COLUMNS, strict=True)
    table = pa.Table.from_arrays([pa.array(values, field.type) for values, field in columns], schema=COLUMNS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, COLUMNS, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    files = manifest.write(file, {f"{file.stem}.arrow": memoryview(sink.getvalue())}, key)
    manifest.finish(file, Manifest(origin=origin, rows=len(rows), files=files))


def _row(command: Command, home: str) -> tuple[str | int | None, ...]:
    names = (home, command.user or "", command.host or "")
    cwd = None if command.cwd is None else _cleaned(command.cwd, *names)
    kind = _kind(command.cwd, command.git_root)
    return _cleaned(command.line, *names), normalise(command.session, *names), cwd, kind, *_plain(command)


@lru_cache(maxsize=4096)
def _kind(cwd: str | None, git_root: str | None) -> str:
    return directory.kind(cwd, git_root)


@lru_cache(maxsize=16_384)
def _cleaned(text: str, home: str, user: str, host: str) -> str:
    """Cut secrets out before names are replaced, which some rules go by, and once controls that part them are gone."""
    return redact(normalise(redact(text).text, home, user, host)).text


def _read(file: Path, key: bytes | None) -> Day:
    name = f"{file.stem}.arrow"
    digest = manifest.read(file, Manifest, name).files[name]
    with seal.opened(file.with_name(name), key) as plain, pa.memory_map(str(plain)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
    return Day(file.stem.removeprefix("commands_"), digest, table)
