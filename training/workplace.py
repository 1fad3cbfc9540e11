"""Where a run works, for whom: its folder, and where what libraries write in the clear may lie.

In: the run and its user. Out: a folder that outlives a run that is stopped, and is gone when it ends. With
training.encrypt all that stays on the disk is sealed; weights, and whatever else libraries write until then, are in
memory. What is left of a run is its results, which are JSON.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from assistant_core.errors import TrainingError
from assistant_core.settings import Paths, Settings, private_directory
from training import seal
from training.job import OutOfTimeError

if TYPE_CHECKING:
    from training.job import Job
    from training.runs import Step, Watcher

# Bytes: three checkpoints of the model that ships with the optimizer's state, and the export; an adapter's, which come
# after them, are smaller.
MEMORY = 300 * 2**20
LATE: Final = "there was not time enough to end; the next run goes on from here"


class NotMadeError(TrainingError):
    """One model of a run is not made; the others are made all the same."""


class User(NamedTuple):
    """Whose models they are."""

    paths: Paths
    settings: Settings
    environ: Mapping[str, str]

    @property
    def key(self) -> bytes | None:
        """What to seal with, or None. Raises SealError."""
        return seal.key_of(self.paths) if self.settings.training.encrypt else None


@contextmanager
def opened(job: Job, user: User) -> Iterator[Path]:
    """Give the folder for what is in the clear; what lies there elsewhere, and other runs left, is deleted.

    In it, folders are weights, whatever else is not to be sealed. Raises SealError where there is no such place.
    """
    clear = _clear(job, user)
    for left in job.folder.parent.glob("*/"):
        if left != job.folder:  # of a run that failed, or was not gone on with
            _sweep(left)
    try:
        yield clear
    except Exception as error:
        if clear != job.folder and not isinstance(error, OutOfTimeError):  # which the next run goes on from
            shutil.rmtree(clear.parent)
        raise
    _sweep(job.folder)
    if clear != job.folder:
        shutil.rmtree(clear.parent)


def watcher(job: Job, phase: str) -> Watcher:
    """Return who tells of each step of `phase`, and ends it once the time is up."""

    def watch(step: Step) -> bool:
        job.report(phase, step.done, step.total, loss=step.loss, tokens_per_s=step.tokens_per_s)
        return job.gate.wait()

    return watch


def hardware() -> str:
    """Return what the run trains on, for a card."""
    gpu = torch.cuda.is_available()
    return torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"


def _clear(job: Job, user: User) -> Path:
    encrypt, home = user.settings.training.encrypt, seal.place_in_memory(user.paths)
    if not encrypt:
        shutil.rmtree(home, ignore_errors=True)  # not ours, if it cannot be deleted
        return job.folder
    for left in home.glob("*/"):
        if left.name != job.run:
            shutil.rmtree(left)
    for folder in job.folder.glob("*/"):
        shutil.rmtree(folder)
    folder = home / job.run
    return folder if folder.exists() else private_directory(seal.in_memory(user.paths, MEMORY) / job.run)


def _sweep(folder: Path) -> None:
    """Delete what a run leaves of the user's lines: all but its results."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.suffix != ".json":
            entry.unlink()
