"""What is remembered: listed, shown, deleted, reviewed."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from program import lines, record, run, terminal

from assistant_core.records import Command, Example, Feedback, Suggestion
from assistant_core.settings import Paths
from assistant_core.store import Store

Environ = dict[str, str]

SECOND = 10**9
COMMANDS = [
    Command(line="git status", session="a", cwd="/src", started_ns=1 * SECOND, exit_code=0, duration_ns=5_000_000),
    Command(line="make test", session="a", cwd="/src", started_ns=2 * SECOND, exit_code=2),
    Command(line="ls", session="b", cwd="/var"),
    Command(line="git push", session="a", cwd="/src", started_ns=4 * SECOND, exit_code=0),
    Command(line="ls", session="b", cwd="/src", started_ns=5 * SECOND, author="program"),
]


@pytest.fixture
def history(paths: Paths) -> Path:
    record(paths.history, COMMANDS)
    return paths.history


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("argv", "ids"),
    [
        ([], [5, 4, 3, 2, 1]),
        (["--limit", "2"], [5, 4]),
        (["--containing", "git"], [4, 1]),
        (["--containing", "%"], []),
        (["--cwd", "/src"], [5, 4, 2, 1]),
        (["--cwd", "/src/../src/"], [5, 4, 2, 1]),
        (["--session", "b"], [5, 3]),
        (["--session", "a", "--cwd", "/src", "--containing", "s", "--limit", "2"], [4, 2]),
        (["--session", "z"], []),
    ],
)
def test_list(argv: list[str], ids: list[int], environ: Environ) -> None:
    as_json = run(environ, "data", "list", "--json", *argv)
    assert [item["id"] for item in as_json.json["commands"]] == ids
    plain = run(environ, "data", "list", *argv)
    assert plain.code == as_json.code == (0 if ids else 1)
    assert [line.split()[0] for line in plain.out.splitlines()] == [str(number) for number in ids] or ["no"]


@pytest.mark.usefixtures("history")
def test_list_here(environ: Environ, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(environ, "data", "list", "--cwd", ".").code == 1
    monkeypatch.chdir("/var")
    assert [item["id"] for item in run(environ, "data", "list", "--cwd", ".", "--json").json["commands"]] == [3]


@pytest.mark.usefixtures("history")
def test_show(environ: Environ) -> None:
    shown = run(environ, "data", "show", "2")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()[-3:]] == ["1", "2", "4"]
    found = run(environ, "data", "show", "1", "--json").json
    assert (found["before"], found["after"]["id"]) == (None, 2)
    assert found["command"]["line"] == "git status"
    assert found["command"]["duration_ns"] == 5_000_000


@pytest.mark.usefixtures("history")
def test_show_what_is_not_there(environ: Environ) -> None:
    assert run(environ, "data", "show", "99")[0] == 1
    assert run(environ, "data", "show", "99", "--json") == (1, '{\n  "command": null\n}\n', "")


@pytest.mark.parametrize(
    ("argv", "said", "left"),
    [
        (["1", "3"], "2 deleted\n", ["make test", "git push", "ls"]),
        (["1", "1"], "1 deleted\n", ["make test", "ls", "git push", "ls"]),
        (["1", "99"], "1 deleted, 1 not found\n", ["make test", "ls", "git push", "ls"]),
        (["--line", "ls"], "2 deleted\n", ["git status", "make test", "git push"]),
        (["--line", "l"], "0 deleted, 1 not found\n", ["git status", "make test", "ls", "git push", "ls"]),
    ],
)
def test_delete(argv: list[str], said: str, left: list[str], environ: Environ, history: Path) -> None:
    assert run(environ, "data", "delete", *argv) == (int("not found" in said), said, "")
    assert lines(history) == left


@pytest.mark.parametrize(
    ("line", "said"),
    [("ls -la", "2 deleted\n"), ("list files", "1 deleted\n"), ("du -sh", "1 deleted\n"), ("ls", "2 deleted\n")],
)
def test_a_line_is_deleted_from_what_was_taught_and_judged(
    environ: Environ, history: Path, line: str, said: str
) -> None:
    with closing(Store(history)) as store:
        for subject, response in (("list files", "ls -la"), ("ls -la", "ls -la")):
            store.add_feedback(
                Feedback(at_ns=1, session="s", rating="helpful", about="answer", subject=subject, response=response)
            )
        store.add_example(Example(at_ns=1, line="du -sh", meaning="sizes"))
    assert run(environ, "data", "delete", "--line", line) == (0, said, "")
    assert run(environ, "data", "delete", "--line", line) == (1, "0 deleted, 1 not found\n", "")


def test_what_is_deleted_is_gone_from_the_disk(environ: Environ, history: Path) -> None:
    record(history, [Command(line="echo canary-7391", session="s")])
    assert run(environ, "data", "delete", "--line", "echo canary-7391").code == 0
    assert not [file for file in history.parent.iterdir() if b"canary-7391" in file.read_bytes()]


def test_purge_needs_a_yes(environ: Environ, history: Path) -> None:
    refused = run(environ, "data", "purge")
    assert (refused.code, refused.err.count("--yes")) == (2, 1)
    assert len(lines(history)) == 5
    assert run(environ, "data", "purge", "--yes") == (0, "5 commands deleted\n", "")
    assert lines(history) == []


def test_purge_of_what_is_old(environ: Environ, history: Path) -> None:
    assert run(environ, "data", "purge", "--yes", "--older-than", "30", "--json").json["deleted"] == 4
    assert lines(history) == ["ls"]  # of unknown time: it counts from when it was added


@pytest.mark.parametrize(("typed", "left"), [("y\n", 0), ("n\n", 5), ("\n", 5), ("\x04", 5)])
def test_purge_asks_on_a_terminal(typed: str, left: int, environ: Environ, history: Path) -> None:
    asked = terminal(environ, "data", "purge", typed=[typed])
    assert "Delete everything that is remembered (5 commands now)? [y/N]" in asked.out
    assert len(lines(history)) == left
    assert asked.code == (0 if left == 0 else 1)


@pytest.mark.usefixtures("history")
def test_review_prints_where_nobody_can_be_asked(environ: Environ) -> None:
    found = run(environ, "data", "review", "--json").json["lines"]
    assert [(item["line"], item["times"]) for item in found] == [
        ("git push", 1),
        ("make test", 1),
        ("git status", 1),
        ("ls", 1),
    ]
    shown = run(environ, "data", "review", "--limit", "2").out.splitlines()
    assert [line.rpartition("  ")[2] for line in shown] == ["git push", "make test"]


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        (["k\n", "d\n", "q\n"], ["git status", "ls", "git push", "ls"]),
        (["\n", "x\n", "D\n", "k\n", "k\n"], ["git status", "ls", "git push", "ls"]),
        (["d\n", "\x03"], ["git status", "make test", "ls", "ls"]),
        (["\x04"] * 4, ["git status", "make test", "ls", "git push", "ls"]),
    ],
)
def test_review_on_a_terminal(typed: list[str], left: list[str], environ: Environ, history: Path) -> None:
    shown = terminal(environ, "data", "review", typed=typed)
    assert "1/4" in shown.out
    assert lines(history) == left


def test_colours_are_for_terminals_that_want_them(environ: Environ) -> None:
    assert "\x1b[2m" in terminal(environ, "config", "show").out
    assert "\x1b" not in terminal({**environ, "NO_COLOR": "1"}, "config", "show").out
    assert "\x1b" not in run(environ, "config", "show").out


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_cannot_be_written(environ: Environ, history: Path) -> None:
    history.parent.chmod(0o500)
    try:
        for argv in (["data", "delete", "1"], ["data", "purge", "--yes"]):
            ran = run(environ, *argv)
            assert (ran.code, ran.err.count("\n")) == (2, 1)
            assert str(history) in ran.err
    finally:
        history.parent.chmod(0o700)
    assert len(lines(history)) == 5


def test_stats(environ: Environ, history: Path) -> None:
    from contextlib import closing  # noqa: PLC0415 - only here

    from assistant_core.store import Store  # noqa: PLC0415 - only here

    with closing(Store(history)) as store:
        for accepted, ran in (("line", True), ("word", False), ("no", True), ("no", False)):
            store.add_suggestion(
                Suggestion(session="a", at_ns=1, typed="g", line="git", source="s", probability=0.5,
                           accepted=accepted, ran=ran)  # type: ignore[arg-type] # one of Acceptance
            )  # fmt: skip
    found = run({**environ, "TZ": "UTC"}, "stats", "--limit", "2", "--json").json
    assert (found["commands"], found["different"]) == (4, 4)
    assert found["success_rate"] == pytest.approx(2 / 3)
    assert found["programs"][0] == {"name": "git", "count": 2}
    assert found["directories"] == [{"name": "/src", "count": 3}, {"name": "/var", "count": 1}]
    assert sum(found["hours"]) == 3
    assert found["suggestions"] == {"shown": 4, "accepted": 2, "ran": 2, "acceptance_rate": 0.5}
    shown = run(environ, "stats").out
    assert "66.7% succeeded" in shown
    assert "2 accepted, 50.0% of those shown" in shown


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("git status", "git"),
        ("A=1 B=2 make x=1", "make"),
        ("A=1", None),
        ("", None),
        ("A='x y' B= sh", "sh"),
        (" ./x=1", "./x=1"),
    ],
)
def test_program(line: str, program: str | None) -> None:
    from assistant_core.cli.stats import program as first  # noqa: PLC0415 - the name is the column's

    assert first(line) == program
