"""Writing without waiting: a locked, missing, full or broken database loses nothing and is left as it is."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from terminal import Home

from assistant_core import settings
from assistant_core.records import Command, Example, Feedback, Suggestion
from assistant_core.settings import Paths
from assistant_core.shell import journal as journal_module
from assistant_core.shell.journal import Journal
from assistant_core.shell.log import Log
from assistant_core.shell.worker import Worker
from assistant_core.store import Store


class Bench:
    """A journal, what it told, and its worker."""

    def __init__(self, history: Path, log: Path) -> None:
        self.told: list[str] = []
        self.log = Log(log)
        self.worker = Worker(self.log)
        self.journal = Journal(history, self.worker, self.log, self.told.append)

    def add(self, number: int) -> bool:
        return self.journal.add(Command(line=f"echo {number}", session="s"))


@pytest.fixture
def bench(paths: Paths) -> Iterator[Bench]:
    bench = Bench(paths.history, paths.state / "shell.log")
    yield bench
    bench.worker.stop()
    bench.journal.close()


def lines(history: Path) -> list[str]:
    with closing(Store(history)) as store:
        return [stored.command.line for stored in store.commands()]


def echoes(count: int) -> list[str]:
    return [f"echo {number}" for number in range(count)]


def test_every_kind_of_record(bench: Bench, paths: Paths) -> None:
    assert bench.add(0)
    assert bench.journal.add(Example(at_ns=1, line="ls", meaning="list"))
    assert bench.journal.add(Feedback(at_ns=1, session="s", rating="helpful"))
    suggestion = Suggestion(
        session="s", at_ns=1, typed="l", line="ls", source="x", probability=0.5, accepted="no", ran=True
    )
    assert bench.journal.add(suggestion)
    with closing(Store(paths.history)) as store:
        counts = store.counts()
    assert [counts[name] for name in ("commands", "examples", "feedback", "suggestions")] == [1, 1, 1, 1]
    assert paths.history.stat().st_mode & 0o777 == 0o600


def test_a_record_waits_for_another_writer_and_keeps_its_place(bench: Bench, paths: Paths) -> None:
    with closing(Store(paths.history)) as other:
        with other._transaction():  # noqa: SLF001 - another writer in the middle of its work
            assert not bench.add(0)
            assert not bench.add(1)
        bench.worker.stop()  # after the job that writes
    assert lines(paths.history) == echoes(2)
    assert bench.told == []


@pytest.mark.parametrize("obstacle", ["garbage", "folder", "no folder"])
def test_what_cannot_be_opened_is_told_once_and_tried_again(bench: Bench, paths: Paths, obstacle: str) -> None:
    undo = hinder(paths.history, obstacle)
    before = paths.history.read_bytes() if paths.history.is_file() else None
    assert [bench.add(number) for number in range(3)] == [False, False, False]
    assert len(bench.told) == 1
    assert str(paths.history) in bench.told[0]
    assert (paths.history.read_bytes() if paths.history.is_file() else None) == before
    undo()
    assert bench.add(3)
    assert lines(paths.history) == echoes(4)


def hinder(history: Path, obstacle: str) -> Callable[[], object]:
    """Make `history` unusable, for root, too; return what undoes it."""
    if obstacle == "no folder":
        history.parent.parent.mkdir(parents=True)
        history.parent.write_text("a file")
        return history.parent.unlink
    history.parent.mkdir(parents=True)
    if obstacle == "folder":
        history.mkdir()
        return history.rmdir
    history.write_bytes(b"no database at all" * 500)
    return history.unlink


def test_a_broken_page_is_told_and_nothing_is_overwritten(bench: Bench, paths: Paths) -> None:
    for number in range(400):
        bench.add(number)
    bench.journal.close()
    sound = paths.history.read_bytes()
    broken = sound[:4096] + b"\xff" * (len(sound) - 4096)
    paths.history.write_bytes(broken)
    assert not bench.add(400)
    assert "malformed" in bench.told[0]
    assert paths.history.read_bytes() == broken
    paths.history.write_bytes(sound)
    assert bench.add(401)
    assert lines(paths.history) == echoes(402)


def test_a_database_that_is_replaced_is_opened_anew(bench: Bench, paths: Paths) -> None:
    bench.add(0)
    for file in paths.history.parent.iterdir():
        file.unlink()
    bench.add(1)
    assert lines(paths.history) == ["echo 1"]


def test_a_record_that_cannot_be_stored_does_not_stop_the_others(bench: Bench, paths: Paths) -> None:
    bench.journal.add(Command(line="\udcff", session="s"))
    bench.add(0)
    assert lines(paths.history) == ["echo 0"]
    assert "UnicodeEncodeError" in bench.log.file.read_text()


def test_closing_writes_what_waits(bench: Bench, paths: Paths) -> None:
    undo = hinder(paths.history, "folder")
    bench.add(0)
    undo()
    bench.journal.close()
    assert lines(paths.history) == echoes(1)


def test_closing_says_what_is_lost(bench: Bench, paths: Paths) -> None:
    undo = hinder(paths.history, "folder")
    bench.add(0)
    bench.journal.close()
    assert "1 records are lost" in bench.told[-1]
    undo()


def test_memory_is_bounded(bench: Bench, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LIMIT", 3)
    undo = hinder(paths.history, "folder")
    for number in range(5):
        bench.add(number)
    undo()
    bench.journal.close()
    assert lines(paths.history) == echoes(3)


def write(history: Path, log: Path, name: str, count: int) -> None:
    bench = Bench(history, log)
    for number in range(count):
        bench.journal.add(Command(line=f"echo {number}", session=name))
    bench.worker.stop()
    bench.journal.close()


def test_four_shells_at_once_lose_nothing(paths: Paths) -> None:
    context = multiprocessing.get_context("spawn")
    shells = [
        context.Process(target=write, args=(paths.history, paths.state / "shell.log", f"shell {number}", 250))
        for number in range(4)
    ]
    for shell in shells:
        shell.start()
    for shell in shells:
        shell.join()
    with closing(Store(paths.history)) as store:
        rows = [(stored.command.session, stored.command.line) for stored in store.commands()]
        assert store.check() == []
    for number in range(4):
        assert [line for session, line in rows if session == f"shell {number}"] == echoes(250)


FULL = """
def full(size):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


def test_a_full_disk_leaves_the_prompt_usable(tmp_path: Path) -> None:
    home = Home(tmp_path, rc=FULL)
    with home.open() as terminal:
        terminal.run("echo 0")
        terminal.run("full(4096)")
        terminal.run("echo 1")
        terminal.run("echo 2")
        assert terminal.screen().count("until it can be written") == 1
        terminal.run("full(-1)")
        terminal.leave()
    assert lines(settings.paths(home.environ).history) == ["echo 0", "full(4096)", "echo 1", "echo 2", "full(-1)"]
