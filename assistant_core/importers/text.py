"""History files of text: bytes in, batches of entries out. A file of another kind is refused before it is read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from assistant_core.importers.source import Batch, Broken, Entry, Reader, batches, checked, refused, unreadable

Parser = Callable[[Iterable[bytes]], Iterator[Entry | Broken]]

_SAMPLE = 65_536  # bytes that a file's kind is told from
_SHAPES = {
    "bash": re.compile(rb"#\d{9,}\r?\n"),
    "zsh": re.compile(rb": \d+:\d+;"),
    "fish": re.compile(rb"- cmd: "),
    "xonsh": re.compile(rb'SQLite format 3\0.*xonsh_history|\{"(?:locs|data)"', re.DOTALL),
    "atuin": re.compile(rb"SQLite format 3\0.*CREATE TABLE \"?history\"?\W", re.DOTALL | re.IGNORECASE),
}
_FISH_ITEM = re.compile(rb"^- cmd: ", re.MULTILINE)
_HOLES = re.compile(rb"\0{2,}")  # a crash may leave runs of NUL bytes in a file of text
_CONTROL = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\n\r\x1b")
_MOST_CONTROL = 0.05  # of all bytes; compressed or compiled data has more than 0.1


def reader(shell: str, parse: Parser) -> Reader:
    """Return the reader of `shell`'s history, whose lines `parse` turns into entries."""

    def read(file: Path) -> Iterator[Batch]:
        expected = f"a {shell} history"
        try:
            with checked(file, expected).open("rb") as stream:
                _check_kind(file, shell, stream.read(_SAMPLE))
                stream.seek(0)
                total = os.fstat(stream.fileno()).st_size
                for found in batches(parse(stream)):
                    yield Batch(found, min(stream.tell(), total), total, "line")
        except OSError as error:
            raise unreadable(file, error, expected) from error

    return read


def _check_kind(file: Path, shell: str, sample: bytes) -> None:
    for other, shape in _SHAPES.items():
        if other != shell and shape.match(sample):
            step = f"try `assistant import {other}` with it"
            raise refused(file, f"what looks like a {other} history", f"a {shell} history", step)
    if shell == "fish" and sample and not _FISH_ITEM.search(sample):
        raise refused(file, "no `- cmd: ` in it", "a fish history", "name the right file after the shell")
    text = _HOLES.sub(b"", sample)
    if len(text) - len(text.translate(None, _CONTROL)) > _MOST_CONTROL * len(text):
        raise refused(file, "binary data", f"a {shell} history, which is text", "name the right file after the shell")
