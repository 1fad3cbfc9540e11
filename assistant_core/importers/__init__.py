"""Other shells' histories: a file in, rows of the store out, and a report of what could not be read.

file → `Importer.read` (one small module a shell) → redact → fingerprint → store, a batch at a time. A batch is one
transaction and a fingerprint is added once: an import that was stopped, or whose file has grown since, is run again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from assistant_core.errors import ImportFileError
from assistant_core.importers import atuin, bash, fish, xonsh, zsh
from assistant_core.importers.fingerprint import Fingerprints, hashed
from assistant_core.importers.source import Batch, Broken, Entry, Importer
from assistant_core.records import Command
from assistant_core.redact import redact
from assistant_core.store import Store

SHELLS: Mapping[str, Importer] = {
    "bash": bash.IMPORTER,
    "zsh": zsh.IMPORTER,
    "fish": fish.IMPORTER,
    "atuin": atuin.IMPORTER,
    "xonsh": xonsh.IMPORTER,
}

MOST_BROKEN = 100
"""So many of the places that could not be read are told one by one."""
LONGEST = 1 << 20
"""Bytes; a longer line is no command that a shell could have run."""
_REMEMBERED = 500_000  # unique lines whose redaction is kept, some 200 bytes each
_SECOND = 10**9  # nanoseconds
_LAST_SECOND = 1 << 32  # since the Unix epoch: 2106


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, in commands. `read` is `added` and `known` together."""

    shell: str
    file: str
    read: int
    added: int
    known: int  # there from an earlier run, or deleted for good by the user
    redacted: int  # of those read, how many held a secret
    undecodable: int  # of those read, how many were not UTF-8; what is not became U+FFFD
    broken_count: int
    broken: tuple[Broken, ...]  # the first of them


def default_file(shell: str, environ: Mapping[str, Any]) -> Path:
    """Return where `shell` keeps its history; raise ImportFileError for a shell that is not in the table."""
    return _importer(shell).default(environ)


def run(
    shell: str,
    file: Path | None,
    store: Store,
    environ: Mapping[str, Any],
    on_progress: Callable[[int, int], None],
) -> Report:
    """Add to `store` what the history `file` of `shell` (None: the usual one) holds and the store does not.

    `on_progress` gets how much is done and the total, in bytes or rows. Raises ImportFileError if the file is
    missing, unreadable or of another kind, and StoreError if the store cannot be written.
    """
    importer = _importer(shell)
    path = (file or importer.default(environ)).absolute()
    work, total = _Work(shell, os.fsencode(path).decode(errors="replace")), 0
    with store.bulk():
        for batch in importer.read(path):
            work.added += store.append_imported(work.commands(batch))
            total = batch.total
            on_progress(batch.done, total)
    on_progress(total, total)
    return work.report()


def _importer(shell: str) -> Importer:
    if importer := SHELLS.get(shell):
        return importer
    raise ImportFileError(f"no history of {shell!r} can be imported; expected one of {', '.join(SHELLS)}")


class _Line(msgspec.Struct, frozen=True, gc=False):  # many are kept, and hold nothing to collect
    text: str
    redacted: bool
    undecodable: bool
    hash: int


class _Work:
    """Turns batches into commands and counts."""

    def __init__(self, shell: str, file: str) -> None:
        self._shell, self._file = shell, file
        self._session = f"{shell}:{file}"
        self._fingerprints = Fingerprints()
        self._lines: dict[bytes, _Line | str] = {}
        self._broken: list[Broken] = []
        self._broken_count = self._redacted = self._undecodable = self._read = 0
        self.added = 0

    def commands(self, batch: Batch) -> list[tuple[Command, int]]:
        """Return the commands of the batch, each with its fingerprint."""
        commands = []
        for item in batch.found:
            if isinstance(item, Broken):
                self._report_broken(item)
                continue
            line = self._line(item.line)
            if isinstance(line, _Line):
                commands.append(self._command(item, line, batch.unit))
            elif line:
                self._report_broken(Broken(f"{batch.unit} {item.at}", line))
        self._read += len(commands)
        return commands

    def report(self) -> Report:
        """Return the counts so far."""
        return Report(
            shell=self._shell,
            file=self._file,
            read=self._read,
            added=self.added,
            known=self._read - self.added,
            redacted=self._redacted,
            undecodable=self._undecodable,
            broken_count=self._broken_count,
            broken=tuple(self._broken),
        )

    def _report_broken(self, broken: Broken) -> None:
        self._broken_count += 1
        if len(self._broken) < MOST_BROKEN:
            self._broken.append(broken)

    def _line(self, raw: bytes) -> _Line | str:
        if (line := self._lines.get(raw)) is None:
            if len(self._lines) >= _REMEMBERED:
                self._lines.clear()
            line = self._lines[raw] = self._cleaned(raw)
        return line

    def _cleaned(self, raw: bytes) -> _Line | str:
        """Return the line to store, or why there is none: "" if it is blank."""
        raw = raw.rstrip(b"\n")
        if not raw.strip():
            return ""
        if b"\0" in raw:
            return "holds a NUL byte, which no command line can"
        if len(raw) > LONGEST:
            return f"is {len(raw)} bytes long; expected at most {LONGEST}"
        text = raw.decode(errors="replace")
        clean = redact(text)
        return _Line(clean.text, clean.changed, text.encode() != raw, hashed(self._shell, clean.text))

    def _command(self, entry: Entry, line: _Line, unit: str) -> tuple[Command, int]:
        self._redacted += line.redacted
        self._undecodable += line.undecodable
        started = entry.started_ns
        if started is not None and not 0 < started < _LAST_SECOND * _SECOND:
            self._report_time(started, f"{unit} {entry.at}")
            started = None
        command = Command(
            line=line.text,
            session=f"{self._shell}:{entry.session}" if entry.session else self._session,
            cwd=entry.cwd,
            host=entry.host,
            user=entry.user,
            started_ns=started,
            duration_ns=entry.duration_ns,
            exit_code=entry.exit_code,
            author=entry.author,
            redacted=line.redacted,
        )
        return command, self._fingerprints.of(line.hash, started)

    def _report_time(self, started: int, position: str) -> None:
        if started:  # 0 is how shells write that they do not know
            reason = f"its time is {started // _SECOND} s after 1970; the command is kept without one"
            self._report_broken(Broken(position, reason))
