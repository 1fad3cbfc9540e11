"""xonsh: a folder with `xonsh-<session>.json` (also below `history_json`) or `xonsh-history.sqlite`, or one of these.

A JSON file also holds the whole environment of its session: only `data.cmds` is taken out of it, and of a command
only the line, times, exit code and directory, never its output.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from assistant_core.importers import database
from assistant_core.importers.source import (
    Batch,
    Broken,
    Entry,
    Importer,
    batches,
    checked,
    data_folder,
    folder,
    integer,
    nanoseconds,
    refused,
)

_DATABASE = "xonsh-history.sqlite"
_EXPECTED = f"xonsh-*.json, {_DATABASE}, or a folder with them"
_COLUMNS = ("inp", "rtn", "tsb", "tse", "sessionid", "cwd")


def read(path: Path) -> Iterator[Batch]:
    """Yield what is in the folder or the file `path`; progress is in bytes."""
    if not path.is_dir():
        if _is_database(checked(path, _EXPECTED)):
            yield from database.read(path, _TABLE)
        else:
            yield from _session(path, alone=True)
        return
    yield from _folder(path)


def _folder(path: Path) -> Iterator[Batch]:
    files = _oldest_first({*path.glob("xonsh-*.json"), *path.glob("history_json/xonsh-*.json"), path / _DATABASE})
    if not files:
        raise refused(path, "a folder without them", _EXPECTED, "name the right one after the shell")
    done, total = 0, sum(size for _, size in files)
    for file, size in files:
        for batch in database.read(file, _TABLE) if file.name == _DATABASE else _session(file, alone=False):
            yield batch._replace(done=done + size * batch.done // batch.total, total=total)
        done += size


def _oldest_first(files: Iterable[Path]) -> list[tuple[Path, int]]:
    found = []
    for file in files:
        with suppress(OSError):  # xonsh clears old files away at any time
            state = file.stat()
            found.append((state.st_mtime, file, state.st_size))
    return [(file, size) for _, file, size in sorted(found)]


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(database.MAGIC)) == database.MAGIC
    except OSError:
        return False  # whoever reads it next says so


def _session(file: Path, *, alone: bool) -> Iterator[Batch]:
    """Yield the commands of one JSON file; one that cannot be read is an error only if it is the `alone` one."""
    try:
        commands = json.loads(file.read_text(encoding="utf-8", errors="surrogateescape"))["data"]["cmds"]
        entries = [_command(number, item, file.stem) for number, item in enumerate(commands, 1)]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no JSON with commands in it"
        if alone:
            raise refused(file, f"a file that cannot be read ({reason})", _EXPECTED, "name the right one") from error
        entries = [Broken(file.name, f"cannot be read: {reason}")]
    done = 0
    for found in batches(entries):
        done += len(found)
        yield Batch(found, done, len(entries), f"{file.name}, command")


def _command(number: int, item: Any, stem: str) -> Entry | Broken:  # noqa: ANN401 - whatever the JSON holds
    if not isinstance(item, dict) or not isinstance(item.get("inp"), str):
        return Broken(f"{stem}.json, command {number}", "has no line")
    begun, ended = (*(item.get("ts") or ()), None, None)[:2]
    cwd = item["cwd"] if isinstance(item.get("cwd"), str) else ""
    return _entry(number, _bytes(item["inp"]), (item.get("rtn"), begun, ended), stem[len("xonsh-") :], _bytes(cwd))


def _row(number: int, row: database.Row) -> Entry | Broken:
    line, code, begun, ended, session, cwd = row
    if not isinstance(line, bytes):
        return Broken(f"row {number}", "has no line")
    return _entry(number, line, (code, begun, ended), database.decoded(session), cwd)


def _entry(number: int, line: bytes, outcome: tuple[Any, Any, Any], session: str | None, cwd: bytes | None) -> Entry:
    code, started, ended = integer(outcome[0]), nanoseconds(outcome[1]), nanoseconds(outcome[2])
    return Entry(
        number,
        line,
        started,
        None if started is None or ended is None or ended < started else ended - started,
        128 - code if code is not None and code < 0 else code,  # -2 is the signal 2, as 130 is elsewhere
        database.decoded(cwd),
        session,
    )


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


_TABLE = database.Table("xonsh", "xonsh_history", _COLUMNS, _COLUMNS[:1], _row)


def default(environ: Mapping[str, Any]) -> Path:
    """Return where xonsh keeps its history: the SQLite file that is named, or the folder."""
    data = folder(environ, "XONSH_DATA_DIR", data_folder(environ) / "xonsh")
    return folder(environ, "XONSH_HISTORY_SQLITE_FILE", data)


IMPORTER = Importer(default, read)
