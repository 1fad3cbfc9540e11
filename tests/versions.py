"""Versions of a command model that hold a few words, put to use as training does it."""

from __future__ import annotations

import os
from pathlib import Path

from assistant_core.engine.progress import Decision
from assistant_core.engine.registry import Card, Kind
from assistant_core.settings import Paths
from training import deploy


def card(version: str, created: str = "2026-01-01T02:00:00Z", kind: Kind = "command", base: str | None = None) -> Card:
    return Card(
        kind=kind,
        version=version,
        created=created,
        files={},
        data=(),
        scores={},
        command="python -m training",
        base=base,
        trained_on="CPU",
    )


def model(paths: Paths, text: str = "weights") -> Path:
    """What a run leaves to be deployed, with the wrong modes."""
    folder = paths.training / "runs" / "run" / "model"
    folder.mkdir(parents=True)
    for name in ("command.gguf", "tokenizer.model"):
        (folder / name).write_text(f"{text} {name}")
        (folder / name).chmod(0o644)
    return folder


def promote(
    paths: Paths,
    version: str,
    created: str = "2026-01-01T02:00:00Z",
    kind: Kind = "command",
    base: str | None = None,
) -> Decision:
    decision = Decision(at_ns=0, kind=kind, version=version, action="promote")
    return deploy.promote(paths, model(paths, version), card(version, created, kind, base), decision, os.environ)
