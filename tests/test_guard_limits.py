"""LIMITS.md says the truth: each line in it gets the verdict that the page shows."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from assistant_core.guard import Context, classify

PAGE = files("assistant_core.guard").joinpath("LIMITS.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"`([^`]+)` → (allow|warn|block)\b", PAGE)
HERE = Context({"HOME": "/home/ada", "PATH": "/usr/bin"}, "/home/ada/work/app", "/home/ada")


@pytest.mark.parametrize(("line", "decision"), SHOWN)
def test_every_line_gets_the_verdict_that_the_page_shows(line: str, decision: str) -> None:
    assert classify(line, HERE).decision == decision


def test_no_line_is_without_a_verdict() -> None:
    listed = [line for line in PAGE.splitlines() if line.startswith("- `")]
    assert [line for line in listed if not re.search(r"` → (allow|warn|block)\b", line)] == []
    assert len(SHOWN) > len(listed)
