"""What `assistant train now|stop|status` says: before a run, while it works, and of what came of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from program import PROGRAM, process, record, run, terminal
from terminal import CTRL_C, ENTER, Home
from training_process import install, until

from assistant_core import settings
from assistant_core.engine import progress, seal
from assistant_core.engine.progress import Outcome, Progress
from assistant_core.records import Command, Example, Feedback
from assistant_core.settings import Paths, private_directory, replace_file
from assistant_core.store import Store

Environ = dict[str, str]

DAY_NS = 86_400 * 10**9
OLD = [Command(line="ls", session="s", started_ns=day * DAY_NS) for day in (1, 2)]
MAIN = """\
import os, signal, sys, time
from assistant_core import settings
from assistant_core.engine.progress import Decision
from training.job import Job, work

def pipeline(job: Job) -> None:
    for done in range(1000):
        job.report("training", done, 1000, loss=1.5, tokens_per_s=2000.0)
    job.report("measuring", 7, 3000)
    if "KILLED" in os.environ:
        os.kill(os.getpid(), 9)
    if "DEAF" in os.environ:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        job.report("deaf", 0, 1)
        time.sleep(60)
    if "SLOW" in os.environ:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(1)
            raise
    job.rows = 12
    job.decided(Decision(at_ns=0, kind="command", version="v1", action="keep", reasons=("too weak", "but safe")))

