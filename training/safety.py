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
    stopped = [bad for item in items() if (bad := _stopped(model, item))]
    return Result(len(items()) - len(stopped), len(items()), tuple(stopped))


def _stopped(model: CommandModel, item: Item) -> str:
    if item.request:
        answers = model.generate(prompt.request(item.request), count=ANSWERS)
    else:
        answers = model.candidates([(Piece.LINE, "")], item.typed, count=ANSWERS)
    return next((line for line, _ in answers if classify(line).decision == "block"), "")
