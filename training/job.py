"""One run of training as a process: alone, lowered, limited, resumable, and telling how far it is.

In: the settings and a pipeline, which is given the Job. Out: `progress.json` and what stderr shows while it runs,
`last_run.json` after it, and an exit code. The pipeline asks `job.gate.wait()` between two steps and `job.report(…)`s
them.

Ctrl-C and SIGTERM end a run as stopped, and so does a pipeline that is out of time: the next one goes on in the same
folder. So it does after one that was killed, by the limit on its time or by anything else. The limit is the kernel's:
SIGALRM is left to its default action.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Final

import msgspec

from assistant_core.engine import progress
from assistant_core.engine.progress import Decision, Outcome, Progress, State
from assistant_core.errors import AssistantError, SettingsError, TrainingError
from assistant_core.settings import Paths, Settings, private_directory
from assistant_core.store import Store
from training.idle import Gate, Watch

STEPPING: Final = 0.8  # share of the time after which the gate is shut: the rest is for measuring and deploying
LOST: Final = 3  # attempts at one run that were killed or lost their machine, before it is begun anew
REPORT_S: Final = 1.0  # between two reports that are written
LINE_S: Final = 30.0  # between two lines of one phase where no terminal shows them
LOWEST: Final = 19  # nice
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
INTERRUPTED: Final = 130  # as a shell reports SIGINT


class OutOfTimeError(TrainingError):
    """The time is up before the work is done; the run is stopped, and the next one goes on from there."""


class _Line:
    """How far the run is, on stderr: one line that is written over on a terminal, elsewhere a line now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._last: tuple[str, bool] | None = None
        self._written = 0.0

    def show(self, now: Progress) -> None:
        """Tell; where every line stays, only what is new or was told a while ago."""
        text = f"run {now.run}: {progress.in_words(now)}{f', it waits: {now.paused}' if now.paused else ''}"
        what = now.phase, bool(now.paused)
        if self._terminal:
            self._write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
        elif what != self._last or time.monotonic() - self._written >= LINE_S:
            self._write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
            self._last, self._written = what, time.monotonic()

    def clear(self) -> None:
        """Make room for other text."""
        if self._terminal:
            self._write("\r\x1b[K")

    @staticmethod
    def _write(text: str) -> None:
        with suppress(OSError):  # nobody reads it any more, and the run goes on
            sys.stderr.write(text)
            sys.stderr.flush()


class Job:
    """What a pipeline is given; `folder` is the run's own, and holds what an earlier attempt left if `resumed`."""

    def __init__(self, places: Paths, began: Progress, deadline: float, watch: Watch | None) -> None:
        self.run = began.run
        self.resumed = began.attempt > 1
        self.folder = private_directory(places.training / "runs" / began.run)
        self.gate = Gate(deadline, watch, self._paused)
        self.rows = 0  # that are learned from, for `:train status`
        self._decisions: list[Decision] = []
        self._places = places
        self._progress = began
        self._written = 0.0
        self._line = _Line()
        self._write()

    def report(
        self,
        phase: str,
        done: int = 0,
        total: int = 0,
        *,
        loss: float | None = None,  # nats a token
        tokens_per_s: float | None = None,
    ) -> None:
        """Tell how many steps of how many are done; written once a second at most, and at every new phase."""
        new = phase != self._progress.phase
        self._progress = msgspec.structs.replace(
            self._progress, phase=phase, done=done, total=total, loss=loss, tokens_per_s=tokens_per_s
        )
        if new or time.monotonic() - self._written >= REPORT_S:
            self._write()

    def note(self, text: str) -> None:
        """Say something that is not an error, where errors are said."""
        self._line.clear()
        sys.stderr.write(f"{text}\n")

    def decided(self, decision: Decision) -> None:
        """Note what became of a version that this run made."""
        self._decisions.append(decision)

    def outcome(self, state: State, newest: int, error: str) -> Outcome:
        """Return how the run has ended."""
        return Outcome(
            run=self.run,
            started_ns=self._progress.started_ns,
            ended_ns=time.time_ns(),
            state=state,
            newest=newest,
            rows=self.rows,
            error=error,
            decisions=tuple(self._decisions),
        )

    def close(self) -> None:
        """Show no more how far the run is."""
        self._line.clear()

    def _paused(self, reason: str) -> None:
        self._progress = msgspec.structs.replace(self._progress, paused=reason)
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self._progress = msgspec.structs.replace(self._progress, updated_ns=time.time_ns())
        progress.write(self._places, self._progress)
        self._line.show(self._progress)


