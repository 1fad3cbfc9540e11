"""An import as a whole: again, after growth, after a kill, beside other writers; secrets; the report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import histories
import pytest
from canaries import canaries

from assistant_core import importers
from assistant_core.importers.fingerprint import Fingerprints, hashed
from assistant_core.importers.source import BATCH
from assistant_core.store import Store

NOW = 1_700_000_000
MANY = 20 * BATCH + 17


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "history.db")


def at_one_time(timed: list[histories.Timed]) -> bytes:
    return histories.bash([(line, NOW) for line, _ in timed])


WRITERS = [
    ("bash", histories.plain),
    ("bash", histories.bash),
    ("bash", at_one_time),
    ("zsh", histories.zsh),
    ("fish", histories.fish),
]


def session(count: int) -> list[histories.Timed]:
    """Return lines of which many occur often, some of them twice in a second."""
    return [(f"echo {number % 7 * (number // 50)}", NOW + number // 3) for number in range(count)]


@pytest.mark.parametrize(("shell", "write"), WRITERS)
def test_a_second_run_adds_nothing_and_growth_only_what_is_new(
    store: Store, tmp_path: Path, shell: str, write: Callable[[list[histories.Timed]], bytes]
) -> None:
    file, timed = tmp_path / "hist", session(1500)
    counts = []
    for part in (timed[:1000], timed[:1000], timed, timed[300:]):  # the last: its shell has cut off the oldest
        file.write_bytes(write(part))
        report = histories.run(store, shell, file)
        counts.append((report.read, report.added, report.known))
    assert counts == [(1000, 1000, 0), (1000, 0, 1000), (1500, 500, 1000), (1200, 0, 1200)]
    assert histories.lines(store) == [line for line, _ in timed]


def test_shells_do_not_take_each_others_lines_for_known(store: Store, tmp_path: Path) -> None:
    timed = session(10)
    for shell, write in (("bash", histories.bash), ("zsh", histories.zsh)):
        (tmp_path / shell).write_bytes(write(timed))
        assert histories.run(store, shell, tmp_path / shell).added == 10


def test_a_moved_history_is_known(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(histories.bash(session(10)))
    assert [histories.run(store, "bash", tmp_path / name).added for name in ("a", "b")] == [10, 0]


def test_a_line_deleted_for_good_stays_away(store: Store, tmp_path: Path) -> None:
    (tmp_path / "hist").write_bytes(histories.bash([("ls", NOW), ("oops", NOW), ("cd", NOW)]))
    store.forget("oops")
    report = histories.run(store, "bash", tmp_path / "hist")
    assert (histories.lines(store), report.known) == (["ls", "cd"], 1)


IMPORT = """
import sys
from pathlib import Path
from assistant_core import importers
from assistant_core.store import Store
_, shell, file, database = sys.argv
def told(done, total):
    print(done, flush=True)
    sys.stdin.readline()
importers.run(shell, Path(file), Store(Path(database)), {}, told)
"""
APPEND = """
import sys
from pathlib import Path
from assistant_core.records import Command
from assistant_core.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(300):
    store.append(Command(line=f"typed {number}", session="live"))
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("shell", "write"), WRITERS)
def test_killed_in_the_middle_and_run_again_loses_and_doubles_nothing(
    store: Store, tmp_path: Path, shell: str, write: Callable[[list[histories.Timed]], bytes]
) -> None:
    file, timed = tmp_path / "hist", session(MANY)
    file.write_bytes(write(timed))
    with start(IMPORT, shell, file, store.path) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(8 * "\n")  # so many batches it may do before it waits for more
        process.stdin.flush()
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    before = len(histories.lines(store))
    assert 5 * BATCH <= before <= 9 * BATCH
    report = histories.run(store, shell, file)
    assert (report.added, report.known) == (MANY - before, before)
    assert histories.lines(store) == [line for line, _ in timed]
    assert store.check() == []


