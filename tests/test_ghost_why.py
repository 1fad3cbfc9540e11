from __future__ import annotations

from typing import Any

import pytest
from prompting import candidate

from assistant_core.shell import why

NOW_NS = 1_800_000_000 * 10**9
HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (-5, "just now"),  # another machine's clock
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (7200, "2 hours ago"),
        (86_400, "1 day ago"),
        (45 * 86_400, "1 month ago"),
        (800 * 86_400, "2 years ago"),
    ],
)
def test_ago(seconds: int, text: str) -> None:
    assert why.ago(seconds * 10**9) == text


@pytest.mark.parametrize(
    ("known", "described", "brief"),
    [
        (
            {"count": 3, "last_ns": NOW_NS - 3 * HOUR_NS, "last_exit": 1},
            "make: from history, 25% likely, run 3 times, last 3 hours ago, last exit code 1",
            "history 25%, exit 1",
        ),
        ({"count": 1}, "make: from history, 25% likely, run 1 time", "history 25%"),
        ({}, "make: from history, 25% likely, run 0 times", "history 25%"),
    ],
)
def test_a_candidate_in_words(known: dict[str, Any], described: str, brief: str) -> None:
    item = candidate("make", 0.25, **known)
    assert (why.describe(item, NOW_NS), why.brief(item)) == (described, brief)