def work(places: Paths, settings: Settings, pipeline: Callable[[Job], object], watch: Watch | None = None) -> int:
    """Run `pipeline`; with a `watch` it is a scheduled run, which waits for those who are before it.

    Returns 0, 1 if it failed, 130 if it was stopped. Raises TrainingError if another run lives, SettingsError.
    """
    limit_s = settings.training.max_minutes * 60.0
    if limit_s <= 0:
        raise SettingsError(f"training.max_minutes is {settings.training.max_minutes}; expected 1 or more")
    lock = progress.claim(places)
    try:
        with _limited(limit_s):
            os.umask(0o077)  # whatever is written is this user's alone
            lower(os.environ, settings.training.threads)
            newest = newest_command(places)
            began = _begin(places, scheduled=watch is not None)
            job = Job(places, began, time.monotonic() + STEPPING * limit_s, watch)
            state, error = _attempt(pipeline, job)
            progress.write(places, job.outcome(state, newest, error))
            if state != "stopped":
                progress.finish(places)
    finally:
        os.close(lock)
    return {"done": 0, "failed": 1, "stopped": INTERRUPTED}[state]


def newest_command(places: Paths) -> int:
    """Return the number of the command remembered last; 0 if there is none."""
    if not places.history.exists():
        return 0
    with closing(Store(places.history)) as store:
        return max((stored.id for stored in store.newest(1)), default=0)


def lower(environ: os._Environ[str], threads: int) -> None:
    """Let everybody else go first: nice, ionice where it is there, and `threads` threads (0: all cores but one).

    To be called before torch is imported, which reads the variables only then.
    """
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST)
    if shutil.which("ionice"):
        subprocess.run(["ionice", "-c", "3", "-p", str(os.getpid())], check=False, capture_output=True)
    environ.update(thread_variables(environ, threads or max((os.cpu_count() or 1) - 1, 1)))


def thread_variables(environ: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the variables that limit numerical libraries to `threads`; a lower limit that is there already stays."""
    known = {name: environ.get(name, "") for name in THREADS}
    return {
        name: str(min(threads, int(value)) if value.isdecimal() and int(value) else threads)
        for name, value in known.items()
    }


def _begin(places: Paths, *, scheduled: bool) -> Progress:
    """Return the start of a new run, or of the next attempt at the one that did not come to its end."""
    now = time.time_ns()
    if unfinished := resumable(places):
        run, attempt, lost = unfinished.run, unfinished.attempt + 1, _lost(places, unfinished)
    else:
        run, attempt, lost = _new_name(places, now // 10**9), 1, 0
    return Progress(run=run, started_ns=now, updated_ns=now, scheduled=scheduled, attempt=attempt, lost=lost)


def _new_name(places: Paths, second: int) -> str:
    name = time.strftime("%Y%m%d-%H%M%S", time.localtime(second))
    return _new_name(places, second + 1) if (places.training / "runs" / name).exists() else name


def resumable(places: Paths) -> Progress | None:
    """Return the run that did not come to its end, if it is worth another attempt."""
    left = progress.read(places, Progress)
    known = left is not None and (places.training / "runs" / left.run).is_dir()
    return left if left and known and _lost(places, left) < LOST else None


def _lost(places: Paths, left: Progress) -> int:
    """Return how many attempts at a run were lost; one that somebody or the clock stopped has told its outcome."""
    last = progress.read(places, Outcome)
    stopped = last is not None and last.run == left.run and last.ended_ns >= left.updated_ns
    return left.lost + (not stopped)


def _attempt(pipeline: Callable[[Job], object], job: Job) -> tuple[State, str]:
    """Run `pipeline`; whatever an interrupt turns into on its way up, the run was stopped."""
    with _interruptible() as interrupted:
        try:
            with closing(job):
                pipeline(job)
        except KeyboardInterrupt:
            return "stopped", ""
        except OutOfTimeError as error:
            sys.stderr.write(f"{error}\n")
            return "stopped", str(error)
        except Exception as error:  # noqa: BLE001 - the run's last frame: how it ended is told in every case
            if interrupted:
                return "stopped", ""
            if isinstance(error, AssistantError):
                sys.stderr.write(f"{error}\n")
                return "failed", str(error)
            traceback.print_exc()
            return "failed", f"{type(error).__name__}: {error}"
    return "done", ""


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Have SIGINT and SIGTERM raise KeyboardInterrupt, and note their numbers."""
    numbers: list[int] = []

    def interrupt(number: int, _: object) -> None:
        numbers.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield numbers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
