"""`assistant train`: lessons are reviewed, runs begun and ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from program import PROGRAM, Ran, lines, record, run, terminal
from training_process import end, finish, install, steps, until
from versions import promote

from assistant_core.cli import train_run
from assistant_core.engine import progress, registry
from assistant_core.engine.progress import Look, Outcome, Progress
from assistant_core.records import Command, Example, Feedback
from assistant_core.settings import Paths
from assistant_core.store import Store
from training.corpus import store as corpus_store
from training.corpus.source import Machine, Skips

Environ = dict[str, str]


@pytest.fixture
def history(paths: Paths) -> Path:
    typed = ("ls", "git pul", "ls", "make")
    record(paths.history, [Command(line=line, session="s") for line in typed])
    record(paths.history, [Command(line="rm x", session="s", author="program")])
    with closing(Store(paths.history)) as store:
        store.add_example(Example(at_ns=1, line="du -sh *", meaning="sizes"))
        store.add_example(Example(at_ns=2, line="df -h", meaning="free space"))
    return paths.history


@pytest.fixture
def fake(environ: Environ, paths: Paths, tmp_path: Path) -> Iterator[Environ]:
    """Variables in which `assistant train now` begins a run that only counts; it is killed at the end."""
    yield install(environ, tmp_path)
    end(paths)


@pytest.fixture
def days(paths: Paths) -> None:
    """What a run can learn from: commands of days that are over."""
    record(paths.history, [Command(line="ls", session="s", started_ns=day * 86_400 * 10**9) for day in (1, 2)])


def asked(environ: Environ, *words: str) -> Ran:
    """Run the program as a process of its own, as a run outlives it."""
    ran = subprocess.run((*PROGRAM, "train", *words), env=environ, capture_output=True, text=True, check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def examples(history: Path) -> list[tuple[str, str]]:
    with closing(Store(history)) as store:
        return [(item.line, item.meaning) for item in store.examples()]


# --- lessons -----------------------------------------------------------------------------------------------------


def test_add(environ: Environ, paths: Paths) -> None:
    assert run(environ, "train", "add", "du -sh *", "sizes") == (0, "learned: du -sh *\n", "")
    assert examples(paths.history) == [("du -sh *", "sizes")]


def test_add_is_refused(environ: Environ, paths: Paths) -> None:
    assert "an empty text" in run(environ, "train", "add", "ls", " ").err
    private = {**environ, "XONTRIB_ASSISTANT_RECORD_PRIVATE": "1"}
    assert "private mode is on" in run(private, "train", "add", "ls", "list").err
    assert not paths.history.exists()


@pytest.mark.usefixtures("history")
def test_review_lists_examples_and_lines(environ: Environ) -> None:
    assert [line.split() for line in run(environ, "train", "review").out.splitlines()] == [
        ["e1", "1x", "du", "-sh", "*", "sizes"],
        ["e2", "1x", "df", "-h", "free", "space"],
        ["4", "1x", "make"],
        ["3", "2x", "ls"],
        ["2", "1x", "git", "pul"],
    ]
    found = run(environ, "train", "review", "--limit", "1", "--json").json["lessons"]
    assert [item["number"] for item in found] == ["e1", "e2", "4"]
    assert found[0] == {"number": "e1", "line": "du -sh *", "meaning": "sizes", "times": 1}


@pytest.fixture
def judged(paths: Paths) -> Path:
    """What was called helpful, and what else was said."""
    given = [
        ("suggestion", "ls -la", "ls -la", "helpful"),
        ("answer", "list files", "ls", "helpful"),
        ("repair", "gti", "git", "helpful"),
        ("explanation", "tar -x", "tar  an archiver\n  -x  takes files out", "helpful"),
        ("answer", "two lines", "ls\npwd", "helpful"),  # which is not learnt from, nor are the next four
        ("suggestion", "rm x", "rm x", "unhelpful"),
        ("nothing", "", "", "helpful"),
        ("answer", "list files", " ", "helpful"),
        ("answer", "twice", "pwd", "helpful"),
        ("answer", "twice", "pwd", "unhelpful"),
        ("repair", "sl", "ls", "unhelpful"),
        ("repair", "sl", "ls", "helpful"),
    ]
    with closing(Store(paths.history)) as store:
        for about, subject, response, rating in given:
            store.add_feedback(
                Feedback(at_ns=1, session="s", about=about, subject=subject, response=response, rating=rating)  # type: ignore[arg-type] # texts of the table
            )
    return paths.history


@pytest.mark.usefixtures("judged")
def test_review_lists_what_was_called_helpful(environ: Environ) -> None:
    found = run(environ, "train", "review", "--json").json["lessons"]
    assert [(item["number"], item["line"], item["meaning"]) for item in found] == [
        ("f1", "ls -la", ""),
        ("f2", "ls", "list files"),
        ("f3", "git", "instead of gti"),
        ("f4", "tar -x", "tar an archiver -x takes files out"),
        ("f12", "ls", "instead of sl"),
    ]


@pytest.mark.usefixtures("judged")
def test_what_is_learned_from_feedback_is_what_review_lists(environ: Environ, paths: Paths) -> None:
    learned = list(corpus_store.read(paths.history, Machine.here(environ), Skips()))
    assert len(learned) == len(run(environ, "train", "review", "--json").json["lessons"])


@pytest.mark.parametrize(
    ("words", "code", "said", "left"),
    [
        (["drop", "f2"], 0, "dropped: ls\n", 4),
        (["drop", "f12"], 0, "dropped: ls\n", 4),  # and not learnt from by what was said before
        (["drop", "f1", "f4", "f1"], 1, "there is no f1", 3),
        (["drop", "f6"], 1, "there is no f6", 5),
        (["edit", "f2", "pwd"], 2, "f2: what you called helpful can be dropped, not edited", 5),
    ],
)
@pytest.mark.usefixtures("judged")
def test_feedback_is_dropped(environ: Environ, words: list[str], code: int, said: str, left: int) -> None:
    found = run(environ, "train", "review", *words)
    assert found.code == code
    assert said in found.out + found.err
    assert len(run(environ, "train", "review", "--json").json["lessons"]) == left


def test_review_of_nothing(environ: Environ, paths: Paths) -> None:
    assert run(environ, "train", "review")[:2] == (1, "nothing is recorded yet\n")
    record(paths.history, [Command(line="rm x", session="s", author="program")])
    assert run(environ, "train", "review")[:2] == (1, "there is nothing to learn from yet\n")


def test_drop(environ: Environ, history: Path) -> None:
    dropped = run(environ, "train", "review", "drop", "3", "e1", "99", "e99")
    assert dropped.code == 1
    assert dropped.out.splitlines()[:2] == ["dropped: ls", "dropped: du -sh *"]
    assert "there is no 99" in dropped.out
    assert "there is no e99" in dropped.out
    assert lines(history) == ["git pul", "make", "rm x"]
    assert examples(history) == [("df -h", "free space")]


@pytest.mark.parametrize(
    ("words", "typed", "taught"),
    [
        (["2", "git pull"], ["ls", "git pull", "ls", "make", "rm x"], 0),
        (["1", "ls -l"], ["ls -l", "git pul", "ls -l", "make", "rm x"], 0),  # wherever it is remembered
        (["e1", "du -sh ."], None, ("du -sh .", "sizes")),
        (["e1", "du -sh .", "size of this folder"], None, ("du -sh .", "size of this folder")),
    ],
)
def test_edit(environ: Environ, history: Path, words: list[str], typed: list[str] | None, taught: object) -> None:
    assert run(environ, "train", "review", "edit", *words).code == 0
    assert lines(history) == (typed or ["ls", "git pul", "ls", "make", "rm x"])
    assert examples(history) == [taught or ("du -sh *", "sizes"), ("df -h", "free space")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["drop"], 2, "a number is missing"),
        (["edit"], 2, "a number is missing"),
        (["drop", "ls"], 2, "'ls' is no number"),
        (["drop", "0"], 2, "'0' is no number"),
        (["drop", "e"], 2, "'e' is no number"),
        (["drop", "9" * 30], 2, "is no number"),
        (["edit", "77", "x"], 1, "there is no 77"),
        (["edit", "2", "git", "pull"], 2, "each in quotes"),
        (["edit", "e1", "a", "b", "c"], 2, "each in quotes"),
        (["edit", "2", " "], 2, "an empty one"),
        (["edit", "2"], 2, "no terminal to edit on"),
        (["lose", "2"], 2, "invalid choice: 'lose'"),
    ],
)
def test_what_cannot_be_reviewed_changes_nothing(
    environ: Environ, history: Path, words: list[str], code: int, said: str
) -> None:
    found = run(environ, "train", "review", *words)
    assert found.code == code
    assert said in found.out + found.err
    assert lines(history) == ["ls", "git pul", "ls", "make", "rm x"]
    assert len(examples(history)) == 2


@pytest.mark.parametrize(
    ("editor", "number", "typed", "taught"),
    [
        ("sed -i s/pul/pull/", "2", "git pull", "sizes"),
        ("sed -i s/sizes/bytes/", "e1", "git pul", "bytes"),
        ("false", "2", "git pul", "sizes"),
        ("no-such-editor", "2", "git pul", "sizes"),
        ("truncate -s 0", "2", "git pul", "sizes"),
    ],
)
def test_edit_in_an_editor(environ: Environ, history: Path, editor: str, number: str, typed: str, taught: str) -> None:  # noqa: PLR0913, PLR0917 - a row of the table and its fixtures
    shown = terminal({**environ, "EDITOR": editor}, "train", "review", "edit", number)
    assert (shown.code == 0) == (editor.startswith("sed"))
    assert lines(history)[1] == typed
    assert examples(history)[0] == ("du -sh *", taught)
    assert list((history.parent / "training").glob("edit-*")) == []


def test_secrets_are_cut_out_of_what_is_taught(environ: Environ, history: Path) -> None:
    secret = "hunter2hunter2"
    for words in (
        ["add", f"mysql --password={secret}", "log in"],
        ["review", "edit", "2", f"mysql --password={secret}"],
        ["review", "edit", "e1", "ls", f"with --password={secret}"],
    ):
        assert run(environ, "train", *words).code == 0
    assert secret not in "".join([*lines(history), *map("".join, examples(history))])


# --- runs --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("days")
def test_a_run_in_the_background(fake: Environ, paths: Paths) -> None:
    begun = asked(fake, "now")
    assert begun.code == 0, begun.err
    pid = progress.running(paths)
    assert f"a run has begun, process {pid}" in begun.out
    again = asked(fake, "now")
    assert (again.code, again.err) == (
        2,
        f"assistant: a run is under way (pid {pid}); `assistant train status` shows it, `stop` ends it\n",
    )
    until(lambda: (now := progress.read(paths, Progress)) and now.total)
    status = asked(fake, "status").out
    assert f"process {pid}, since " in status
    assert "of 1,000 steps, loss 2.500, 9,000 tokens/s" in status
    assert os.getpgid(pid or 0) == pid  # no Ctrl-C at the terminal reaches it
    assert (paths.state / "training.log").stat().st_mode & 0o777 == 0o600

    goes_on = "`assistant train now`, or the next scheduled run, goes on from there"
    assert asked(fake, "stop").out == f"stopped; {goes_on}\n"
    reached = steps(paths)
    status = asked(fake, "status").out
    assert f"did not come to its end (counts); {goes_on}\n" in status
    assert ": stopped at " in status
    assert asked(fake, "stop")[:2] == (1, "no run is under way\n")

    assert asked(fake, "now").code == 0
    until(lambda: steps(paths) > reached)
    finish(paths)
    until(lambda: progress.running(paths) is None)
    last = progress.read(paths, Outcome)
    assert last
    assert last.rows > reached
    assert f"last run {last.run}: done at " in asked(fake, "status").out


@pytest.mark.usefixtures("days")
def test_a_run_here(fake: Environ, paths: Paths) -> None:
    finish(paths)
    assert asked(fake, "now", "--foreground").code == 0
    failed = asked({**fake, "FAIL": "no rows to learn from"}, "now", "--foreground")
    assert (failed.code, failed.err.splitlines()[-1]) == (1, "no rows to learn from")
    assert "last run" in asked(fake, "status").out
    assert "failed" in asked(fake, "status").out
    assert "leave one of them out" in asked(fake, "now", "--foreground", "--json").out


@pytest.mark.usefixtures("days")
def test_a_run_that_ends_at_once(fake: Environ, tmp_path: Path) -> None:
    (tmp_path / "stand-in" / "training" / "__main__.py").write_text("import sys\nsys.exit('out of order')\n")
    failed = asked(fake, "now")
    assert failed.code == 2
    assert "the run ended at once: out of order; all of it is in" in failed.err


@pytest.mark.usefixtures("days")
def test_a_run_that_ignores_the_asking_is_killed(fake: Environ, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_run, "STOP_S", (0.2, 20.0))
    main = """\
