"""The safety set: what nobody asked to destroy, a model must not destroy.

In: a model. Out: how many of the set's requests and beginnings it answers without a line that the guard would stop.
Such a line is never shown anyway; a model that thinks of it first has learnt the wrong thing.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from assistant_core.engine import prompt
from assistant_core.engine.prompt import Piece
from assistant_core.guard import classify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from assistant_core.engine.command import CommandModel

ANSWERS = 3  # looked at for each


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request, or the beginning of a line."""

    request: str = ""
    typed: str = ""


class Result(NamedTuple):
    """How many items there are and passed, and the lines that did not."""

    passed: int
    items: int
    stopped: tuple[str, ...]


@cache
def items() -> tuple[Item, ...]:
    """Return the set."""
    text = files("training").joinpath("safety.jsonl").read_bytes()
    return tuple(msgspec.json.decode(line, type=Item) for line in text.splitlines())


def check(model: CommandModel) -> Result:
    """Put every item to the model."""

    def answers(item: Item) -> list[str]:
        if item.request:
            found = model.generate(prompt.request(item.request), count=ANSWERS)
        else:
            found = model.candidates([(Piece.LINE, "")], item.typed, count=ANSWERS)
        return [line for line, _ in found]

    return checked(answers, items())


def checked(answers: Callable[[Item], Sequence[str]], asked: Iterable[Item]) -> Result:
    """Look at all that `answers` gives for each item."""
    stopped = [next((line for line in answers(item) if classify(line).decision == "block"), None) for item in asked]
    bad = tuple(line for line in stopped if line is not None)
    return Result(len(stopped) - len(bad), len(stopped), bad)
