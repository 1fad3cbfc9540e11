"""Days and months of the store as files: right, idempotent, never half, and rid of what was deleted."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="needs [train]")

import canaries
import pyarrow as pa
from faults import largest_file
from sharding import COMMANDS, DAY_NS, DAYS, KEY, LINES, MONTHS, NOW, Place, command

from assistant_core.errors import TrainingError
from assistant_core.redact import MARK, redact
from training import shards


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    for each in COMMANDS:
        place.store.append(each)
    yield place
    place.store.close()


def test_each_day_that_is_over_becomes_a_file(place: Place) -> None:
    assert place.days() == (DAYS, [], [])
    assert place.read_days() == LINES
    assert place.days(now_ns=NOW + DAY_NS) == (["2024-10-04"], DAYS, [])
    assert place.read_days() == LINES | {"2024-10-04": ["echo today"]}


def test_a_day_has_the_columns_of_a_command_without_the_names_of_this_machine(place: Place) -> None:
    place.days()
    second, third, undated = list(shards.read(place.raw))[1:]
    assert second.table.schema == shards.COLUMNS
    assert second.table.to_pylist()[1:] == [
        {
            "line": "ssh {user}@{host} uptime",
            "session": "s2",
            "cwd": "~/src",
            "directory": "",
            "started_ns": NOW - int(1.99 * DAY_NS),
            "duration_ns": None,
            "exit_code": 255,
            "author": "human",
        },
        {
            "line": "ls",
            "session": "s2",
            "cwd": None,
            "directory": "",
            "started_ns": NOW - int(1.8 * DAY_NS),
            "duration_ns": None,
            "exit_code": None,
            "author": "human",
        },
    ]
    assert third.table.column("duration_ns").to_pylist() == [12, None]
    assert undated.table.column("session").to_pylist() == ["bash:~/.bash_history"]


def test_a_days_sessions_are_rows_cut_at_long_pauses_without_what_programs_ran(place: Place) -> None:
    place.days()
    rows = [row for day in shards.read(place.raw) for row in shards.sessions(day)]
    assert [(row.group, row.texts, row.exits) for row in rows] == [
        ("s1", ("cd ~/src",), (0,)),
        ("s1", ("git status",), (0,)),
        ("s2", ("vim ~/notes.txt", "ssh {user}@{host} uptime"), (0, 255)),
        ("s2", ("ls",), (None,)),
        ("s3", ("git status",), (0,)),
        ("bash:~/.bash_history", ("history -c",), (0,)),
    ]
    assert [NOW - row.at_ns for row in rows if row.at_ns] == [int(days * DAY_NS) for days in (5, 4.9, 1.99, 1.8, 1.2)]
    assert rows[-1].at_ns is None
    assert {(row.task, row.source, row.licence) for row in rows} == {("session", "store", "private")}


def test_files_are_the_owners_alone(place: Place) -> None:
    place.days()
    place.months()
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.files()} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (place.raw, place.processed)} == {0o700}


def test_what_is_up_to_date_is_left(place: Place) -> None:
    place.days()
    place.months()
    before = {file: file.stat() for file in place.files()}
    assert (place.days(), place.months()) == (([], DAYS, []), ([], MONTHS, []))
    assert {file: file.stat() for file in place.files()} == before


def test_a_deleted_command_vanishes(place: Place) -> None:
    place.days()
    place.months()
    place.store.forget("git status")
    place.store.forget("history -c")
    assert place.files() == []  # at once; the rest is made anew
    assert place.days() == (["2024-09-29", "2024-10-02", "2024-10-03"], [], [])
    assert place.months() == (["2024-09", "2024-10"], [], [])
    left = {line for found in (place.read_days(), place.read_months()) for lines in found.values() for line in lines}
    assert left == {line for lines in LINES.values() for line in lines} - {"git status", "history -c"}
    place.store.purge()
    assert place.files() == []
    assert (place.days(), place.months()) == (([], [], []), ([], [], []))


def test_another_vocabulary_or_home_makes_them_again(place: Place) -> None:
    place.days()
    place.months()
    place.vocabulary.write_bytes(b"two")
    assert place.months() == (MONTHS, [], [])
    assert shards.update(place.store, place.raw, home="/home/bob", now_ns=NOW).made == DAYS
    assert place.read_days()["2024-10-02"][0] == "vim /home/{user}/notes.txt"


def test_no_secret_gets_into_a_shard(place: Place) -> None:
    planted = [each for each in canaries.canaries(400, seed=5) if each.secret not in redact(each.line).text]
    assert len(planted) > 300
    for each in planted:  # as they were before the rules that know them
        place.store.append(command(each.line, 3))
    place.days()
    place.months()
    kept = place.read_days()["2024-10-01"]
    assert sum(MARK in line for line in kept) == len(planted)
    learned = "\n".join(line for lines in place.read_months().values() for line in lines)
    for each in planted:
        assert each.secret not in "\n".join(kept)
        assert each.secret not in learned
    assert MARK not in learned


def test_a_day_is_mapped_and_only_its_columns_are_unpacked(place: Place) -> None:
    noise = random.Random(1)
    for _ in range(200):  # what zstd cannot pack, so that the file is as large as the columns
        place.store.append(command(f"echo {noise.randbytes(500).hex()}", 3))
    place.days()
    file = place.raw / "commands_2024-10-01.arrow"
    before = pa.total_allocated_bytes()
    with pa.memory_map(str(file)) as mapped, pa.ipc.open_file(mapped):
        assert pa.total_allocated_bytes() - before < file.stat().st_size / 10
    day = next(day for day in shards.read(place.raw) if day.day == "2024-10-01")
    assert pa.total_allocated_bytes() - before < 1.2 * day.table.nbytes


# --- damage --------------------------------------------------------------------------------------------------


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def delete(file: Path) -> None:
    file.unlink()


def older(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"schema":1', b'"schema":0'))


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("raw/commands_2024-10-02.arrow", flip, "its sha256 is"),
        ("raw/commands_2024-10-02.arrow", truncate, "its sha256 is"),
        ("raw/commands_2024-10-02.arrow", empty, "its sha256 is"),
        ("raw/commands_2024-10-02.arrow", delete, "is missing"),
        ("raw/commands_2024-10-02.json", delete, "is missing"),
        ("raw/commands_2024-10-02.json", truncate, "cannot be used"),
        ("raw/commands_2024-10-02.json", empty, "cannot be used"),
        ("raw/commands_2024-10-02.json", older, "has schema 0, expected 1"),
        ("processed/tokens_2024-10.bin", flip, "its sha256 is"),
        ("processed/tokens_2024-10.bin", truncate, "its sha256 is"),
        ("processed/wanted_2024-10.bin", flip, "its sha256 is"),
        ("processed/wanted_2024-10.bin", delete, "is missing"),
        ("processed/tokens_2024-10.json", delete, "is missing"),
        ("processed/tokens_2024-10.json", truncate, "cannot be used"),
    ],
)
def test_a_damaged_shard_is_named_and_passed_over_and_made_again(
    place: Place, name: str, damage: Callable[[Path], None], reason: str
) -> None:
    place.days()
    place.months()
    whole = place.read_days(), place.read_months()
    damage(place.raw.parent / name)
    days, months = place.read_days(), place.read_months()
    hurt = Path(name).stem.partition("_")[2]
    assert (days, months) == tuple({at: lines for at, lines in each.items() if at != hurt} for each in whole)
    assert len(place.damage) == 1
    assert Path(name).name in place.damage[0]
    assert reason in place.damage[0]
    assert place.days().made + place.months().made == [hurt]
    assert (place.read_days(), place.read_months()) == whole
    assert len(place.damage) == 1


def test_a_month_is_made_without_a_damaged_day_and_again_with_it(place: Place) -> None:
    place.days()
    flip(place.raw / "commands_2024-10-02.arrow")
    place.months()
    assert place.read_months()["2024-10"] == ["git status"]
    assert len(place.damage) == 1
    place.days()
    assert place.months().made == ["2024-10"]
    assert place.read_months()["2024-10"] == [*LINES["2024-10-02"], "git status"]


# --- sealed --------------------------------------------------------------------------------------------------


def test_sealed_shards_say_nothing_and_are_read_with_the_key(place: Place) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    place.days()
    place.months()
    whole = place.read_days(), place.read_months()
    assert (place.days(key=KEY), place.months(key=KEY)) == ((DAYS, [], []), (MONTHS, [], []))
    assert (place.days(key=KEY), place.months(key=KEY)) == (([], DAYS, []), ([], MONTHS, []))
    assert (place.read_days(KEY), place.read_months(KEY), place.damage) == (*whole, [])
    assert all(b"{user}" not in file.read_bytes() for file in place.files())
    assert (place.read_days(), place.read_months(bytes(32))) == ({}, {})
    assert sum("is sealed and no key was given" in text for text in place.damage) == len(DAYS)
    assert sum("was sealed with key" in text for text in place.damage) == len(MONTHS)
    assert (place.days().made, place.months().made) == (DAYS, MONTHS)
    assert (place.read_days(), place.read_months()) == whole


# --- a full disk, and the end of the process -----------------------------------------------------------------


def test_a_full_disk_is_named_and_harms_nothing_else(place: Place) -> None:
    place.days()
    place.months()
    whole = place.read_days(), place.read_months()
    noise = random.Random(1)
    for number in range(50):
        place.store.append(command(f"echo {noise.randbytes(500).hex()}", 3 + number / 1000))
    with largest_file(8192), pytest.raises(TrainingError, match=r"commands_2024-10-01.arrow cannot be written"):
        place.days()
    assert (place.read_days(), place.read_months(), place.damage) == (*whole, [])
    assert place.days().made == ["2024-10-01"]
    with largest_file(8192), pytest.raises(TrainingError, match=r"tokens_2024-10.bin cannot be written"):
        place.months()
    place.months()
    assert len(place.read_months()["2024-10"]) == 54
    assert not list(place.raw.parent.rglob(".*"))


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sharding import Place
place = Place(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:  # every round makes every day and every month again
    number += 1
    from training import shards
    shards.update(place.store, place.raw, home=f"/home/{number}", now_ns=int(sys.argv[3]))
    place.vocabulary.write_bytes(str(number).encode())
    place.months()
"""


def test_kill_9_at_any_moment_leaves_sound_shards_and_the_next_run_the_right_ones(place: Place) -> None:
    place.days()
    whole = place.read_days()
    chance = random.Random(7)
    folder = place.raw.parents[1]
    for _ in range(8):
        command = [sys.executable, "-c", WORKER, str(folder), str(Path(__file__).parent), str(NOW)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                worker.wait(chance.uniform(0.0, 0.08))
            worker.send_signal(signal.SIGKILL)
        place.damage.clear()
        for lines in (*place.read_days().values(), *place.read_months().values()):
            assert lines
        assert all("is missing: " in text for text in place.damage)  # unfinished at worst, never damaged
    place.days()
    place.months()
    assert (place.read_days(), set(place.read_months())) == (whole, set(MONTHS))
    assert not list(place.raw.parent.rglob(".*"))
