"""Small files that a person or another process may change at any time.

In: a path, and how it is read. Out: its content, read anew when the file has changed; and a lock for writers.
"""

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from assistant_core.settings import private_directory

T = TypeVar("T")

LARGEST = 4 * 2**20  # bytes


class Watched(Generic[T]):
    """What the file at `path` says by `read`, which raises ValueError or OSError; `default` where it says nothing.

    A file that cannot be used is told of once per version of it, in one sentence, and counts as missing.
    """

    def __init__(self, path: Path, read: Callable[[Path], T], default: T, tell: Callable[[str], None]) -> None:
        self.path = path
        self._name = str(path)
        self._read = read
        self._default = default
        self._tell = tell
        self._version: tuple[int, int, int] | None = None
        self._content = default
        self._reading = threading.Lock()

    def get(self) -> T:
        """Return the content as of now."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - for every line typed
        except OSError:
            self._version, self._content = None, self._default
            return self._content
        version = (found.st_mtime_ns, found.st_size, found.st_ino)
        if version != self._version:
            with self._reading:  # several threads ask, and have to wait for what is new
                self._content = self._content_of(found) if version != self._version else self._content
                self._version = version
        return self._content

    def _content_of(self, found: os.stat_result) -> T:
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            self._tell(f"{self.path} is no file of at most {LARGEST:,} bytes, so it is ignored")
            return self._default
        try:
            return self._read(self.path)
        except (ValueError, OSError) as error:
            where = "" if self._name in str(error) else f"{self.path}: "
            self._tell(f"{where}{error} (ignored until it is corrected)")
            return self._default


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of those who write files in `folder`, which is made where it is missing."""
    descriptor = os.open(private_directory(folder), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append(file: Path, line: bytes) -> None:
    """Append one line in one piece; the file is the owner's alone (0600)."""
    private_directory(file.parent)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
