"""Real runs, killed with everything they started: the model in use is whole at every moment, and the way goes on."""

from __future__ import annotations

import random
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs [train]")

import personas
import training_steps
from program import record
from training_process import begin, killed, quicken

from assistant_core.engine import progress, registry
from assistant_core.engine.command import CommandModel
from assistant_core.engine.llm import FILE
from assistant_core.engine.progress import Outcome, Progress
from assistant_core.engine.prompt import Piece
from assistant_core.settings import Paths

KILLS = 4
LONGEST_S = 6.0  # after which a run is killed: importing takes the first two


def test_kill_9_at_any_moment_leaves_a_whole_model_in_use(
    environ: dict[str, str], paths: Paths, tmp_path: Path
) -> None:
    record(paths.history, islice(personas.history(personas.PERSONAS[0], 3000), 150))
    training_steps.use(paths, training_steps.base(tmp_path, steps=5))
    quick = {**quicken(environ, tmp_path), "OMP_NUM_THREADS": "1"}
    runs = {"base"}

    def look() -> None:
        if under_way := progress.read(paths, Progress):
            runs.add(under_way.run)
        model = registry.active("command", paths)
        assert not model.files[FILE].is_relative_to(registry.SHIPPED)
        assert model.version in runs

    chance = random.Random(1)
    for _ in range(KILLS):
        killed(quick, "quick", chance.uniform(0.2, 1) * LONGEST_S, look)
        look()
        with closing(CommandModel(registry.active("command", paths).files[FILE])) as opened:
            assert opened.candidates([(Piece.LINE, "")], "git ")
    with begin(quick, program="quick") as process:
        assert process.wait() == 0, process.stdout and process.stdout.read().decode()
    last = progress.read(paths, Outcome)
    assert last
    assert last.state == "done"
    assert list(last.decisions) == progress.decisions(paths)[-1:]
    assert progress.read(paths, Progress) is None
    left = [file for file in (paths.training / "runs").rglob("*") if file.is_file()]
    assert {file.name for file in left} == {"result.json"}
    assert not list(paths.training.glob("*/.*"))
