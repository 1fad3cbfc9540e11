"""Runs of training in processes of their own: such as cost nothing, and real ones that are killed.

`install` writes a `training` whose `__main__` counts steps until a file named "finish" lies among the runs, and whose
other modules are the real ones: with the real lock, gate, limit and reports. `quicken` writes a program that is the
real one, but learns faster than a real model can and measures by less.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from program import whole

from assistant_core.engine import progress
from assistant_core.settings import Paths, replace_file

ROOT = Path(__file__).parent.parent
WAIT_S = 30.0  # for another process; far more than it takes

MAIN = """\
import os, sys, time
from pathlib import Path
from assistant_core import settings
from assistant_core.errors import TrainingError
from assistant_core.settings import replace_file
from training import idle, job as settled
from training.job import Job, OutOfTimeError, THREADS, work

idle.LOOK_S = idle.PAUSE_S = 0.02
settled.LOWEST = int(os.environ.get("NICE", "0"))  # a busy machine would starve it
settled.STEPPING = float(os.environ.get("STEPPING", settled.STEPPING))

def pipeline(job: Job) -> None:
    if "LATE" in os.environ:
        raise OutOfTimeError("too late")
    if how := os.environ.get("FAIL"):
        raise TrainingError(how) if " " in how else ValueError(how)
    replace_file(job.folder / "priority", str(os.getpriority(os.PRIO_PROCESS, 0)))
    replace_file(job.folder / "threads", " ".join(os.environ[name] for name in THREADS))
    file = job.folder / "steps"
    done = int(file.read_text()) if job.resumed else 0
    while "STUCK" in os.environ or not (job.folder.parent / "finish").exists():
        if "STUCK" not in os.environ and not job.gate.wait():
            break
        done += 1
        replace_file(file, str(done))
        job.report("counts", done, 1000, loss=2.5, tokens_per_s=9000.0)
        time.sleep(0.002)
    job.rows = done

scheduled = {"run": False, "run --scheduled": True}[" ".join(sys.argv[1:])]
current = settings.load(os.environ, settings.paths(os.environ).settings)
if minutes := os.environ.get("MINUTES"):
    current = current._replace(training=current.training._replace(max_minutes=float(minutes)))
roots = idle.Roots(Path(os.environ.get("PROC", "")), Path(os.environ.get("POWER", "")))
watch = idle.Watch(current.training, lambda: None, roots=roots) if scheduled else None
try:
    sys.exit(work(settings.paths(os.environ), current, pipeline, watch))
except TrainingError as error:
    sys.exit(str(error))
"""


QUICK = """\
import sys
from training import __main__, job, measuring, personal, publicset, safety

learning, items = publicset.learning()[:200], safety.items()[::8]
publicset.FIXED, publicset.learning, safety.items = 10, lambda: learning, lambda: items
personal.LEARNING_RATE, personal.MEASURED, measuring.OBSERVED = 5e-3, 40, 40
job.LOWEST = 0  # a busy machine would starve it
sys.exit(__main__.main())
"""


def install(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which `python -m training run` only counts."""
    package = folder / "stand-in" / "training"
    replace_file(package / "__init__.py", f"__path__.append({str(ROOT / 'training')!r})\n")
    replace_file(package / "__main__.py", MAIN)
    return _with(environ, package.parent)


def quicken(environ: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which `python -m quick run` is a run that is over in seconds."""
    replace_file(folder / "stand-in" / "quick.py", QUICK)
    return _with(environ, folder / "stand-in")


def _with(environ: dict[str, str], folder: Path) -> dict[str, str]:
    return {**whole(environ), "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}


def begin(
    environ: Mapping[str, str], *options: str, program: str = "training", session: bool = False
) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-P", "-m", program, "run", *options)
    return subprocess.Popen(
        command, env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=session
    )


def killed(environ: Mapping[str, str], program: str, after_s: float, watch: Callable[[], object]) -> bool:
    """Begin a run and kill it and all that it started after a time, unless it has ended; say whether it lived.

    `watch` is called again and again until then.
    """
    with begin(environ, program=program, session=True) as process:
        deadline = time.monotonic() + after_s
        while process.poll() is None and time.monotonic() < deadline:
            watch()
            time.sleep(min(0.05, max(deadline - time.monotonic(), 0)))
        lived = process.poll() is None
        if lived:
            os.killpg(process.pid, signal.SIGKILL)
    return lived


@contextmanager
def counting(environ: Mapping[str, str], paths: Paths, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has counted some steps; killed at the end if it still lives."""
    with begin(environ, *options) as process:
        try:
            before = steps(paths)
            until(lambda: steps(paths) > before)
            yield process
        finally:
            process.kill()


def finish(paths: Paths) -> None:
    """Have the run that counts come to its end."""
    replace_file(paths.training / "runs" / "finish", "")


def steps(paths: Paths) -> int:
    """How far the run is that was counted last."""
    found = sorted((paths.training / "runs").glob("*/steps"))
    return int(found[-1].read_text()) if found else 0


def until(condition: Callable[[], object]) -> None:
    """Wait until another process has brought `condition` about."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def end(paths: Paths) -> None:
    """Kill the run that lives, if one does."""
    if pid := progress.running(paths):
        os.kill(pid, signal.SIGKILL)
