"""The store: exact round trips, migrations, deletion for good, and faults that were really caused."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant_core.errors import StoreError
from assistant_core.records import Command, Example, Feedback, Suggestion
from assistant_core.schema import MIGRATIONS
from assistant_core.store import Store

FULL = Command(
    line="git push",
    session="s1",
    cwd="/src/app",
    git_root="/src/app",
    host="h",
    user="u",
    started_ns=5,
    duration_ns=7,
    exit_code=1,
    environment={"VIRTUAL_ENV": "/v"},
    author="program",
    redacted=True,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "history.db")


def lines(store: Store) -> list[str]:
    return [stored.command.line for stored in store.commands()]


@pytest.mark.parametrize(
    "command", [FULL, Command(line="x", session="s"), Command(line="for i in 1\n  echo ü\n", session="s")]
)
def test_a_command_comes_back_as_it_went_in(store: Store, command: Command) -> None:
    stored = store.get(store.append(command))
    assert stored is not None
    assert stored.command == command


def test_what_was_suggested_taught_and_judged_comes_back(store: Store) -> None:
    suggestion = Suggestion(
        session="s", at_ns=1, typed="g", line="git", source="prefix", probability=0.5, accepted="word", ran=True
    )
    feedback = Feedback(at_ns=2, session="s", rating="helpful", note="n", about="answer", subject="q", response="r")
    example = Example(at_ns=3, line="ls", meaning="list")
    store.add_suggestion(suggestion)
    store.add_feedback(feedback)
    store.add_example(example)
    assert (store.suggestions(), store.feedback(), store.examples()) == ([suggestion], [feedback], [example])


@pytest.mark.parametrize(("dropped", "left"), [(1, [2, 4]), (2, [1, 3, 4]), (3, [2, 4]), (4, [1, 2, 3])])
def test_feedback_is_numbered_and_deleted_with_what_was_said_before_of_the_same(
    store: Store, dropped: int, left: list[int]
) -> None:
    for at_ns, (subject, rating) in enumerate(
        (("a", "helpful"), ("b", "helpful"), ("a", "unhelpful"), ("", "helpful"))
    ):
        store.add_feedback(Feedback(at_ns=at_ns, session="s", rating=rating, about="answer", subject=subject))  # type: ignore[arg-type] # of the table
    found = store.numbered(Feedback)
    assert list(found.values()) == store.feedback()
    store.delete_feedback(found[dropped])
    assert list(store.numbered(Feedback)) == left


def test_file_and_folder_are_for_the_owner_alone(store: Store) -> None:
    store.append(FULL)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_neighbours_are_those_of_the_session(store: Store) -> None:
    numbers = [store.append(Command(line=line, session=line[0])) for line in ("a1", "b1", "a2", "b2", "a3")]
    before, after = store.neighbours(numbers[2])
    assert before is not None
    assert after is not None
    assert (before.command.line, after.command.line) == ("a1", "a3")
    assert store.neighbours(numbers[0])[0] is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["ls /tmp", "cd b", "ls a"]),
        ({"containing": "ls"}, ["ls /tmp", "ls a"]),
        ({"cwd": "/x"}, ["cd b", "ls a"]),
        ({"session": "t"}, ["ls /tmp"]),
        ({"containing": "%"}, []),
    ],
)
def test_newest_filters(store: Store, filters: dict[str, str], expected: list[str]) -> None:
    for line, cwd, session in (("ls a", "/x", "s"), ("cd b", "/x", "s"), ("ls /tmp", "/y", "t")):
        store.append(Command(line=line, session=session, cwd=cwd))
    assert [stored.command.line for stored in store.newest(10, **filters)] == expected


def test_ranking_sees_what_people_typed_oldest_first(store: Store) -> None:
    for line, started in (("new", 20), ("untimed", None), ("old", 10)):
        store.append(Command(line=line, session="s", started_ns=started))
    store.append(Command(line="robot", session="s", author="program"))
    assert [row.line for row in store.ranking_rows()] == ["untimed", "old", "new"]


def test_an_import_adds_each_fingerprint_once(store: Store) -> None:
    batch = [(Command(line=line, session="s"), number) for number, line in enumerate(("a", "b"))]
    assert [store.append_imported(batch), store.append_imported(batch)] == [2, 0]
    assert lines(store) == ["a", "b"]


def test_a_forgotten_line_is_gone_from_the_file_and_from_later_imports(store: Store) -> None:
    secret = "mysql --oops-a-very-unusual-line"
    store.append(Command(line=secret, session="s", started_ns=1))
    store.append(Command(line="ls", session="s", started_ns=2))
    for about, response in ((secret, "done"), ("sign in", secret)):
        store.add_feedback(Feedback(at_ns=1, session="s", rating="helpful", subject=about, response=response))
    store.add_suggestion(
        Suggestion(session="s", at_ns=1, typed="m", line=secret, source="x", probability=1, accepted="no", ran=False)
    )
    store.add_example(Example(at_ns=1, line=secret, meaning="sign in"))
    assert store.forget(secret) == 5
    assert (store.feedback(), store.suggestions(), store.examples()) == ([], [], [])
    assert store.forget(secret) == 0
    assert store.append_imported([(Command(line=secret, session="s", started_ns=1), 1)]) == 0
    assert lines(store) == ["ls"]
    for file in store.path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_a_forgotten_line_that_is_typed_anew_is_remembered(store: Store) -> None:
    store.forget("ls")
    store.append(Command(line="ls", session="s"))
    assert lines(store) == ["ls"]


@pytest.mark.parametrize(
    ("days", "rows", "expected"),
    [(0, 0, ["old", "young", "untimed"]), (1, 0, ["young", "untimed"]), (0, 1, ["young"]), (1, 1, ["young"])],
)
def test_retention(store: Store, days: int, rows: int, expected: list[str]) -> None:
    now = time.time_ns()
    store.append(Command(line="old", session="s", started_ns=now - 3 * 86_400 * 10**9))
    store.append(Command(line="young", session="s", started_ns=now))
    store.append(Command(line="untimed", session="s"))
    store.expire(days, rows)
    assert lines(store) == expected


def test_feedback_that_is_too_old_leaves_the_file_as_well(store: Store) -> None:
    store.add_feedback(Feedback(at_ns=1, session="s", rating="helpful", subject="a very unusual subject"))
    assert store.expire(1, 0) == 0
    assert store.feedback() == []
    for file in store.path.parent.iterdir():
        assert b"a very unusual subject" not in file.read_bytes()


def test_purge_leaves_nothing_in_the_file(store: Store) -> None:
    store.append(FULL)
    assert store.purge() == 1
    assert set(store.counts().values()) == {0}
    assert b"git push" not in store.path.read_bytes()
    store.append(FULL)
    assert lines(store) == ["git push"]


DELETIONS: dict[str, Callable[[Store], object]] = {
    "forget": lambda store: store.forget("secret plan"),
    "delete": lambda store: store.delete([1]),
    "rewrite": lambda store: store.rewrite("secret plan", "plan"),
    "retention": lambda store: store.expire(1, 0),
    "purge": lambda store: store.purge(),
}


@pytest.mark.parametrize("deletion", DELETIONS)
def test_what_was_made_to_learn_from_goes_with_what_is_deleted(deletion: str, store: Store) -> None:
    store.append(Command(line="secret plan", session="s", started_ns=10**9))
    training = store.path.parent / "training"
    for name in ("raw/commands_1970-01-01.arrow", "processed/tokens_1970-01.bin", "runs/r1/set.msgpack"):
        (training / name).parent.mkdir(parents=True)
        (training / name).write_bytes(b"secret plan")
    (training / "runs/r1/trainer/checkpoint-1").mkdir(parents=True)
    for name in ("result.json", "adapter.json"):
        (training / "runs/r1" / name).write_text("{}")
    DELETIONS[deletion](store)
    assert {file.name for file in training.rglob("*") if file.is_file()} == {"result.json", "adapter.json"}
    assert not (training / "runs/r1/trainer").exists()


def test_migrations_are_recorded_by_name(store: Store) -> None:
    store.close()
    Store(store.path).close()
    with sqlite3.connect(store.path) as db:
        assert [name for (name,) in db.execute("SELECT name FROM migrations")] == [name for name, _ in MIGRATIONS]
    db.close()


def test_two_processes_that_create_the_store_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    code = (
        "import sys, pathlib; from assistant_core.store import Store; from assistant_core.records import Command;"
        "s = Store(pathlib.Path(sys.argv[1]));"
        "[s.append(Command(line=str(i), session=sys.argv[2])) for i in range(300)]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), f"s{number}"]) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    store = Store(path)
    assert store.counts()["commands"] == 1200
    assert store.counts()["sessions"] == 4
    assert store.check() == []


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"something of the user's own, not SQLite" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"history\.db: file is not a database; `assistant doctor`"):
        Store(path)
    assert path.read_bytes() == before


def test_a_corrupt_page_is_reported_and_nothing_is_overwritten(store: Store) -> None:
    for number in range(2000):
        store.append(Command(line=f"echo {number} {'x' * 50}", session="s"))
    store.close()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    damaged = bytearray(store.path.read_bytes())
    middle = len(damaged) // 8192 * 4096
    damaged[middle : middle + 4096] = os.urandom(4096)
    store.path.write_bytes(damaged)
    reopened = Store(store.path)
    with pytest.raises(StoreError, match="malformed"):
        list(reopened.commands())
    assert reopened.check() != []
    assert store.path.stat().st_size >= len(damaged)


def test_a_line_of_undecodable_bytes_is_refused_whole(store: Store) -> None:
    with pytest.raises(StoreError, match="surrogates not allowed"):
        store.append(Command(line="echo \udcff", session="s"))
    assert lines(store) == []
