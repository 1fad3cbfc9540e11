"""What came out against what should have: one number per item, so that two predictors can be compared in pairs.

In: predictions and the truth. Out: scores of one item. Averages are left to whoever has all the items.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from assistant_core.engine.shape import agreement, shape

LISTED = 10  # lines among which MRR looks

_WORD = re.compile(r"\w+|[^\w\s]")


def fold(line: str) -> str:
    """Return `line` with every run of white space as one blank, none at the ends."""
    return " ".join(line.split())


# --- next line -----------------------------------------------------------------------------------------------


def hit(predictions: Sequence[str], truth: str, first: int) -> float:
    """Return 1 if `truth` is among the `first` predictions, else 0."""
    return float(truth in predictions[:first])


def reciprocal_rank(predictions: Sequence[str], truth: str) -> float:
    """Return 1 / rank of `truth` among the first LISTED predictions, 0 if it is not there."""
    listed = list(predictions[:LISTED])
    return 1 / (listed.index(truth) + 1) if truth in listed else 0.0


# --- keystrokes ----------------------------------------------------------------------------------------------

Ghosts = Sequence[str | None]
"""What is shown behind the first n characters of a line, for n from 0 to one less than its length."""


def ghosts(truth: str, ask: Callable[[str], str | None]) -> list[str | None]:
    """Return what `ask` shows at each character of `truth` as it is typed: a line that begins so and is longer."""
    shown = ((typed, ask(typed)) for typed in (truth[:length] for length in range(len(truth))))
    return [line if line and line != typed and line.startswith(typed) else None for typed, line in shown]


def keys_by_line(shown: Ghosts, truth: str) -> int:
    """Return the keys that `truth` takes of who types until the ghost is right, then accepts all of it with a key.

    The ghost before the first character does not count: it is the next command, foreseen.
    """
    right = (at + 1 for at in range(1, len(truth)) if shown[at] == truth)
    return min(next(right, len(truth)), len(truth))


def keys_by_word(shown: Ghosts, truth: str) -> int:
    """Return the keys that `truth` takes if the ghost's next word can be accepted alone, with one key as well.

    A word is taken with the blank behind it, and only where that saves anything.
    """
    at = keys = 0
    while at < len(truth):
        ghost = shown[at] if at else None
        keys += 1
        if ghost == truth:
            break
        end = _end_of_word(ghost, at) if ghost else at
        right = ghost is not None and end > at + 1 and truth.startswith(ghost[:end])
        at = end if right else at + 1
    return min(keys, len(truth))


def _end_of_word(line: str, at: int) -> int:
    start = at + len(line[at:]) - len(line[at:].lstrip(" "))
    blank = line.find(" ", start)
    return len(line) if blank < 0 else blank + 1


# --- request to line -----------------------------------------------------------------------------------------

FIRSTS = (1, 3, 5)


def answers(predictions: Sequence[str], truths: Sequence[str]) -> dict[str, float]:
    """Return the scores of the best among the first 1, 3 and 5 predictions against the best of `truths`.

    nlc2cmd@n: utilities and options, -1..1 (assistant_core.engine.shape); program@n: the first program is right;
    exact@n: the same line.
    """
    golds = [fold(truth) for truth in truths]
    scores: dict[str, float] = {}
    for first in FIRSTS:
        lines = [fold(line) for line in predictions[:first] if line.strip()]
        pairs = [(line, gold) for line in lines for gold in golds]
        scores |= {
            f"nlc2cmd@{first}": max((agreement(shape(line), shape(gold)) for line, gold in pairs), default=-1.0),
            f"program@{first}": float(any(line.split()[0] == gold.split()[0] for line, gold in pairs)),
            f"exact@{first}": float(any(line == gold for line, gold in pairs)),
        }
    return scores


# --- explanation ---------------------------------------------------------------------------------------------


def overlap(said: str, truth: str) -> float:
    """Return the F1 of the words of two texts, each counted as often as it stands there; as in SQuAD."""
    ours, theirs = (Counter(_WORD.findall(text.lower())) for text in (said, truth))
    common = (ours & theirs).total()
    return 2 * common / (ours.total() + theirs.total()) if common else 0.0
