"""What the values of options may be: text in, a number out, or an error that names what was expected."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

SEEDS = 2**32 - 1  # the greatest that numpy takes
TOKENS = 2**16  # numbers that a token file has room for


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a type for whole numbers from `least` to `most`."""
    expected = f"a whole number from {least} {'on' if most is None else f'to {most}'}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not {expected}") from None
        if value < least or (most is not None and value > most):
            raise ArgumentTypeError(f"{text!r} is not {expected}")
        return value

    return read


def rate(text: str) -> float:
    """Return a learning rate: above 0, and 1 at most."""
    value = _real(text)
    if not 0 < value <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number above 0 and up to 1, such as 2e-3")
    return value


def share(text: str) -> float:
    """Return a share of which something is to be left: 0 or more, and below 1."""
    value = _real(text)
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return value


def names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return a type for some of the `known` names, with commas between them."""

    def read(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        for name in found:
            if name not in known:
                raise ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return found

    return read


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")  # is in no range
