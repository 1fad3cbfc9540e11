"""The shell's log: where something failed, never what was typed.

In: a short text of ours, or an exception. Out: lines in one bounded file (mode 0600). An exception is written
as its type and the places it came through: its message might quote a command.
"""

import os
import time
import traceback
from contextlib import suppress
from pathlib import Path

from assistant_core.settings import private_directory

LIMIT = 256 * 1024  # bytes; a larger file is moved aside, and only one old file is kept


class Log:
    """Appends to `file`; a file that cannot be written is nobody's problem at a prompt."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, text: str) -> None:
        """Append one line. `text` must not hold anything that was typed."""
        with suppress(OSError):
            private_directory(self.file.parent)
            if self.file.exists() and self.file.stat().st_size > LIMIT:
                self.file.replace(self.file.with_suffix(".log.1"))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with open(os.open(self.file, flags, 0o600), "w", encoding="utf-8") as out:  # noqa: PTH123 - sets the mode
                out.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {os.getpid()} {text}\n")

    def failure(self, error: BaseException) -> None:
        """Append the type of `error` and its way through the code, innermost last."""
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        way = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        self.write(f"{type(error).__name__} at {way or 'no frame'}")
