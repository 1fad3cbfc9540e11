"""Files that one process alone holds locked, with its number in them; the system frees them when it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file, for as long as it stays open; return whether nobody else holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(path: Path) -> int | None:
    """Return the pid that was written into the file by who holds it, None if nobody does."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if lock(file, fcntl.LOCK_SH) else int(os.read(file, 32) or 0) or None
    finally:
        os.close(file)
