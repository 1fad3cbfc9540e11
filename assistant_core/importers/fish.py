r"""fish: `$XDG_DATA_HOME/fish/<session>_history`. Items that look like YAML and are not.

`- cmd: <command>`, then indented `when: <seconds>` and `paths:`, which are not needed. In a command only the
backslash and the newline are escaped, as `\\` and `\n`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assistant_core.importers.source import Broken, Entry, Importer, data_folder
from assistant_core.importers.text import reader

_COMMAND = b"- cmd: "
_WHEN = re.compile(rb" +when: *(\d{1,18})\s*$")
_ESCAPE = re.compile(rb"\\([\\n])")


def parse(lines: Iterable[bytes]) -> Iterator[Entry | Broken]:
    """Yield a command for each item."""
    entry: Entry | None = None
    for number, raw in enumerate(lines, 1):
        if raw.startswith(_COMMAND):
            if entry:
                yield entry
            entry = Entry(number, unescaped(raw.removesuffix(b"\n").removeprefix(_COMMAND)))
        elif entry and (when := _WHEN.match(raw)):
            entry = entry._replace(started_ns=int(when[1]) * 10**9)
        elif not entry or not raw.startswith(b" "):
            if raw.strip():
                yield Broken(f"line {number}", "is neither `- cmd: …` nor indented below one")
        elif raw.lstrip().startswith(b"when:"):
            yield Broken(f"line {number}", "its time is not a number of seconds; the command is kept without one")
    if entry:
        yield entry


def unescaped(text: bytes) -> bytes:
    """Return the bytes that fish means by `text`."""
    return _ESCAPE.sub(lambda pair: b"\n" if pair[1] == b"n" else b"\\", text) if b"\\" in text else text


def default(environ: Mapping[str, Any]) -> Path:
    """Return where fish keeps the history of the session named in `$fish_history`."""
    session = str(environ.get("fish_history") or "fish")
    return data_folder(environ) / "fish" / f"{'fish' if session == 'default' else session}_history"


IMPORTER = Importer(default, reader("fish", parse))
