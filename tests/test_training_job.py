"""One run at a time: it ends in time, and what was ended is resumed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from machine import BATTERY, MAINS, machine
from program import record
from training_process import begin, counting, finish, install, steps, until

from assistant_core.engine import progress
from assistant_core.engine.progress import Outcome, Progress
from assistant_core.errors import SettingsError, TrainingError
from assistant_core.records import Command
from assistant_core.settings import Paths, Settings, Training
from training import job

Environ = dict[str, str]


@pytest.fixture
def fake(environ: Environ, tmp_path: Path) -> Environ:
    """Variables in which `python -m training run` only counts."""
    return install(environ, tmp_path)


def test_a_run_from_begin_to_end(fake: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="ls", session="s")] * 7)
    with counting({**fake, "NICE": str(job.LOWEST)}, paths) as process:
        assert progress.running(paths) == process.pid
        until(lambda: (now := progress.read(paths, Progress)) and now.total == 1000)
        now = progress.read(paths, Progress)
        assert now
        assert (now.attempt, now.phase, now.loss, now.scheduled) == (1, "counts", 2.5, False)
        finish(paths)
        assert process.wait() == 0
    last = progress.read(paths, Outcome)
    assert last
    assert (last.run, last.state, last.newest, last.rows) == (now.run, "done", 7, steps(paths))
    assert (progress.running(paths), progress.read(paths, Progress)) == (None, None)
    folder = paths.training / "runs" / now.run
    assert (folder / "priority").read_text() == "19"
    assert (folder / "threads").read_text() == " ".join([str(max((os.cpu_count() or 1) - 1, 1))] * len(job.THREADS))
    assert {file.stat().st_mode & 0o077 for file in (*paths.training.iterdir(), folder)} == {0}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_is_resumed(fake: Environ, paths: Paths, number: signal.Signals) -> None:
    with counting(fake, paths) as process:
        process.send_signal(number)
        assert process.wait() == (-9 if number == signal.SIGKILL else job.INTERRUPTED)
    reached, first = steps(paths), progress.read(paths, Progress)
    assert first
    assert job.resumable(paths) == first
    assert progress.running(paths) is None
    with counting(fake, paths) as process:
        finish(paths)
        assert process.wait() == 0
    last = progress.read(paths, Outcome)
    assert last
    assert (last.run, last.state) == (first.run, "done")
    assert last.rows > reached


def test_a_run_that_never_ends_well_is_begun_anew(fake: Environ, paths: Paths) -> None:
    runs: list[tuple[str, int]] = []
    for _ in range(job.LOST + 1):
        with counting(fake, paths):
            now = progress.read(paths, Progress)
            runs += [(now.run, now.attempt)] if now else []
    (name, _), (last, _) = runs[0], runs[-1]
    assert runs == [(name, 1), (name, 2), (name, 3), (last, 1)]
    assert last != name


def test_a_run_that_is_stopped_each_time_goes_on(fake: Environ, paths: Paths) -> None:
    runs = set()
    for _ in range(job.LOST + 2):
        with counting(fake, paths) as process:
            now = progress.read(paths, Progress)
            runs |= {now.run} if now else set()
            process.terminate()
            assert process.wait() == job.INTERRUPTED
    assert len(runs) == 1


def test_a_scheduled_run_pauses_and_goes_on(fake: Environ, paths: Paths, tmp_path: Path) -> None:
    roots = machine(tmp_path, power=MAINS)
    environ = {**fake, "PROC": str(roots.proc), "POWER": str(roots.power)}
    with counting(environ, paths, "--scheduled") as process:
        machine(tmp_path, power=BATTERY)
        until(lambda: (now := progress.read(paths, Progress)) and now.paused == "on battery")
        reached = steps(paths)
        machine(tmp_path, power=MAINS)
        until(lambda: steps(paths) > reached)
        now = progress.read(paths, Progress)
        assert now
        assert (now.paused, now.scheduled) == ("", True)
        machine(tmp_path, power=BATTERY)
        until(lambda: (now := progress.read(paths, Progress)) and now.paused)
        process.terminate()
        said = process.communicate()[0].decode().splitlines()
        assert process.returncode == job.INTERRUPTED
    assert [line.partition("it waits: ")[2] for line in said[:4]] == ["", "", "on battery", ""]
    assert job.resumable(paths)


def test_one_run_at_a_time(fake: Environ, paths: Paths) -> None:
    with counting(fake, paths) as process, begin(fake) as second:
        out = second.communicate()[0].decode()
        assert second.returncode == 1
        assert f"a run is under way (pid {process.pid})" in out
        assert progress.running(paths) == process.pid


def test_the_gate_is_shut_before_the_time_is_up(fake: Environ, paths: Paths) -> None:
    with begin({**fake, "MINUTES": "1", "STEPPING": "0.01"}) as process:
        assert process.wait() == 0
    last = progress.read(paths, Outcome)
    assert last
    assert (last.state, last.rows) == ("done", steps(paths))


def test_a_run_that_passes_no_gate_is_killed_in_time(fake: Environ, paths: Paths) -> None:
    with begin({**fake, "MINUTES": "0.02", "STUCK": "1"}) as process:
        assert process.wait() == -signal.SIGALRM
    assert progress.running(paths) is None
    assert job.resumable(paths)


@pytest.mark.parametrize(
    ("how", "said"), [("boom", "ValueError: boom"), ("no rows to learn from", "no rows to learn from")]
)
def test_a_run_that_fails_says_so(fake: Environ, paths: Paths, how: str, said: str) -> None:
    with begin({**fake, "FAIL": how}) as process:
        assert said.encode() in process.communicate()[0]
    last = progress.read(paths, Outcome)
    assert last
    assert (process.returncode, last.state, last.error) == (1, "failed", said)
    assert job.resumable(paths) is None


def test_a_limit_that_is_none(paths: Paths) -> None:
    with pytest.raises(SettingsError, match=r"training\.max_minutes is 0"):
        job.work(paths, Settings(training=Training(max_minutes=0)), lambda _: None)


@pytest.mark.parametrize(
    ("threads", "before", "after"), [(3, "", "3"), (3, "2", "2"), (3, "8", "3"), (3, "0", "3"), (3, "many", "3")]
)
def test_threads(threads: int, before: str, after: str) -> None:
    assert job.thread_variables({job.THREADS[0]: before}, threads)[job.THREADS[0]] == after


def test_a_file_that_cannot_be_read_is_named(paths: Paths) -> None:
    progress.write(paths, Outcome(run="r", started_ns=1, ended_ns=2, state="done"))
    (paths.training / "last_run.json").write_text('{"run": 5}')
    with pytest.raises(TrainingError, match=r"last_run\.json: cannot be read"):
        progress.read(paths, Outcome)
