"""What may be learnt from: no terminal controls, no secret, no line that destroys, nothing twice.

In: rows as they were read. Out: the same, fewer. A text that holds a secret, or a mark where one was cut out, is
dropped whole: a habit of typing secrets is no habit to learn. Nor is a line that the guard would stop; only what it
does may be asked. In a session only that line goes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from assistant_core.guard import classify
from assistant_core.normalise import without_controls
from assistant_core.redact import MARK, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.records import Row


def clean(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield each row once, in order, without what must not be learnt."""
    seen: set[int] = set()
    for row in rows:
        cleaned = _cleaned(row)
        if cleaned is not None:
            key = hash((cleaned.task, cleaned.texts, cleaned.at_ns if cleaned.task == "session" else None))
            if key not in seen:
                seen.add(key)
                yield cleaned


@lru_cache(maxsize=65_536)
def is_harmful(line: str) -> bool:
    """Say whether the guard would stop `line`: no model should come upon it by itself."""
    return classify(line).decision == "block"


def _cleaned(row: Row) -> Row | None:
    texts = [_text(text) for text in row.texts]
    if row.task == "session":
        kept = [at for at, text in enumerate(texts) if text and not is_harmful(text)]
        exits = tuple(row.exits[at] for at in kept) if row.exits else ()
        return msgspec.structs.replace(row, texts=tuple(texts[at] for at in kept), exits=exits) if kept else None
    if not all(texts) or (row.task != "explain" and is_harmful(texts[-1])):
        return None
    return msgspec.structs.replace(row, texts=tuple(texts))


def _text(text: str) -> str:
    """Return `text` without controls and surrounding blanks, or "" if it holds a secret."""
    shown = without_controls(text).strip()
    return "" if MARK in shown or redact(shown).changed else shown
