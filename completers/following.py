"""Sources: what came next before, after the line just run, after the last two, and after this failure.

In: the memory and the last event of the session. Out: shares for the lines that followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from completers.history import OK_EXITS
from completers.memory import NONE
from completers.source import Shares, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from completers.memory import Memory
    from completers.source import Moment

LOOK_BACK = 64  # earlier runs of the last line that are looked at
FADE = 0.9  # weight of each older run against the one after it
TRIES = 3  # commands after a failure among which its fix is looked for


def after_one(memory: Memory, moment: Moment) -> Shares:
    """Lines that followed the last line in its session; at the first prompt, the lines that sessions began with."""
    if moment.previous == NONE:
        return _faded(memory, memory.starts[: -LOOK_BACK - 1 : -1])
    return _faded(memory, [memory.after[event] for event in _earlier_runs(memory, moment)])


def after_two(memory: Memory, moment: Moment) -> Shares:
    """Lines that followed the last two lines, in that order."""
    last = _line_before(memory, moment.previous)
    if last == NONE:
        return {}
    runs = _earlier_runs(memory, moment)
    return _faded(memory, [memory.after[event] for event in runs if _line_before(memory, event) == last])


def after_failure(memory: Memory, moment: Moment) -> Shares:
    """If the last line failed: the first line that succeeded within three of its earlier failures."""
    if moment.previous == NONE or memory.exit[moment.previous] in OK_EXITS:
        return {}
    failures = [event for event in _earlier_runs(memory, moment) if memory.exit[event] not in OK_EXITS]
    return _faded(memory, [_fix(memory, event) for event in failures])


def _fix(memory: Memory, failure: int) -> int:
    """Find the event that put `failure` right, or NONE: it succeeded soon, and shares a word or came at once."""
    words = set(memory.texts[memory.line[failure]].split())
    event = failure
    for attempt in range(TRIES):
        event = memory.after[event]
        if event == NONE:
            return NONE
        alike = attempt == 0 or not words.isdisjoint(memory.texts[memory.line[event]].split())
        if memory.exit[event] == 0 and alike:
            return event
    return NONE


def _earlier_runs(memory: Memory, moment: Moment) -> list[int]:
    if moment.previous == NONE:
        return []
    return list(memory.by_line.back(moment.previous, LOOK_BACK))


def _line_before(memory: Memory, event: int) -> int:
    if event == NONE:
        return NONE
    before = memory.by_session.earlier[event]
    return NONE if before == NONE else memory.line[before]


def _faded(memory: Memory, events: Iterable[int]) -> Shares:
    """Count the lines of events, newest first, as shares.

    What is kept back for other lines grows with the number of distinct ones (Witten and Bell 1991).
    """
    weights: Shares = {}
    weight = 1.0
    for event in events:
        if event != NONE:
            number = memory.line[event]
            weights[number] = weights.get(number, 0.0) + weight
            weight *= FADE
    return normalised(weights, unseen=len(weights) + 2)
