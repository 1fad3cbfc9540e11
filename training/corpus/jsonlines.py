"""A file of JSON objects, one a line → the objects with their line numbers; what is none is named and left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from training.corpus.source import BROKEN, open_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.corpus.source import Skips


def objects(file: Path, source: str, skips: Skips) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and object of each line. A file that breaks off is read as far as it goes."""
    number = 0
    try:
        with open_text(file) as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                found = _decoded(line)
                if isinstance(found, dict):
                    yield number, found
                else:
                    skips.add(source, "no JSON object on the line", f"{file}:{number}")
    except BROKEN as error:
        skips.add(source, f"cannot be read: {error}", f"{file}:{number + 1}")


def _decoded(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
