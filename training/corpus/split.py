"""What is learnt from, and what is kept back to be scored on.

In: rows. Out: two lists. Personal rows are held out by time, the newest; public rows by group: a page, a project or
a document is never on both sides.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.records import Row


class Split(NamedTuple):
    """Rows to learn from, and rows held out."""

    learning: list[Row]
    held: list[Row]


def split(rows: Iterable[Row], *, share: float, personal_share: float = 0.2) -> Split:
    """Hold out the groups that make about `share` of the public rows, and the newest `personal_share` of the others."""
    public: list[Row] = []
    personal: list[Row] = []
    for row in rows:
        (public if row.at_ns is None else personal).append(row)
    personal.sort(key=lambda row: row.at_ns or 0)
    cut = len(personal) - round(len(personal) * personal_share)
    learning = [row for row in public if not _is_held(row.group, share)]
    held = [row for row in public if _is_held(row.group, share)]
    return Split(learning + personal[:cut], held + personal[cut:])


def _is_held(group: str, share: float) -> bool:
    """Decide by the group's name alone, so that the same groups are held out in every run, of whatever rows."""
    digest = hashlib.sha256(group.encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
