"""bash: `$HISTFILE`. Lines, or with `$HISTTIMEFORMAT` set `#<seconds>` before the lines of each command.

Without times every line is a command of its own: where one of several lines began cannot be told. With them, all
lines up to the next time are one command, as bash itself reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assistant_core.importers.source import Broken, Entry, Importer, home
from assistant_core.importers.text import reader

_TIME = re.compile(rb"#(\d{1,18})\s*$")
_DIGITS = 9  # from 1973 on; what is shorter is a comment, unless the file begins with a time


def parse(lines: Iterable[bytes]) -> Iterator[Entry | Broken]:
    """Yield a command for each line, or for the lines after each time."""
    started: int | None = None
    digits = _DIGITS
    begun, command = 1, list[bytes]()
    for number, raw in enumerate(lines, 1):
        if raw.startswith(b"#") and (time := _TIME.match(raw)) and (number == 1 or len(time[1]) >= digits):
            digits = 1 if number == 1 else digits
            if command:
                yield Entry(begun, b"".join(command), started)
            started, begun, command = int(time[1]) * 10**9, number + 1, []
            continue
        line = raw[:-2] + b"\n" if raw.endswith(b"\r\n") else raw
        if started is None:
            yield Entry(number, line)
        else:
            command.append(line)
    if command:
        yield Entry(begun, b"".join(command), started)


def default(environ: Mapping[str, Any]) -> Path:
    """Return where bash keeps its history."""
    return histfile(environ, "zsh") or home(environ) / ".bash_history"


def histfile(environ: Mapping[str, Any], other: str) -> Path | None:
    """Return `$HISTFILE`, unless its name tells that the `other` shell has put it into the environment."""
    file = Path(str(environ.get("HISTFILE") or ""))
    return file if file.name and other not in file.name else None


IMPORTER = Importer(default, reader("bash", parse))
