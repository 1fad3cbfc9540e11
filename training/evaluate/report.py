"""One JSON a run: what was scored on what, by which code, and what came out.

In: measures of each predictor by task. Out: a file from which the same figures can be had again.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from training.evaluate.bootstrap import Difference
from training.evaluate.tasks import Measures, better


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read."""

    sha256: str
    bytes: int


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A measure's mean over `items`, and how far the predictor in question is above the others (above 0: better)."""

    mean: float
    items: int
    above: dict[str, Difference] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `scores`: task -> measure -> predictor."""

    created: str  # ISO 8601, UTC
    commit: str | None  # "…+" where files differed from it; None outside of a repository
    seed: int
    most: int | None  # rows asked of each task, at most; None: all
    data: dict[str, File]
    model: dict[str, Any]  # the card of the model in question
    scores: dict[str, dict[str, dict[str, Score]]]


Results = Mapping[str, Mapping[str, Measures]]
"""Task -> predictor -> measures."""


def report(
    results: Results,
    *,
    files: Mapping[str, Path],
    model: Mapping[str, Any],
    seed: int = 0,
    most: int | None = None,
) -> Report:
    """Summarise a run; in each task every predictor is compared with the others by the paired bootstrap."""
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(Path(__file__).parent),
        seed=seed,
        most=most,
        data={name: _file(path) for name, path in files.items()},
        model=dict(model),
        scores={task: _task(predictors, seed) for task, predictors in results.items()},
    )


def encoded(result: Report) -> bytes:
    """Return `result` as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"


def write(result: Report, file: Path) -> None:
    """Write `result` as indented JSON."""
    file.write_bytes(encoded(result))


def commit(folder: Path) -> str | None:
    """Return the git commit that `folder` is at, with "+" if files differ from it; None if there is none."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()


def _file(path: Path) -> File:
    with path.open("rb") as stream:
        return File(sha256=hashlib.file_digest(stream, "sha256").hexdigest(), bytes=path.stat().st_size)


def _task(predictors: Mapping[str, Measures], seed: int) -> dict[str, dict[str, Score]]:
    names = dict.fromkeys(name for measures in predictors.values() for name in measures)
    return {
        name: _measure({who: each[name] for who, each in predictors.items() if name in each}, seed) for name in names
    }


def _measure(measures: Measures, seed: int) -> dict[str, Score]:
    return {
        who: Score(
            mean=ours.mean,
            items=len(ours.values),
            above={
                other: better(ours, theirs, seed) for other, theirs in measures.items() if other != who and ours.values
            },
        )
        for who, ours in measures.items()
    }