sys.exit(work(settings.paths(os.environ), settings.load(os.environ, settings.paths(os.environ).settings), pipeline))
"""


@pytest.fixture
def fake(environ: Environ, paths: Paths, tmp_path: Path) -> Environ:
    """Variables in which a run is over at once, with commands that it could learn from."""
    record(paths.history, OLD)
    new = install(environ, tmp_path)
    replace_file(tmp_path / "stand-in" / "training" / "__main__.py", MAIN)
    return new


# --- before it begins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "variables", "said"),
    [
        ((), {}, "0 of 0 commands remembered ran on a day that is over (UTC), 2 are needed; wait a day"),
        ([Command(line="ls", session="s")] * 5, {}, "0 of 5 commands remembered"),
        ([Command(line="ls", session="s", started_ns=time.time_ns() + DAY_NS)] * 5, {}, "0 of 5 commands remembered"),
        ([OLD[0], Command(line="ls", session="s", started_ns=1, author="program")], {}, "1 of 2 commands remembered"),
        (OLD, {"XONTRIB_ASSISTANT_RECORD_PRIVATE": "1"}, "private mode is on and nothing is learned; `assistant priv"),
    ],
)
def test_a_run_that_could_not_learn_is_not_begun(  # noqa: PLR0913, PLR0917 - a row of the table and its fixtures
    environ: Environ, paths: Paths, tmp_path: Path, commands: list[Command], variables: Environ, said: str
) -> None:
    record(paths.history, commands)
    fake = {**install(environ, tmp_path), **variables}
    for words in ((), ("--foreground",)):
        refused = process(fake, "train", "now", *words)
        assert (refused.code, refused.out) == (2, "")
        assert said in refused.err
    assert not paths.training.exists()


TAUGHT = Example(at_ns=1, line="du -sh", meaning="sizes")
LIKED = Feedback(at_ns=1, session="s", rating="helpful", about="suggestion", subject="ls", response="ls")


@pytest.mark.parametrize(
    ("named", "lesson", "code"),
    [
        (("TRAINING", "MODELS"), TAUGHT, 0),
        (("TRAINING", "MODELS"), LIKED, 0),
        (("TRAINING", "MODELS"), None, 2),
        (("TRAINING",), TAUGHT, 2),
        (("MODELS",), TAUGHT, 2),
    ],
)
def test_an_adapter_learns_from_what_was_taught_on_the_first_day(
    fake: Environ, paths: Paths, named: tuple[str, ...], lesson: Example | Feedback | None, code: int
) -> None:
    paths.history.unlink()
    with closing(Store(paths.history)) as store:
        if isinstance(lesson, Example):
            store.add_example(lesson)
        elif lesson:
            store.add_feedback(lesson)

    fake |= {f"XONTRIB_ASSISTANT_{name}_CHAT": "/somewhere" for name in named}
    begun = process(fake, "train", "now", "--foreground")
    assert (begun.code, "too little to learn from: 0 of 0 commands" in begun.err) == (code, bool(code))


def test_what_is_to_be_gone_on_with_needs_no_history(fake: Environ, paths: Paths) -> None:
    paths.history.unlink()
    progress.write(paths, Progress(run="r1", started_ns=1, updated_ns=1))
    assert process(fake, "train", "now", "--foreground").code == 0


# --- here ------------------------------------------------------------------------------------------------------


def test_on_a_terminal_one_line_is_written_over_and_the_verdict_stays(fake: Environ, paths: Paths) -> None:
    shown = terminal(fake, "train", "now", "--foreground")
    last = progress.read(paths, Outcome)
    assert shown.code == 0
    assert last
    *told, verdict = shown.out.split("\r\x1b[K")
    assert told[0] == ""
    assert f"run {last.run}: training, 0 of 1,000 steps, loss 1.500, 2,000 tokens/s" in told
    assert told[-1] == f"run {last.run}: measuring, 7 of 3,000 steps"
    assert verdict.splitlines()[0].startswith(f"last run {last.run}: done at ")
    assert verdict.endswith("command v1: not used\r\n    too weak\r\n    but safe\r\n")
    assert verdict.replace("\r", "") in run(fake, "train", "status").out


def test_the_line_of_a_run_that_was_killed_stays(fake: Environ, paths: Paths) -> None:
    shown = terminal({**fake, "KILLED": "1"}, "train", "now", "--foreground")
    left = progress.read(paths, Progress)
    assert left
    assert shown.code == 137
    said = f"measuring, 7 of 3,000 steps\r\n\x1b[33mrun {left.run} did not come to its end (measuring); "
    assert said in shown.out


def test_where_no_terminal_is_lines_are_few(fake: Environ) -> None:
    ran = process(fake, "train", "now", "--foreground")
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d run \d{8}-\d{6}: "
    told = ("begins", "training, 0 of 1,000 steps, loss 1.500, 2,000 tokens/s", "measuring, 7 of 3,000 steps")
    assert re.fullmatch("".join(when + re.escape(each) + "\n" for each in told), ran.err)
    assert ran.out in run(fake, "train", "status").out
    assert ran.out.endswith("    too weak\n    but safe\n")


def test_the_log_of_a_run_in_the_background_says_the_same(fake: Environ, paths: Paths) -> None:
    assert process(fake, "train", "now").code == 0
    until(lambda: progress.running(paths) is None)
    log = (paths.state / "training.log").read_text().splitlines()
    assert [line.split(": ")[1] for line in log] == [
        "begins",
        "training, 0 of 1,000 steps, loss 1.500, 2,000 tokens/s",
        "measuring, 7 of 3,000 steps",
    ]


def test_ctrl_c_waits_until_the_run_has_written_how_it_ended(fake: Environ, paths: Paths) -> None:
    command = [*PROGRAM, "train", "now", "--foreground"]
    with subprocess.Popen(
        command,
        env={**fake, "SLOW": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        until(lambda: (now := progress.read(paths, Progress)) and now.phase == "measuring")
        os.killpg(started.pid, signal.SIGINT)
        stopped = started.communicate()[0]
    last = progress.read(paths, Outcome)
    assert last
    assert (started.returncode, last.state) == (130, "stopped")
    assert "(measuring); `assistant train now`, or the next scheduled run, goes on from there\n" in stopped
    assert f"last run {last.run}: stopped at " in stopped


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A shell in which `:train now` begins a run that is over at once, with commands that it could learn from."""
    (tmp_path / "home").mkdir()
    home = Home(tmp_path / "home")
    record(settings.paths(home.environ).history, OLD)
    home.environ = install(home.environ, tmp_path)
    replace_file(tmp_path / "stand-in" / "training" / "__main__.py", MAIN)
    return home


