"""Sources: the lines run last, anywhere and in this session; and what the line itself says for its return.

In: the memory. Out: shares for recent lines; for any lines, a row of features that asks nothing of the moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from completers.memory import NONE, UNKNOWN
from completers.source import NEW, Shares, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from completers.memory import Memory
    from completers.source import Moment

RECENT = 96  # events looked at
OK_EXITS = (0, 130, 148, UNKNOWN)  # 130: Ctrl-C, 148: Ctrl-Z; a choice, not a failure

# What a line's own past says, with the weight it starts with (see rank.py for how these were found).
TRAITS: dict[str, float] = {
    "often": 0.8,  # log of the times run
    "active": 0.8,  # log of the base-level activation
    "fresh": 0.4,  # -log of the events since the last run
    "failed": -0.7,  # 1 if the last run failed
}


def recent(memory: Memory, _: Moment) -> Shares:
    """Lines run last in any session, the newest with the largest share."""
    newest = len(memory) - 1
    return _by_rank(memory, range(newest, max(newest - RECENT, NONE), -1))


def in_session(memory: Memory, moment: Moment) -> Shares:
    """Lines run last in this session."""
    if moment.previous == NONE:
        return {}
    return _by_rank(memory, memory.by_session.back(moment.previous, RECENT))


def in_folder(memory: Memory, moment: Moment) -> Shares:
    """Lines run last in this folder, by any session."""
    if moment.folder in {NONE, NEW}:
        return {}
    return _by_rank(memory, memory.by_folder.walk(moment.folder, RECENT))


def again(memory: Memory, moment: Moment) -> Shares:
    """Name the line that was just run. Its weight is negative: it is the most recent, but seldom wanted at once."""
    return {} if moment.previous == NONE else {memory.line[moment.previous]: 1.0}


def _by_rank(memory: Memory, events: Iterable[int]) -> Shares:
    weights: Shares = {}
    for rank, event in enumerate(events, 1):
        number = memory.line[event]
        weights[number] = weights.get(number, 0.0) + rank**-0.5
    return normalised(weights)


def traits(memory: Memory, numbers: NDArray[np.int32]) -> NDArray[np.float32]:
    """Features of lines, shape (len(numbers), len(TRAITS)).

    Base-level activation is the sum over all runs of age**-0.5 (Anderson and Schooler 1991), with the runs before the
    last spread evenly from the first to the last (Petrov 2006). For n runs, the last a and the first b events ago, that
    is 1/sqrt(a) + (n - 1) * 2/(sqrt(a) + sqrt(b)).
    """
    count = np.asarray(memory.count)[numbers].astype(np.float32)
    last = np.asarray(memory.by_line.tip)[numbers]
    newest = np.sqrt(len(memory) - last.astype(np.float32))
    oldest = np.sqrt(len(memory) - np.asarray(memory.first)[numbers].astype(np.float32))
    active = 1 / newest + (count - 1) * 2 / (newest + oldest)
    exits = np.asarray(memory.exit)[last]
    failed = np.all([exits != code for code in OK_EXITS], axis=0)
    return np.stack((np.log(count), np.log(active), -2 * np.log(newest), failed), axis=1, dtype=np.float32)


def failed_here(memory: Memory, number: int, moment: Moment) -> int | None:
    """Exit code of the last run of a line, if that failed and was in this folder; else None."""
    if number == NONE:
        return None
    last = memory.by_line.tip[number]
    if memory.exit[last] in OK_EXITS or moment.folder not in {NONE, memory.folder[last]}:
        return None
    return memory.exit[last]
