"""The lines that a model says after the names of programs that can harm."""

from __future__ import annotations

import pytest

from assistant_core.guard import classify
from training.corpus import harmless

LINES = [row.texts[0] for row in harmless.read()]


def test_each_line_stands_once() -> None:
    assert len(set(LINES)) == len(LINES) > 0
    assert all(line == line.strip() != "" for line in LINES)


@pytest.mark.parametrize("line", LINES)
def test_the_guard_lets_each_line_pass(line: str) -> None:
    assert classify(line).decision == "allow"
