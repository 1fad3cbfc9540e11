"""The sha256 of files that seldom change: computed once, then remembered for as long as the file is the same.

In: a file and the cache. Out: its sha256 and size. A file is the same while its device, inode, size and both times
are; the cache is a convenience, and one that cannot be read or written only costs time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from pathlib import Path

import msgspec

from assistant_core.settings import private_directory, replace_file

REMEMBERED = 64  # files
SETTLED_NS = 10**8  # a file changed less than this ago may change once more without its times telling
_LOG = logging.getLogger(__name__)


def of(path: Path, cache: Path) -> tuple[str, int]:
    """Return sha256, in hexadecimal, and size in bytes of the file at `path`. Raises OSError."""
    found = path.stat()
    key = _identity(found)
    known = _read(cache)
    if key in known:
        return known[key], found.st_size
    digest, size = computed(path)
    if _identity(path.stat()) == key and found.st_ctime_ns < time.time_ns() - SETTLED_NS:
        _write(cache, {**known, key: digest})
    return digest, size


def computed(path: Path) -> tuple[str, int]:
    """Return what `of` does, from the bytes themselves. Raises OSError."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest(), source.tell()


def identity(path: Path) -> str:
    """Return what stays the same as long as the file at `path` does, "" where there is none."""
    try:
        return _identity(path.stat())
    except OSError:
        return ""


def _identity(found: os.stat_result) -> str:
    return ":".join(map(str, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)))


def _read(cache: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(cache.read_bytes(), type=dict[str, str])
    except (OSError, ValueError, msgspec.MsgspecError):
        return {}


def _write(cache: Path, digests: dict[str, str]) -> None:
    newest = dict(list(digests.items())[-REMEMBERED:])
    try:
        private_directory(cache.parent)
        replace_file(cache, msgspec.json.encode(newest).decode())
    except OSError as error:
        _LOG.info("%s cannot be written: %s; models are read in full at each load", cache, error)
