"""A candidate in words: for the key that asks why, and for the menu.

In: a candidate and the time. Out: one line of text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loads msgspec, which the first prompt does not wait for
    from assistant_core.records import Candidate

_UNITS = ((365 * 86_400, "year"), (30 * 86_400, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def describe(candidate: Candidate, now_ns: int) -> str:
    """Return the line, its source, probability and count, and when and how it last ran."""
    facts = [
        f"from {candidate.source}",
        f"{candidate.probability:.0%} likely",
        f"run {candidate.count} {'time' if candidate.count == 1 else 'times'}",
    ]
    if candidate.last_ns is not None:
        facts.append(f"last {ago(now_ns - candidate.last_ns)}")
    if candidate.last_exit is not None:
        facts.append(f"last exit code {candidate.last_exit}")
    return f"{candidate.line}: {', '.join(facts)}"


def brief(candidate: Candidate) -> str:
    """Return source, probability and last exit code, for the narrow column of the menu."""
    ended = "" if candidate.last_exit is None else f", exit {candidate.last_exit}"
    return f"{candidate.source} {candidate.probability:.0%}{ended}"


def ago(elapsed_ns: int) -> str:
    """Return a time span in the largest unit that it fills, as "3 hours ago"."""
    seconds = elapsed_ns // 10**9
    for length, unit in _UNITS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
