"""`assistant data export`: the history leaves as a file of ours or of another shell.

In: commands of the store. Out: bytes that the importer of the same name reads back (`csv` is for spreadsheets).
The formats of the shells hold the line, its start and, for zsh, its duration; they are in order of time.
"""

import contextlib
import csv
import os
import re
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from getpass import getuser
from pathlib import Path
from typing import IO, TYPE_CHECKING

from assistant_core import normalise
from assistant_core.cli.command import NOTHING, Answer, App, Leaf, UsageError, argument

if TYPE_CHECKING:
    from assistant_core.records import Command
    from assistant_core.store import Store


def jsonl(commands: Iterable["Command"]) -> Iterator[bytes]:
    """Yield one JSON object a command, with all its fields."""
    import msgspec  # noqa: PLC0415 - loaded with the history

    encode = msgspec.json.encode
    return (encode(command) + b"\n" for command in commands)


def table(commands: Iterable["Command"]) -> Iterator[bytes]:
    """Yield RFC 4180 rows below a heading."""
    import msgspec  # noqa: PLC0415 - loaded with the history

    from assistant_core.records import Command  # noqa: PLC0415 - loaded with the history

    class Echo:
        def write(self, row: str) -> str:
            return row

    names = Command.__struct_fields__
    rows = csv.writer(Echo())
    yield str(rows.writerow(names)).encode()
    for command in commands:
        plain = msgspec.to_builtins(command)
        plain["environment"] = " ".join(f"{name}={value}" for name, value in command.environment.items())
        yield str(rows.writerow([plain[name] for name in names])).encode()


def bash(commands: Iterable["Command"]) -> Iterator[bytes]:
    """Yield lines below "#" and the start in seconds; 0 where it is unknown, for bash wants one for every line."""
    return (f"#{start_s}\n{line}\n".encode() for start_s, _, line in _by_time(commands))


def zsh(commands: Iterable["Command"]) -> Iterator[bytes]:
    """Yield zsh's extended history: newlines and a last backslash guarded, bytes metafied as zsh's `metafy` does."""
    for start_s, duration_s, line in _by_time(commands):
        guarded = line.replace("\n", "\\\n") + (" " if line.endswith("\\") else "")
        yield f": {start_s}:{duration_s};".encode() + _metafied(guarded.encode()) + b"\n"


def fish(commands: Iterable["Command"]) -> Iterator[bytes]:
    """Yield fish's history entries."""
    for start_s, _, line in _by_time(commands):
        escaped = line.replace("\\", "\\\\").replace("\n", "\\n")
        yield (f"- cmd: {escaped}\n" + (f"  when: {start_s}\n" if start_s else "")).encode()


FORMATS: Mapping[str, Callable[[Iterable["Command"]], Iterator[bytes]]] = {
    "jsonl": jsonl,
    "csv": table,
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
}


def _by_time(commands: Iterable["Command"]) -> list[tuple[int, int, str]]:
    """Return start and duration in seconds (0 if unknown) and line; the unknown starts come first."""
    rows = ((item.started_ns or 0, item.duration_ns or 0, item.line) for item in commands)
    return [(start // 10**9, took // 10**9, line) for start, took, line in sorted(rows, key=lambda row: row[0])]


def _metafied(raw: bytes) -> bytes:
    """Return `raw` with NUL and 0x83..0xa2 as Meta (0x83) and the byte with its bit 5 turned, as zsh stores them."""
    return re.sub(rb"[\0\x83-\xa2]", lambda found: bytes((0x83, found[0][0] ^ 32)), raw)


def run(args: Namespace, app: App) -> Answer:
    """Write the history to a new file (0600) or to stdout; 1 if there is none."""
    if app.json and args.file is None:
        raise UsageError("data export: with --json stdout holds the report; expected a FILE for the commands")
    with app.history() as store:
        if store is None:
            return Answer({"commands": 0, "file": args.file}, [NOTHING] if args.file else [], 1)
        with _output(args.file) as out:
            out.writelines(FORMATS[args.format](_commands(store, app, normalised=args.normalise)))
        count = store.counts()["commands"]
    return Answer({"commands": count, "file": args.file}, [f"{count:,} commands in {args.file}"] if args.file else [])


@contextlib.contextmanager
def _output(file: str | None) -> Iterator[IO[bytes]]:
    if file is None:
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"data export: {file} exists and is left as it is; name a new file") from None
    try:
        with open(descriptor, "wb") as out:  # noqa: PTH123 - opened already, for the owner alone
            yield out
    except BaseException:
        Path(file).unlink()
        raise


def _commands(store: "Store", app: App, *, normalised: bool) -> Iterator["Command"]:
    from msgspec.structs import replace  # noqa: PLC0415 - loaded with the history

    home, user, host = app.environ.get("HOME", ""), getuser(), socket.gethostname()
    for _, command in store.commands():
        if not normalised:
            yield command
            continue
        names = (home, command.user or user, command.host or host)
        texts = {
            name: value and normalise.normalise(value, *names)
            for name in ("line", "cwd", "git_root", "user", "host")
            for value in [getattr(command, name)]
        }
        environment = {name: normalise.normalise(value, *names) for name, value in command.environment.items()}
        yield replace(command, environment=environment, **texts)


COMMAND = Leaf(
    "export",
    run,
    "Write all commands to a new file that only you can read, or to stdout.",
    (
        argument("--format", choices=tuple(FORMATS), default="jsonl", help="jsonl (default) has all that is known"),
        argument("--normalise", action="store_true", help="~, {user} and {host} for home, user and host"),
        argument("file", nargs="?", metavar="FILE", help="a new file; stdout without it"),
    ),
    ("assistant data export history.jsonl", "assistant data export --format zsh --normalise > history"),
)
