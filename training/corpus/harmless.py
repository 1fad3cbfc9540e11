"""Harmless lines of programs that can harm.

In: nothing but the package's own file. Out: rows. Lines that the guard stops are left out of every corpus; a model can
still make one up after the name of such a program, and these outweigh it. They were written with training.safety's set
at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from training.records import Row

WEIGHT = 20.0  # how often an epoch shows each; there are few, and each is to outweigh what is like it


def read() -> Iterator[Row]:
    """Yield a row for each line of harmless.txt."""
    for line in files("training").joinpath("harmless.txt").read_text(encoding="utf-8").splitlines():
        yield Row(task="line", texts=(line,), source="xontrib-assistant", licence="MIT", weight=WEIGHT)