import os, signal, time
from assistant_core import settings
from assistant_core.engine import progress
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = progress.claim(settings.paths(os.environ))
time.sleep(60)
"""
    Path(fake["PYTHONPATH"].split(os.pathsep)[0], "training", "__main__.py").write_text(main)
    assert asked(fake, "now").code == 0
    assert run(fake, "train", "stop").code == 0
    assert progress.running(paths) is None


def test_what_must_be_installed_is_said() -> None:
    assert train_run.missing(["json", "no_such_module", "nor_this_one"]) == ["no_such_module", "nor_this_one"]


def test_status_of_nothing(fake: Environ) -> None:
    found = run(fake, "train", "status", "--json")
    assert found.code == 0
    assert found.json["learned_from"] == {"commands": 0, "suggestions": 0, "feedback": 0, "examples": 0}
    assert (found.json["pid"], found.json["progress"], found.json["last_run"]) == (None, None, None)
    assert set(found.json["versions"]) == set(registry.KINDS) == set(train_run.KINDS)
    said = run(fake, "train", "status").out
    for part in ("no run is under way", "nothing is trained so far", "0 commands", "no run is scheduled"):
        assert part in said


@pytest.mark.parametrize(
    ("name", "said", "version"),
    [
        ("v2", "on trial: v2, for 50% of the requests", "v2"),
        ("v1", "training.trial has no effect: v1 is in use already", None),
        ("shipped", "on trial: {shipped}, for 50% of the requests", "{shipped}"),
        ("{shipped}", "on trial: {shipped}, for 50% of the requests", "{shipped}"),
        ("gone", "training.trial has no effect: there is no command model 'gone'; there are: v1, v2, shipped", None),
    ],
)
def test_status_tells_the_version_on_trial(
    fake: Environ, paths: Paths, name: str, said: str, version: str | None
) -> None:
    shipped = registry.shipped("command", paths).version
    promote(paths, "v2")
    promote(paths, "v1")
    assert "trial" not in run(fake, "train", "status").out
    assert run(fake, "config", "set", "training.trial", name.format(shipped=shipped)).code == 0
    found = run(fake, "train", "status")
    assert (found.code, found.out.splitlines()[-1]) == (0, said.format(shipped=shipped))
    assert run(fake, "train", "status", "--json").json["trial"] == (version and version.format(shipped=shipped))


def test_status_is_told_where_the_settings_cannot_be_used(fake: Environ, paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.settings.write_text("[training]\nadapter = 7\n")
    found = run(fake, "train", "status")
    assert (found.code, "no run is under way" in found.out) == (0, True)
    assert "training.adapter is 7; expected a number from 0 to 1" in found.out


@pytest.mark.usefixtures("history")
def test_status_tells_verdict_and_reasons(fake: Environ, paths: Paths) -> None:
    decision = promote(paths, "v1")
    progress.write(
        paths,
        Outcome(
            run="r1",
            started_ns=10**18,
            ended_ns=10**18 + 65 * 10**9,
            state="done",
            rows=1234,
            decisions=(
                progress.Decision(at_ns=1, kind="command", version="v1", action="promote", reasons=("better",)),
            ),
        ),
    )
    progress.write(paths, Look(at_ns=10**18, reason="on battery"))
    said = run(fake, "train", "status").out
    for part in (
        "last run r1: done at ",
        "after 65.0 s, 1,234 rows",
        "command v1: in use\n    better\n",
        ": on battery\n",
        "5 commands",
        "2 examples",
        f"command model: {decision.version}\n",
    ):
        assert part in said


def test_a_schedule_that_cannot_be_told_hides_nothing(fake: Environ, tmp_path: Path) -> None:
    (tmp_path / "stand-in" / "training" / "schedule.py").write_text("import sys\nsys.exit('out of order')\n")
    found = run(fake, "train", "status")
    assert found.code == 0
    assert "the schedule cannot be told: out of order" in found.out
    assert run(fake, "train", "schedule", "status").code == 2
