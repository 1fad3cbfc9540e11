"""A home whose own model is trained, one run after the other: a history of six days, a tiny base, a quick learner.

`small` and `built` are fixtures: a file of tests takes them over by name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from typing import Any

import personas
import pytest
import training_steps

from assistant_core import settings
from assistant_core.engine import registry
from assistant_core.engine.command import CommandModel
from assistant_core.engine.llm import FILE
from assistant_core.engine.progress import Progress
from assistant_core.engine.prompt import Piece
from assistant_core.settings import Paths, Settings
from training import measuring, personal, publicset, safety, workplace
from training import seal as sealing
from training.idle import Gate
from training.job import Job
from training.workplace import User

COMMANDS = tuple(islice(personas.history(personas.PERSONAS[0], 3000), 300))
PLAIN = Settings()


def environment(home: Path) -> dict[str, str]:
    folders = {"DATA": "share", "CONFIG": "config", "STATE": "state", "CACHE": "cache"}
    homes = {f"XDG_{name}_HOME": str(home / folder) for name, folder in folders.items()}
    return {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), **homes}


class Place:
    """A home, and one run after the other in it."""

    trains: Callable[[Job, User, Path], None] = staticmethod(personal.run)

    def __init__(self, home: Path, current: Settings = PLAIN) -> None:
        self.environ = environment(home)
        self.paths: Paths = settings.paths(self.environ)
        self.settings = current

    def run(self, name: str = "r1", *, steps: int = 10**6, attempt: int = 1) -> Job:
        """Train; the time is up after `steps`."""
        now = time.time_ns()
        run = Job(self.paths, Progress(run=name, started_ns=now, updated_ns=now, attempt=attempt), 0, None)
        ticks = count()
        run.gate = Gate(steps - 0.5, clock=lambda: float(next(ticks)))
        user = User(self.paths, self.settings, self.environ)
        with workplace.opened(run, user) as clear:
            self.trains(run, user, clear)
        return run

    def folder(self, name: str = "r1") -> Path:
        return self.paths.training / "runs" / name

    def result(self, name: str = "r1") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(name) / "result.json").read_bytes())
        return {key: value for key, value in found.items() if key != "created"}

    def model(self) -> registry.Model:
        return registry.active("command", self.paths)

    def completed(self, typed: str) -> list[str]:
        """What the model in use makes of it."""
        with registry.open_file(self.model(), FILE, self.paths) as file, closing(CommandModel(file)) as opened:
            return [line for line, _ in opened.candidates([(Piece.LINE, "")], typed, count=4)]


def install(place: Place, built: Path, version: str = "base", **scores: float) -> None:
    """Put the tiny base to use, sealed if the place wants that."""
    key = sealing.key_of(place.paths) if place.settings.training.encrypt else None
    training_steps.use(place.paths, built, version, key=key, **scores)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Learn faster than a real model can, and measure by less."""
    learning, fixed, items = publicset.learning()[:200], publicset.fixed()[:10], safety.items()[::8]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(personal, "LEARNING_RATE", 5e-3)
        patch.setattr(personal, "MEASURED", 40)
        patch.setattr(measuring, "OBSERVED", 40)
        patch.setattr(publicset, "fixed", lambda: fixed)
        patch.setattr(publicset, "learning", lambda: learning)
        patch.setattr(safety, "items", lambda: items)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_steps.base(tmp_path_factory.mktemp("base"))
