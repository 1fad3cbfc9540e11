"""The user's history as rows: real databases, plain tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant_core.engine import directory
from assistant_core.records import Command, Example, Feedback
from assistant_core.redact import MARK
from assistant_core.store import Store
from training.corpus import guard, mistakes, ours, store
from training.corpus.source import PRIVATE, Machine, Skips
from training.records import Row

HERE = Machine("/home/alice", "alice", "box")
S = 10**9  # ns
MINUTE = 60 * S


@pytest.fixture
def history(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "history.db")


def command(line: str, at_s: int | None = None, code: int | None = 0, session: str = "s", **more: object) -> Command:
    started = None if at_s is None else at_s * S
    return Command(line=line, session=session, started_ns=started, exit_code=code, **more)  # type: ignore[arg-type] # fields


def read(history: Store, skips: Skips | None = None) -> list[Row]:
    history.close()
    return list(store.read(history.path, HERE, skips or Skips()))


def texts(rows: list[Row], task: str) -> list[tuple[str, ...]]:
    return [row.texts for row in rows if row.task == task]


@pytest.mark.parametrize(
    ("commands", "sessions"),
    [
        ([("a", 0, "s"), ("b", 60, "s")], [("a", "b")]),
        ([("a", 0, "s"), ("x", 1, "t"), ("b", 2, "s")], [("a", "b"), ("x",)]),
        ([("a", 0, "s"), ("b", 31 * 60, "s")], [("a",), ("b",)]),
        ([("a", 0, "s"), ("b", 29 * 60, "s")], [("a", "b")]),
        ([("a", 4000, "s"), ("b", 0, "s")], [("a",), ("b",)]),  # the clock was set back
        ([("a", None, "s"), ("b", None, "s")], [("a", "b")]),
        ([("a", None, "s"), ("  ", None, "s")], [("a",)]),
        ([("for i in 1\n  echo 2\n", 0, "s")], [("for i in 1\n  echo 2\n",)]),
    ],
)
def test_sessions_end_with_a_pause(
    history: Store, commands: list[tuple[str, int | None, str]], sessions: list[tuple[str, ...]]
) -> None:
    for line, at_s, session in commands:
        history.append(command(line, at_s, session=session))
    assert texts(read(history), "session") == sessions


def test_a_long_command_is_no_pause(history: Store) -> None:
    history.append(command("make", 0, duration_ns=60 * MINUTE))
    history.append(command("make install", 61 * 60))
    assert texts(read(history), "session") == [("make", "make install")]


def test_a_session_says_when_it_ended_how_and_where(history: Store, tmp_path: Path) -> None:
    (tmp_path / "app" / ".git").mkdir(parents=True)
    (tmp_path / "app" / "pyproject.toml").touch()
    app = str(tmp_path / "app")
    history.append(command("ls", 5, None, cwd="/nowhere"))
    history.append(command("git status", 7, 128, cwd=app, git_root=app))
    history.append(command("pytest", 9, 1, cwd=app, git_root=app, duration_ns=2 * S))
    row = read(history)[0]
    assert (row.source, row.licence, row.at_ns) == ("store", PRIVATE, 11 * S)
    assert (row.exits, row.directory) == ((None, 128, 1), "git python")


def test_only_what_people_typed_is_learnt(history: Store) -> None:
    history.append(command("ls", 0))
    history.append(command("rm -rf build", 1, author="program"))
    skips = Skips()
    assert texts(read(history, skips), "session") == [("ls",)]
    assert dict(skips.counts) == {("store", "run by a program"): 1}


def test_names_become_tokens_and_secrets_go(history: Store) -> None:
    history.append(command("scp box:/home/alice/x bob@far:", session="imported", user="bob", host="far"))
    history.append(command("ssh alice@box /home/alice/run", session="here"))
    history.append(command("curl -H 'Authorization: Bearer c4n4ryT0kenc4n4ryT0ken' x", session="here"))
    (imported,), (own, secret) = texts(read(history), "session")
    assert imported == "scp box:~/x {user}@{host}:"
    assert own == "ssh {user}@{host} ~/run"
    assert "c4n4ry" not in secret
    assert MARK in secret


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([("git psuh", 1), ("git push", 0)], [("git psuh", "git push")]),
        ([("gti status", 127), ("git status", 0)], [("gti status", "git status")]),
        ([("sl", 127), ("ls", 0)], [("sl", "ls")]),
        ([("apt install vim", 100), ("sudo apt install vim", 0)], [("apt install vim", "sudo apt install vim")]),
        ([("git push", 128), ("git push -u origin main", 0)], [("git push", "git push -u origin main")]),
        ([("mkdir a/b", 1), ("ls", 0), ("mkdir -p a/b", 0)], [("mkdir a/b", "mkdir -p a/b")]),
        ([("gti log", 127), ("got log", 127), ("git log", 0)], [("gti log", "git log"), ("got log", "git log")]),
        ([("gitpush origin", 127), ("git push origin", 0)], [("gitpush origin", "git push origin")]),
        ([("make test", 2), ("make build", 0)], []),
        ([("lamp part1.cfg", 2), ("lamp part2.cfg", 0)], []),
        ([("mkdir /var/lib/lamp/x", 1), ("truncate -s 1G /var/lib/lamp/x/disk", 0)], []),
        ([("pytest a.py", 1), ("pytest a.py", 0)], []),
        ([("pytest a.py", 1), ("pytest b.py", 0), ("pytest a.py", 0)], []),  # a.py worked later: no mistake
        ([("sleep 9", 130), ("sleep 8", 0)], []),
        ([("cat nothere", 1), ("cat", 0)], []),
        ([("git psuh", 1), ("git push", 1)], []),
        ([("git psuh", None), ("git push", 0)], []),
    ],
)
def test_mistakes_and_what_was_meant(
    history: Store, lines: list[tuple[str, int | None]], found: list[tuple[str, str]]
) -> None:
    for at_s, (line, code) in enumerate(lines):
        history.append(command(line, at_s, code))
    assert texts(read(history), "fix") == found


def test_a_correction_comes_soon() -> None:
    run = [command("git psuh", 0, 1), command("git push", 6 * 60, 0)]
    assert list(mistakes.mistakes(run, frozenset())) == []


def test_what_was_taught_is_learnt_both_ways(history: Store) -> None:
    history.add_example(Example(at_ns=7, line="du -sh /home/alice", meaning="how much alice keeps"))
    rows = read(history)
    assert [(row.task, row.texts, row.at_ns) for row in rows] == [
        ("request", ("how much {user} keeps", "du -sh ~"), 7),
        ("explain", ("du -sh ~", "how much {user} keeps"), 7),
    ]
    assert {row.weight for row in rows} == {store.TAUGHT}


ANSWER = "tar            an archiver  [tar(1) NAME]\n  -x           take files out\n               [tar(1) OPTIONS]"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("suggestion", "ls -la", "ls -la", "helpful")], [("line", ("ls -la",))]),
        ([("answer", "list files", "ls", "helpful")], [("request", ("list files", "ls"))]),
        ([("repair", "gti", "git", "helpful")], [("fix", ("gti", "git"))]),
        (
            [("explanation", "tar -x", ANSWER, "helpful")],
            [("explain", ("tar -x", "tar an archiver -x take files out"))],
        ),
        ([("answer", "tar -x", ANSWER, "helpful")], []),
        ([("suggestion", "rm x", "rm x", "unhelpful")], []),
        ([("nothing", "", "", "helpful")], []),
        ([("answer", "q", "ls", "helpful"), ("answer", "q", "ls", "unhelpful")], []),
        ([("answer", "q", "ls", "unhelpful"), ("answer", "q", "ls", "helpful")], [("request", ("q", "ls"))]),
    ],
)
def test_feedback(
    history: Store, given: list[tuple[str, str, str, str]], expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    for at_ns, (about, subject, response, rating) in enumerate(given):
        history.add_feedback(
            Feedback(at_ns=at_ns, session="s", about=about, subject=subject, response=response, rating=rating)  # type: ignore[arg-type] # texts of the table
        )
    skips = Skips()
    assert [(row.task, row.texts) for row in read(history, skips)] == expected
    assert bool(skips.counts) is not bool(expected)


def test_no_history_is_no_error(tmp_path: Path) -> None:
    skips = Skips()
    assert list(store.read(tmp_path / "history.db", HERE, skips)) == []
    assert list(skips.counts.values()) == [1]
    assert not (tmp_path / "history.db").exists()


def correction(line: str, decision: str, at: int = 3) -> str:
    judged = {"judged_decision": "warn", "judged_crud": "DELETE"}
    return json.dumps({"at": at, "line": line, "decision": decision, "crud": "READ", **judged})


@pytest.mark.parametrize(
    ("lines", "expected", "left_out"),
    [
        ([correction("ls /home/alice", "allow")], ["ls ~"], 0),
        ([correction("wipe", "block")], [], 1),
        ([correction("x", "block"), correction("x", "allow")], ["x"], 0),
        (["nonsense", correction("y", "allow"), '{"line": 3}'], ["y"], 2),
    ],
)
def test_lines_that_the_guard_was_told_to_let_pass(
    tmp_path: Path, lines: list[str], expected: list[str], left_out: int
) -> None:
    file = tmp_path / "corrections.jsonl"
    file.write_text("\n".join(lines) + "\n")
    skips = Skips()
    rows = list(guard.read(file, HERE, skips))
    assert [row.texts[0] for row in rows] == expected
    assert sum(skips.counts.values()) == left_out
    assert all(row.at_ns == 3 * S for row in rows)


@pytest.mark.parametrize(
    ("files", "git_root", "kind"),
    [
        ([], False, ""),
        (["Cargo.toml", "Makefile", ".git"], False, "git rust make"),
        (["requirements-dev.txt"], True, "git python"),
        (["main.tf", "docker-compose.yml"], False, "docker terraform"),
        (["notes.txt"], False, ""),
    ],
)
def test_kinds_of_folders(tmp_path: Path, files: list[str], kind: str, *, git_root: bool) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert directory.kind(str(tmp_path), str(tmp_path / "gone") if git_root else None) == kind


def test_documents_and_people_have_the_same_words_for_folders() -> None:
    assert list(ours.KINDS) == list(directory.KINDS)
