"""What is left when training is killed at random moments. Prints JSON; ends with 1 if anything is not as it should be.

    python tests/bench/faults_training.py [--kills 50] [--commands 3000] [--seed 0] [--quick]

A generated history and a `tiny` model in use; `python -m training run` first undisturbed, from shards to deployment,
then killed with SIGKILL, its whole group, after a random part of that time, again and again. All along the model in
use must be one of the user's own, verified; after each kill it is loaded and asked as well. At the end a run
must come to its end, and leave nothing but results. `--quick` measures by less and is not niced, for busy machines.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import count as numbers
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import personas  # noqa: E402 - beside this folder, which is no package
import training_process  # noqa: E402 - as above
import training_steps  # noqa: E402 - as above
from program import record  # noqa: E402 - as above

from assistant_core import settings  # noqa: E402 - as above
from assistant_core.engine import progress, registry  # noqa: E402 - as above
from assistant_core.engine.command import CommandModel  # noqa: E402 - as above
from assistant_core.engine.llm import FILE  # noqa: E402 - as above
from assistant_core.engine.progress import Outcome, Progress  # noqa: E402 - as above
from assistant_core.engine.prompt import Piece  # noqa: E402 - as above
from assistant_core.settings import Paths  # noqa: E402 - as above

PIECES = 8192
THREADS = 1  # that a run may use: on a busy machine more of them wait for one another


def home(folder: Path, commands: int) -> tuple[dict[str, str], Paths]:
    """Variables of a user with a history and a tiny model in use, and where their things are."""
    below = {"DATA": "share", "CONFIG": "config", "STATE": "state", "CACHE": "cache", "RUNTIME": "run"}
    variables = {f"XDG_{name}_HOME": str(folder / place) for name, place in below.items() if name != "RUNTIME"}
    environ = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / below["RUNTIME"]), **variables}
    paths = settings.paths(environ)
    record(paths.history, personas.history(personas.PERSONAS[0], commands))
    (folder / "base").mkdir()
    training_steps.use(paths, training_steps.base(folder / "base", pieces=PIECES))
    return environ, paths


def undisturbed(environ: dict[str, str], paths: Paths, program: str) -> dict[str, object]:
    """One run to its end."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with training_process.begin(environ, program=program) as process:
        said = process.communicate()[0].decode(errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    last = progress.read(paths, Outcome)
    if process.returncode or last is None:
        sys.exit(f"a run ended with {process.returncode}: {said[-2000:]}")
    return {
        "seconds": round(time.monotonic() - started, 1),
        "seconds_of_a_core": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "rows": last.rows,
        "decisions": [(decision.action, *decision.reasons) for decision in last.decisions],
    }


def in_use(paths: Paths) -> str:
    """The version in use, verified; the shipped model is none of the user's own."""
    model = registry.active("command", paths)
    if model.files[FILE].is_relative_to(registry.SHIPPED):
        sys.exit(f"the shipped model is in use; expected one in {paths.models}")
    return model.version


def asked(paths: Paths) -> int:
    """Load the model in use; return how many answers it has."""
    model = registry.active("command", paths)
    with registry.open_file(model, FILE, paths) as file, closing(CommandModel(file)) as opened:
        return len(opened.candidates([(Piece.LINE, "")], "git ", count=3))


def left(paths: Paths) -> list[str]:
    """What is among the runs and models and should not be, once a run has ended."""
    runs = [file for file in (paths.training / "runs").rglob("*") if file.is_file() and file.name != "result.json"]
    parts = list(paths.training.glob("*/.*"))
    cut = [folder for folder in (paths.models / "command").glob("*/") if not (folder / registry.CARD).exists()]
    return [str(path.relative_to(paths.data)) for path in (*runs, *parts, *cut)]


def kills(
    environ: dict[str, str], paths: Paths, program: str, moments: Iterator[float], count: int
) -> dict[str, object]:
    """Kill runs at `moments`, seconds after their beginning, until `count` were alive then."""
    phases, ended, versions = Counter[str](), Counter[str](), Counter[str]()
    resumed, looks = 0, [0]

    def look() -> None:
        looks[0] += 1
        in_use(paths)

    while phases.total() < count:
        if training_process.killed(environ, program, next(moments), look):
            at = progress.read(paths, Progress)
            phases[at.phase if at else "before it began"] += 1
            resumed += at is not None and at.attempt > 1
        else:
            last = progress.read(paths, Outcome)
            ended[last.state if last else "none"] += 1
        if not asked(paths):
            sys.exit(f"{in_use(paths)} answers nothing")
        versions[in_use(paths)] += 1
    return {
        "kills": count,
        "in_phase": dict(phases),
        "of_resumed_runs": resumed,
        "ended_before": dict(ended),
        "looks_at_the_model_in_use": looks[0],
        "versions_in_use": len(versions),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--commands", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        variables, paths = home(Path(name), args.commands)
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))
        environ = {**training_process.quicken(variables, Path(name)), **limits}
        program = "quick" if args.quick else "training"
        first = undisturbed(environ, paths, program)
        print(json.dumps({"undisturbed": first}, indent=1), flush=True)
        chance, longest = random.Random(args.seed), float(str(first["seconds"]))
        moments = (chance.uniform(0, longest) for _ in numbers())
        during = kills(environ, paths, program, moments, args.kills)
        last = undisturbed(environ, paths, program)
        result = {"commands": args.commands, "killed": during, "afterwards": last, "left": left(paths)}
    print(json.dumps(result, indent=1))
    return int(bool(result["left"] or dict(during["ended_before"]).get("failed")))  # type: ignore[call-overload]  # JSON


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
