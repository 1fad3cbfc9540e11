r"""zsh: `$HISTFILE`. `: <start>:<seconds>;<command>` with EXTENDED_HISTORY, else the bare command.

A newline within a command stands behind a backslash; a command that ends in a backslash gets a blank after it, and a
bare command that starts with a colon a backslash before it. NUL and the bytes 0x83 to 0xa2 are "metafied": written
as 0x83 and the byte xor 0x20.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assistant_core.importers.bash import histfile
from assistant_core.importers.source import Broken, Entry, Importer, folder, home
from assistant_core.importers.text import reader

_HEADER = re.compile(rb": *(\d{1,18}):(\d{1,9});")
_CUT_HEADER = re.compile(rb": *\d+(?::|$)")
_META = re.compile(rb"\x83(.)", re.DOTALL)
_FILES = (".zsh_history", ".zhistory", ".histfile")


def parse(lines: Iterable[bytes]) -> Iterator[Entry | Broken]:
    """Yield a command for each line and the lines that continue it."""
    for number, text in _joined(lines):
        if text.startswith(b":"):
            yield _extended(number, text)
        else:
            yield Entry(number, unmetafied(text.removeprefix(b"\\") if text.startswith(b"\\:") else text))


def _joined(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    begun, text = 1, b""
    for number, raw in enumerate(lines, 1):
        if raw.endswith(b"\\\n"):
            text += raw[:-2] + b"\n"
            continue
        yield begun, _unpadded(text + raw.removesuffix(b"\n"))
        begun, text = number + 1, b""
    if text:
        yield begun, text.removesuffix(b"\n") + b"\\"


def _unpadded(text: bytes) -> bytes:
    return text[:-1] if text.endswith(b" ") and text.rstrip(b" ").endswith(b"\\") else text


def _extended(number: int, text: bytes) -> Entry | Broken:
    if header := _HEADER.match(text):
        seconds = int(header[2])  # 0: under a second, or written before the command ended
        line = unmetafied(text[header.end() :])
        return Entry(number, line, int(header[1]) * 10**9, seconds * 10**9 or None)
    if _CUT_HEADER.match(text):
        return Broken(f"line {number}", "begins like `: <start>:<seconds>;` but is not")
    return Entry(number, unmetafied(text))


def unmetafied(text: bytes) -> bytes:
    """Return the bytes that zsh means by `text`."""
    return _META.sub(lambda pair: bytes([pair[1][0] ^ 0x20]), text) if b"\x83" in text else text


def default(environ: Mapping[str, Any]) -> Path:
    """Return where zsh keeps its history: `$HISTFILE`, or the first of the usual files that is there."""
    folders = (folder(environ, "ZDOTDIR", home(environ)), home(environ))
    files = [folder / name for name in _FILES for folder in folders]
    return histfile(environ, "bash") or next((file for file in files if file.exists()), files[0])


IMPORTER = Importer(default, reader("zsh", parse))
