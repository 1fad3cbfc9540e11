"""The user's word on verdicts of the guard → lines that are theirs.

In: the file of corrections, or `assistant guard corrections --json` line by line. Out: a row for each line that the
user allows. What they called dangerous is no line to suggest: it is counted as left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant_core.normalise import normalise
from assistant_core.redact import redact
from training.corpus.jsonlines import objects
from training.corpus.source import PRIVATE
from training.records import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.corpus.source import Machine, Skips

NAME = "guard"


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield the lines that the user allows; the last word on a line counts."""
    if not place.exists():
        skips.add(NAME, "no corrections there yet", place)
        return
    last = {str(each.get("line", "")).strip(): (number, each) for number, each in objects(place, NAME, skips)}
    for line, (number, correction) in last.items():
        at_s = correction.get("at")
        if not line or not isinstance(at_s, int):
            skips.add(NAME, "no correction: a line and the time are wanted", f"{place}:{number}")
        elif correction.get("decision") != "allow":
            skips.add(NAME, "called dangerous", f"{place}:{number}")
        else:
            text = normalise(redact(line).text, machine.home, machine.user, machine.host)
            yield Row(task="line", texts=(text,), source=NAME, licence=PRIVATE, at_ns=at_s * 10**9)
