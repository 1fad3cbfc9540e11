"""What training says of itself, in files that the program and the service read as well.

In: records. Out: the same records; every file is for the owner alone (0600), replaced whole or appended to. In
`data/training`:

    lock             locked while a run lives, and its pid
    progress.json    the run under way; where none lives, one that was stopped or cut off, to be resumed
    last_run.json    how the last run ended
    last_look.json   why the last scheduled run did not begin
    decisions.jsonl  what became of each version
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from assistant_core import locks
from assistant_core.engine.registry import Kind
from assistant_core.errors import TrainingError
from assistant_core.settings import Paths, private_directory, replace_file

STEP_S: Final = 0.01  # between two tries to lock
LOOK_S: Final = 1.0  # longest time for which somebody who only looks holds the lock

Action = Literal["promote", "keep", "deploy", "rollback"]
State = Literal["done", "failed", "stopped"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The run under way; times since the Unix epoch."""

    run: str
    started_ns: int
    updated_ns: int
    scheduled: bool = False
    attempt: int = 1  # how often the run was begun or resumed
    lost: int = 0  # earlier attempts that ended without having been stopped
    phase: str = "begins"
    done: int = 0  # steps of the phase
    total: int = 0  # 0: unknown
    loss: float | None = None  # nats a token
    tokens_per_s: float | None = None
    paused: str = ""  # why, while it waits


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended; times since the Unix epoch."""

    run: str
    started_ns: int
    ended_ns: int
    state: State
    newest: int = 0  # number of the newest command when it began
    rows: int = 0  # that were learned from
    error: str = ""
    decisions: tuple[Decision, ...] = ()


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Why a scheduled run did not begin."""

    at_ns: int
    reason: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a version, and why."""

    at_ns: int
    kind: Kind
    version: str | None  # what the action is about; None: the shipped model
    action: Action
    before: str | None = None  # what was in use until then
    reasons: tuple[str, ...] = ()
    scores: dict[str, float | None] = {}  # None: not a number

    @property
    def promoted(self) -> bool:
        """Whether the version was found worth using."""
        return self.action == "promote"


_FILES: Final[dict[type[msgspec.Struct], str]] = {
    Progress: "progress.json",
    Outcome: "last_run.json",
    Look: "last_look.json",
}
_Record = TypeVar("_Record", Progress, Outcome, Look)


def read(paths: Paths, kind: type[_Record]) -> _Record | None:
    """Return what was written last of this kind, or None. Raises TrainingError for a file that cannot be read."""
    file = paths.training / _FILES[kind]
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"{file}: cannot be read: {error}; remove it, nothing else depends on it") from error


def write(paths: Paths, record: Progress | Outcome | Look) -> None:
    """Replace what was written of this kind."""
    replace_file(paths.training / _FILES[type(record)], msgspec.json.encode(record).decode())


def in_words(run: Progress) -> str:
    """Return how far a run is."""
    steps = f", {run.done:,} of {run.total:,} steps" if run.total else ""
    loss = "" if run.loss is None else f", loss {run.loss:.3f}"
    speed = f", {run.tokens_per_s:,.0f} tokens/s" if run.tokens_per_s else ""  # 0 at the first step
    return f"{run.phase}{steps}{loss}{speed}"


def finish(paths: Paths) -> None:
    """Note that no run is under way, and that none is to be resumed."""
    (paths.training / _FILES[Progress]).unlink(missing_ok=True)


def log(paths: Paths, decision: Decision) -> None:
    """Add a decision, in one write."""
    private_directory(paths.training)
    file = os.open(_decisions(paths), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, msgspec.json.encode(decision) + b"\n")
    finally:
        os.close(file)


def decisions(paths: Paths) -> list[Decision]:
    """Return every decision that can be read, oldest first."""
    try:
        lines = _decisions(paths).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [decision for line in lines if (decision := _decision(line))]


def _decisions(paths: Paths) -> Path:
    return paths.training / "decisions.jsonl"


def _decision(line: bytes) -> Decision | None:
    try:
        return msgspec.json.decode(line, type=Decision)
    except msgspec.DecodeError:  # cut short by a full disk: the others count
        return None


def log_file(paths: Paths) -> Path:
    """Return the file that a run in the background prints to."""
    return paths.state / "training.log"


# --- one run at a time ---------------------------------------------------------------------------------------


def claim(paths: Paths) -> int:
    """Become the only run: return the locked file, to be kept open. Raises TrainingError when one lives."""
    private_directory(paths.training)
    file = os.open(paths.training / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOOK_S
    while not locks.lock(file):
        if time.monotonic() > deadline:
            pid = os.read(file, 32).decode().strip()
            os.close(file)
            raise TrainingError(f"a run is under way (pid {pid}); `assistant train status` shows it, `stop` ends it")
        time.sleep(STEP_S)
    os.pwrite(file, b"%10d\n" % os.getpid(), 0)
    return file


def running(paths: Paths) -> int | None:
    """Return the pid of the run that lives, or None."""
    return locks.holder(paths.training / "lock")
