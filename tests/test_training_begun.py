"""A run goes on with what it was begun with, or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
        with pytest.raises(begun.OtherError, match=re.escape(f"{tmp_path}/run was begun with {said}: give the same")):
            begun.check(tmp_path / "run", BEGUN | changes)
    else:
        begun.check(tmp_path / "run", BEGUN | changes)  # what never came to a checkpoint, begins
        (tmp_path / "run" / "checkpoint-4").mkdir(exist_ok=True)
        begun.check(tmp_path / "run", BEGUN | changes)


@pytest.mark.parametrize(("before", "after"), [("2", None), (None, "2"), ("4", "2")])
def test_a_run_goes_on_with_as_many_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None
) -> None:
    def check(processes: str | None) -> None:
        with monkeypatch.context() as patch:
            patch.delenv("WORLD_SIZE", raising=False)
            if processes is not None:
                patch.setenv("WORLD_SIZE", processes)
            begun.check(tmp_path, BEGUN)

    check(before)
    (tmp_path / "checkpoint-4").mkdir()
    with pytest.raises(
        begun.OtherError, match=f"begun with processes '{before or 1}', not '{after or 1}': give the same"
    ):
        check(after)
    check(before)


@pytest.mark.parametrize("content", [b"", b'{"start": "ti', b"[]", b"\xff", b'{"start": "\xff"}'])
def test_what_is_damaged_is_named(tmp_path: Path, content: bytes) -> None:
    begun.check(tmp_path, BEGUN)
    (tmp_path / "checkpoint-4").mkdir()
    (tmp_path / begun.FILE).write_bytes(content)
    with pytest.raises(
        begun.OtherError, match=r"begun\.json does not say .*\(.+\); move .* away and another run begins"
    ):
        begun.check(tmp_path, BEGUN)


def test_a_digest_tells_contents_apart() -> None:
    assert begun.digest(b"a") == begun.digest(b"a") != begun.digest(b"b")
