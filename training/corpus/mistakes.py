"""Lines that failed and were typed again, better: which ones of a run, and by which later ones.

A line that failed with an error of its own (a test that fails, a search that finds nothing) was no mistake. So a
mistake is a line that never worked at any time, and only a line that differs by a slip, an added or a dropped word and
that worked is what was meant.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assistant_core.records import Command

AHEAD = 3  # lines after a mistake in which its correction is looked for
SOON_NS = 5 * 60 * 10**9
STOPPED = frozenset({130, 137, 141, 143, 146, 148})  # 128 + SIGINT, KILL, PIPE, TERM, and stopped by Ctrl-Z
CLOSE, CLOSE_SHORT, SHORT = 0.75, 0.6, 4  # least ratio (SequenceMatcher) of a slip; in words of up to SHORT letters
MOST_PLACES, MOST_WORDS, MOST_LETTERS = 2, 3, 400
_NO_DIGITS = str.maketrans("", "", "0123456789")


def mistakes(run: Sequence[Command], worked: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Yield the positions of a mistake and of its correction in `run`; `worked` are lines that ever did."""
    for at, wrong in enumerate(run):
        if not wrong.exit_code or wrong.exit_code in STOPPED or wrong.line in worked:
            continue
        for later in range(at + 1, min(at + 1 + AHEAD, len(run))):
            if run[later].exit_code == 0 and _soon(wrong, run[later]) and is_corrected(wrong.line, run[later].line):
                yield at, later
                break


def is_corrected(wrong: str, right: str) -> bool:
    """Whether `right` is `wrong` but for slips of the finger, or up to MOST_WORDS words added or dropped at a place."""
    before, after = wrong.split(), right.split()
    if before == after or not before or not after or max(len(wrong), len(right)) > MOST_LETTERS:
        return False
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    return len(changes) <= MOST_PLACES and all(
        _are_slips(before[low:high], after[start:end])
        if kind == "replace"
        else high - low + end - start <= MOST_WORDS and len(after) > 1
        for kind, low, high, start, end in changes
    )


def _are_slips(wrong: list[str], right: list[str]) -> bool:
    """Whether words are others by slips alone: each for itself, or all of them where a blank was forgotten."""
    if len(wrong) == len(right):
        return all(map(_is_slip, wrong, right))
    return "".join(wrong) == "".join(right)


def _is_slip(wrong: str, right: str) -> bool:
    """Whether a word is another one mistyped. `part1` for `part2` is no slip: it names another thing."""
    if wrong.translate(_NO_DIGITS) == right.translate(_NO_DIGITS):
        return wrong == right
    same_letters = sorted(wrong) == sorted(right)  # sl, ls
    close = CLOSE_SHORT if max(len(wrong), len(right)) <= SHORT else CLOSE
    return same_letters or SequenceMatcher(None, wrong, right, autojunk=False).ratio() >= close


def _soon(before: Command, after: Command) -> bool:
    if before.started_ns is None or after.started_ns is None:
        return True
    return abs(after.started_ns - before.started_ns) <= SOON_NS + (before.duration_ns or 0)
