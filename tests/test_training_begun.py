"""A run goes on with what it was begun with, or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant_core.errors import TrainingError
from training import begun

BEGUN = {"start": "tiny", "rate": 0.002, "targets": ("q", "v")}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"start": "base"}, "start 'tiny', not 'base'"),
        ({"rate": 1e-5, "targets": ("q",)}, "rate 0.002, not 1e-05; targets ['q', 'v'], not ['q']"),
        ({"new": 1}, "new None, not 1"),
    ],
)
@pytest.mark.parametrize("gone_on", [True, False])
def test_a_run_that_goes_on_goes_on_with_the_same(
    tmp_path: Path,
    changes: dict[str, object],
    said: str,
    gone_on: bool,  # noqa: FBT001 - a cell of the table
) -> None:
    begun.check(tmp_path / "run", BEGUN)
    if gone_on:
        (tmp_path / "run" / "checkpoint-4").mkdir()
    if gone_on and said:
        with pytest.raises(TrainingError, match=re.escape(f"{tmp_path}/run was begun with {said}: give the same")):
            begun.check(tmp_path / "run", BEGUN | changes)
    else:
        begun.check(tmp_path / "run", BEGUN | changes)  # what never came to a checkpoint, begins
        (tmp_path / "run" / "checkpoint-4").mkdir(exist_ok=True)
        begun.check(tmp_path / "run", BEGUN | changes)


def test_a_digest_tells_contents_apart() -> None:
    assert begun.digest(b"a") == begun.digest(b"a") != begun.digest(b"b")
