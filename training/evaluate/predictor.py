"""What is asked of whoever is scored. Each is free to leave out what it cannot do; a task names what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assistant_core.engine.prompt import Part

Ranked = list[tuple[str, float]]
"""Lines with their probability (0..1), most probable first."""


class Completing(Protocol):
    """Foresees lines."""

    def lines(self, before: Sequence[Part], typed: str, count: int) -> Ranked:
        """Return up to `count` whole lines that begin with `typed`, which may be empty, after the parts `before`.

        `before` is what prompt.session makes of the lines so far; it may be empty.
        """
        ...


class Answering(Protocol):
    """Turns requests into lines."""

    def answer(self, request: str, count: int) -> list[str]:
        """Return up to `count` different lines that do what `request` says, best first."""
        ...


class Explaining(Protocol):
    """Says lines in words."""

    def explain(self, line: str) -> str:
        """Return what `line` does, or "" for no answer."""
        ...


class Weighing(Protocol):
    """Knows how probable a text is."""

    def bits(self, before: Sequence[Part], text: str) -> float:
        """Return -log2 of the probability that `text` and its end follow `before`, which end with the piece asked."""
        ...