def test_ctrl_c_in_the_shell_waits_until_it_is_told_how_the_run_ended(home: Home) -> None:
    home.environ["SLOW"] = "1"
    with home.open() as shell:
        shell.send(f":train now --foreground{ENTER}")
        shell.wait_for("measuring, 7 of 3,000 steps")
        shell.send(CTRL_C)
        shell.wait(lambda: shell.prompts() > 1, "the next prompt")
        assert ": stopped at " in shell.screen()
        shell.run("echo code $LAST_RETURN_CODE")
        assert "code 130" in shell.screen()


def test_ctrl_c_again_and_again_ends_what_does_not_heed_it(home: Home) -> None:
    home.environ["DEAF"] = "1"
    found = settings.paths(home.environ)
    with home.open() as shell:
        shell.send(f":train now --foreground{ENTER}")
        shell.wait_for("deaf, 0 of 1 steps")
        shell.press_until(CTRL_C, lambda: shell.prompts() > 1)
        assert "did not come to its end (deaf); " in shell.screen()
        shell.run("echo code $LAST_RETURN_CODE")
        assert "code 137" in shell.screen()
    assert progress.running(found) is None


def test_ctrl_c_again_and_again_ends_a_program_that_does_not_heed_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / "stand-in" / "sitecustomize.py").write_text(
        "import signal, sys, time\n"
        "if sys.argv[-1] == 'status':\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    print('deaf', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with home.open() as shell:
        shell.send(f":train status{ENTER}")
        shell.wait_for("deaf")
        shell.press_until(CTRL_C, lambda: shell.prompts() > 1)
        shell.run("echo still 'here'")
        assert "still here" in shell.screen()


# --- what there is to know -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "training"),
        ({"done": 3, "total": 1800}, "training, 3 of 1,800 steps"),
        ({"done": 1, "total": 18, "tokens_per_s": 0.0}, "training, 1 of 18 steps"),
        (
            {"done": 3, "total": 18, "loss": 2.0, "tokens_per_s": 9e3},
            "training, 3 of 18 steps, loss 2.000, 9,000 tokens/s",
        ),
    ],
)
def test_how_far_a_run_is_in_words(told: dict[str, float], said: str) -> None:
    begun = Progress(run="r1", started_ns=1, updated_ns=1, phase="training")
    assert progress.in_words(msgspec.structs.replace(begun, **told)) == said


@pytest.mark.parametrize(("quiet_s", "said"), [(0, ""), (20, ""), (3600, r", last moved 3,6\d\d s ago")])
def test_status_tells_how_long_nothing_moved(environ: Environ, paths: Paths, quiet_s: int, said: str) -> None:
    lock = progress.claim(paths)
    now = time.time_ns()
    progress.write(paths, Progress(run="r1", started_ns=now, updated_ns=now - quiet_s * 10**9, tokens_per_s=5.0))
    shown = run(environ, "train", "status").out.splitlines()[0]
    os.close(lock)
    assert re.search(f": begins, 5 tokens/s{said}$", shown)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"plain", ""),
        (seal.MAGIC + b"...", "; until then its weights are in memory, and it begins anew if the machine restarts"),
    ],
)
def test_status_tells_how_to_go_on(environ: Environ, paths: Paths, content: bytes, said: str) -> None:
    progress.write(paths, Progress(run="r1", started_ns=1, updated_ns=1, phase="training"))
    (private_directory(paths.training / "runs" / "r1") / "set.msgpack").write_bytes(content)
    assert run(environ, "train", "status").out.splitlines()[0] == (
        "run r1 did not come to its end (training); "
        f"`assistant train now`, or the next scheduled run, goes on from there{said}"
    )
