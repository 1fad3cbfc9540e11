"""What a source of completions is: a function from the history and the moment to the lines it believes in.

In: the memory and where the user stands. Out: line numbers, each with the share of the source's belief, 0..1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from completers.memory import NONE, Memory

Shares = dict[int, float]
NEW = -2  # a folder in which nothing was run yet


class Moment(NamedTuple):
    """Where the user stands: the last event of their session or NONE; the number of their folder, NONE or NEW."""

    previous: int = NONE
    folder: int = NONE


class Source(NamedTuple):
    """One source: its name as shown to the user, its function, and the weight that it starts with."""

    name: str
    propose: Callable[[Memory, Moment], Shares]
    weight: float


def normalised(weights: Shares, unseen: float = 0.0) -> Shares:
    """Divide by the sum, of which `unseen` is kept back for lines that are not among them."""
    total = sum(weights.values()) + unseen
    return {number: weight / total for number, weight in weights.items()}
