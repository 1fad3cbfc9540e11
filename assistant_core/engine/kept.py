"""Arrays that take long to make, kept in one file of the cache folder and mapped from there: opening copies nothing.

In: a name that says what they are made of, and how. Out: read-only arrays by name. A file is called NAME.SHA256 after
its own content, so that a damaged one shows; it is thrown away, and so is one that others could have written. The
cache is a convenience: where nothing can be written there, arrays are made each time.
"""

from __future__ import annotations

import hashlib
import logging
import math
import mmap
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant_core.engine import digests
from assistant_core.settings import private_directory

FILES = 2  # that are left in the folder: two releases may be in use
VERDICTS = "digests.json"  # of the files, in the folder
_ALIGNED = 64  # bytes: arrays begin at multiples of it

Arrays = Mapping[str, NDArray[Any]]
_Header = list[tuple[str, str, tuple[int, ...]]]  # name, type as numpy spells it, shape
_LOG = logging.getLogger(__name__)


def kept(folder: Path, name: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that `folder` holds under `name`; those that `make` makes, which are kept, where it has none.

    Whatever `make` raises is raised.
    """
    for file in sorted(folder.glob(f"{name}.*")):
        if _is_sound(file):
            with suppress(OSError):  # another process may have removed it just now
                return _read(file)
        with suppress(OSError):
            file.unlink()
    made = make()
    try:
        return _read(_write(folder, name, made))
    except OSError as error:
        _LOG.info("%s cannot hold what was made: %s; it is made again at the next start", folder, error)
        return made


def _is_sound(file: Path) -> bool:
    """Say whether `file` is ours alone and holds what its name says. The answer is remembered beside it."""
    try:
        found = file.stat()
        ours = found.st_uid == os.getuid() and not found.st_mode & 0o022
        return ours and digests.of(file, file.parent / VERDICTS)[0] == file.suffix[1:]
    except OSError:
        return False


def _read(file: Path) -> Arrays:
    with file.open("rb") as source:
        mapped = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    at = mapped.find(b"\n") + 1
    arrays = {}
    for name, kind, shape in msgspec.json.decode(mapped[:at], type=_Header):
        at += -at % _ALIGNED
        arrays[name] = np.frombuffer(mapped, kind, math.prod(shape), at).reshape(shape)
        at += arrays[name].nbytes
    return arrays


def _write(folder: Path, name: str, arrays: Arrays) -> Path:
    """Write a file for the owner alone, remove all others but the newest, and return it.

    What a power failure leaves of it does not match its name.
    """
    private_directory(folder)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".")  # 0600
    try:
        with open(descriptor, "wb") as out:  # noqa: PTH123 - opened already, for the owner alone
            _pour(arrays, out)
        with Path(temporary).open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        file = Path(temporary).replace(folder / f"{name}.{digest}")
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _remove_old(folder, file)
    return file


def _pour(arrays: Arrays, out: BinaryIO) -> None:
    header: _Header = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
    out.write(msgspec.json.encode(header) + b"\n")
    for array in arrays.values():
        out.write(bytes(-out.tell() % _ALIGNED))
        out.write(np.ascontiguousarray(array).data)


def _remove_old(folder: Path, newest: Path) -> None:
    with suppress(OSError):  # another process may do the same
        others = [file for file in folder.iterdir() if file.name not in (newest.name, VERDICTS)]
        for file in sorted(others, key=lambda each: -each.stat().st_mtime_ns)[FILES - 1 :]:
            file.unlink()
