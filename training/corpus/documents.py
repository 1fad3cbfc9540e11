"""The user's own documents and notes → rows: text, Markdown and HTML below a folder, or one file.

In: a file or a folder. Out: private rows, grouped by document.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from training.corpus import blocks, hypertext, markdown
from training.corpus.source import BROKEN, PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.corpus.blocks import Block
    from training.corpus.source import Machine, Skips
    from training.records import Row

NAME = "documents"
LARGEST = 4 * 2**20  # bytes of a document
TEXT = frozenset({".txt", ".text", ".rst", ".org", ".adoc", ""})
MARKDOWN = frozenset({".md", ".markdown", ".mdown"})
HYPERTEXT = frozenset({".html", ".htm", ".xhtml"})
FOREIGN = frozenset({"node_modules", "__pycache__", "site-packages", "vendor", "target", "dist", "build"})


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield the rows of the document at `place`, or of all documents below it; links and hidden files are left out."""
    for file in _files(place, skips):
        text = _text(file, skips)
        if file.suffix.lower() in HYPERTEXT and not hypertext.is_sound(text):
            skips.add(NAME, "more tags begin than end", file)
        elif text:
            name = str(file).replace(machine.home, "~", 1) if machine.home else str(file)
            origin = blocks.Origin(NAME, PRIVATE, f"{NAME} {name}")
            yield from blocks.rows(_blocks(file, text, machine), origin, programs=machine.programs)


def _files(place: Path, skips: Skips) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    if not place.is_dir():
        skips.add(NAME, "not there", place)
        return
    for folder, folders, names in os.walk(
        place, onerror=lambda error: skips.add(NAME, f"{error.strerror}", error.filename)
    ):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in FOREIGN)
        for name in sorted(names):
            file = Path(folder, name)
            if file.suffix.lower() not in TEXT | MARKDOWN | HYPERTEXT or name.startswith("."):
                skips.add(NAME, "not a text, Markdown or HTML file")
            elif file.is_symlink() or not file.is_file():
                skips.add(NAME, "a link or no plain file", file)
            else:
                yield file


def _text(file: Path, skips: Skips) -> str:
    """Return the text of a file; "" if it cannot be one."""
    try:
        size = file.stat().st_size
        raw = file.read_bytes() if size <= LARGEST else b""
    except BROKEN as error:
        skips.add(NAME, f"cannot be read: {error}", file)
        return ""
    if size > LARGEST:
        skips.add(NAME, f"larger than {LARGEST:,} bytes", file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or text.startswith("#!"):
        skips.add(NAME, "a script" if text.startswith("#!") else "not UTF-8 text", file)
        return ""
    return text


def _blocks(file: Path, text: str, machine: Machine) -> list[Block]:
    suffix = file.suffix.lower()
    if suffix in HYPERTEXT:
        return hypertext.blocks(text)
    return markdown.blocks(text, machine.programs, plain=suffix not in MARKDOWN)