def test_others_write_meanwhile(store: Store, tmp_path: Path) -> None:
    file, timed = tmp_path / "hist", session(MANY)
    file.write_bytes(histories.bash(timed))
    with start(APPEND, store.path) as process:
        assert process.stdout
        process.stdout.readline()
        histories.run(store, "bash", file)
    assert process.returncode == 0
    live = [command.line for command in histories.stored(store) if command.session == "live"]
    assert live == [f"typed {number}" for number in range(300)]
    assert [line for line in histories.lines(store) if line.startswith("echo")] == [line for line, _ in timed]


def test_two_imports_of_one_file_at_once_double_nothing(store: Store, tmp_path: Path) -> None:
    file, timed = tmp_path / "hist", session(MANY)
    file.write_bytes(histories.bash(timed))
    with start(IMPORT, "bash", file, store.path) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        process.stdin.close()
        histories.run(store, "bash", file)
        process.stdout.read()  # to its end: it says how far it is
    assert process.returncode == 0
    assert sorted(histories.lines(store)) == sorted(line for line, _ in timed)


def test_progress_rises_to_the_total(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "hist"
    file.write_bytes(histories.bash(session(MANY)))
    told: list[tuple[int, int]] = []
    importers.run("bash", file, store, {}, lambda done, total: told.append((done, total)))
    size = file.stat().st_size
    assert len(told) > MANY // BATCH
    assert told == sorted(told)
    assert {total for _, total in told} == {size}
    assert told[-1] == (size, size)


def test_places_that_are_broken_are_counted_beyond_those_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "hist").write_bytes(b"\0x\n" * 1000 + b"ls\n" * 100_000)
    report = histories.run(store, "bash", tmp_path / "hist")
    assert (report.read, report.broken_count) == (100_000, 1000)
    assert [place.position for place in report.broken] == [f"line {number}" for number in range(1, 101)]


@pytest.mark.parametrize(
    ("shell", "write"), [("bash", histories.bash), ("zsh", histories.zsh), ("fish", histories.fish)]
)
def test_no_secret_reaches_the_disk(
    store: Store, tmp_path: Path, shell: str, write: Callable[[list[histories.Timed]], bytes]
) -> None:
    planted = canaries(400, seed=11)
    (tmp_path / "hist").write_bytes(write([(canary.line, NOW + i) for i, canary in enumerate(planted)]))
    report = histories.run(store, shell, tmp_path / "hist")
    assert (report.read, report.redacted, report.broken_count) == (400, 400, 0)
    assert all(command.redacted for command in histories.stored(store))
    on_disk = b"".join(file.read_bytes() for file in store.path.parent.iterdir())
    assert [canary.line for canary in planted if canary.secret.encode() in on_disk] == []


def test_the_folder_of_a_history_may_have_any_name(store: Store, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "hist").write_text("ls\n")
    report = histories.run(store, "bash", folder / "hist")
    assert histories.stored(store)[0].session == f"bash:{tmp_path}/caf\ufffd/hist"
    assert report.file == f"{tmp_path}/caf\ufffd/hist"


SECOND = 10**9


@pytest.mark.parametrize("started", [None, NOW * SECOND, NOW * SECOND + 5, 0, ((1 << 32) * SECOND) - 1])
def test_fingerprints_differ_fit_the_store_and_are_the_same_in_every_run(started: int | None) -> None:
    def run() -> list[int]:
        given = Fingerprints()
        return [given.of(hashed("bash", f"l{number % 10}"), started) for number in range(1000)]

    numbers = run()
    assert len(set(numbers)) == 1000
    assert all(-(1 << 63) <= number < 1 << 63 for number in numbers)
    assert {number < 0 for number in numbers} == {started is None}
    assert run() == numbers


def test_hashes_that_meet_are_told_apart() -> None:
    given, low = Fingerprints(), 1 << 60  # differs only in bits that a number with a time does not keep
    numbers = [given.of(value, NOW * SECOND) for value in (5, 5 + low, 5, 5 + 2 * low)]
    assert len(set(numbers)) == 4


def test_numbers_with_times_grow_with_them() -> None:
    given = Fingerprints()
    numbers = [given.of(hashed("zsh", f"l{number}"), (NOW + number) * SECOND) for number in range(100)]
    assert numbers == sorted(numbers)
