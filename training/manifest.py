"""What stands beside each file that we made: its sha256, its rows, and what it was made of.

In: data and its origin. Out: files and a manifest, which is written last. Data without a manifest are unfinished, data
that do not match it are damaged, and a manifest of another origin is out of date: all three are made again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from assistant_core import __version__
from assistant_core.errors import TrainingError
from assistant_core.settings import private_directory
from training import seal

SCHEMA = 1  # raised when the form of the files changes
MADE_BY = f"{SCHEMA} {__version__}".encode()  # part of every origin: what another release made is made again


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One artefact: `files` are the sha256 of what lies on the disk, by name; `origin` is a digest of the sources."""

    schema: int = SCHEMA
    origin: str
    rows: int
    files: dict[str, str]


class Report(NamedTuple):
    """Names of the artefacts that were made, left as they were, and removed."""

    made: list[str]
    kept: list[str]
    removed: list[str]


_M = TypeVar("_M", bound=Manifest)


def read(file: Path, kind: type[_M], *names: str) -> _M:
    """Return the manifest at `file` of the data called `names`, which were compared with it. Raises TrainingError."""
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=kind)
        digests = {name: seal.sha256(file.with_name(name)) for name in names}
    except FileNotFoundError as error:
        raise TrainingError(f"{error.filename} is missing: {file.stem} is unfinished and will be made again") from error
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise TrainingError(f"{file} cannot be used: {error}; it will be made again") from error
    if manifest.schema != SCHEMA:
        raise TrainingError(f"{file} has schema {manifest.schema}, expected {SCHEMA}; it will be made again")
    for name, digest in digests.items():
        if (expected := manifest.files.get(name)) != digest:
            raise TrainingError(
                f"{file.with_name(name)} is damaged: its sha256 is {digest}, expected {expected}; it will be made again"
            )
    return manifest


def is_current(file: Path, origin: str, *names: str) -> bool:
    """Say whether the manifest at `file` and its data are sound and of this origin."""
    try:
        return read(file, Manifest, *names).origin == origin
    except TrainingError:
        return False


def write(file: Path, data: Mapping[str, bytes | memoryview], key: bytes | None) -> dict[str, str]:
    """Write `data` by name beside the manifest at `file`, which goes first; return the sha256 of each.

    Raises TrainingError.
    """
    file.unlink(missing_ok=True)
    return {name: seal.write(file.with_name(name), content, key) for name, content in data.items()}


def finish(file: Path, manifest: Manifest) -> None:
    """Write the manifest, which makes its data count. Raises TrainingError."""
    seal.write(file, msgspec.json.encode(manifest))


def remove_others(folder: Path, pattern: str, kept: set[str]) -> list[str]:
    """Remove the files in `folder` that match `pattern` and whose stems are not `kept`, manifests first."""
    stale = [file for file in folder.glob(pattern) if file.stem not in kept]
    for file in sorted(stale, key=lambda file: file.suffix != ".json"):
        file.unlink()
    return sorted({file.stem for file in stale})


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have `folder`, made for the owner alone if missing, to this process, and what an earlier one left cleared."""
    private_directory(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for part in folder.glob(f".*{seal.PART}"):
            part.unlink()
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)  # and the lock with it
