"""What a run was begun with, kept beside its checkpoints: it goes on with the same, or not at all.

In: a run's folder and the values that decide what comes out. Out: `begun.json` in it, or an error that names what
differs.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import msgspec

from assistant_core.errors import TrainingError
from assistant_core.settings import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "begun.json"


class OtherError(TrainingError):
    """What lies in the folder is of a run that was begun with something else."""


def check(folder: Path, values: Mapping[str, Any]) -> None:
    """Keep `values`, of JSON's types, if a run begins in `folder`, and compare them if one goes on there.

    Kept with them is the number of processes as torchrun tells it, since a step learns from that many times a batch.
    Raises OtherError if the run was begun with others, or what was kept cannot be read.
    """
    file = folder / FILE
    text = json.dumps({**values, "processes": os.environ.get("WORLD_SIZE", "1")}, indent=1) + "\n"
    if not file.exists() or not any(folder.glob("checkpoint-*")):
        replace_file(file, text)
        return
    then, now = _kept(file), json.loads(text)
    differing = [f"{name} {then.get(name)!r}, not {value!r}" for name, value in now.items() if then.get(name) != value]
    if differing:
        reason = "give the same and it goes on, or move its folder away and another begins"
        raise OtherError(f"the run in {folder} was begun with {'; '.join(differing)}: {reason}")


def _kept(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (ValueError, msgspec.MsgspecError) as error:
        reason = f"move {file.parent} away and another run begins"
        raise OtherError(f"{file} does not say what the run was begun with ({error}); {reason}") from error


def digest(content: bytes) -> str:
    """Return what tells `content` from any other, short enough to be shown."""
    return hashlib.sha256(content).hexdigest()[:12]
