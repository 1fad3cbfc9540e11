"""A scheduled run begins when nobody needs the machine, waits when somebody does, and ends in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machine import BATTERY, MAINS, PRESSED, Supplies, machine, stat
from program import record

from assistant_core.engine import progress
from assistant_core.engine.progress import Look, Outcome, Progress
from assistant_core.records import Command
from assistant_core.settings import Paths, Record, Settings, Training
from training import schedule
from training.idle import Gate, Roots, Watch, on_mains

Environ = dict[str, str]

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("power", "fed"),
    [
        ({}, True),
        (MAINS, True),
        (BATTERY, False),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Full"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}, "C0": {"type": "USB", "online": "1"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}, "C0": {"type": "USB", "online": "0"}}, False),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, True),
        ({"BAT0": {"type": "Battery"}, "broken": {}}, True),
    ],
)
def test_on_mains(tmp_path: Path, power: Supplies, fed: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert on_mains(machine(tmp_path, power=power).power) is fed


@pytest.mark.parametrize(
    ("found", "last_s", "change", "said"),
    [
        ({"power": MAINS}, None, {}, ""),
        ({"load": 0.4, "power": MAINS}, None, {}, "load 0.40 a core"),
        ({"load": 0.4, "power": MAINS}, None, {"max_load": 0.5}, ""),
        ({"pressure": PRESSED, "power": MAINS}, None, {}, "CPU pressure 35 %"),
        ({"pressure": PRESSED, "power": MAINS}, None, {"max_pressure": 40.0}, ""),
        ({"pressure": "", "power": MAINS}, None, {}, ""),  # a kernel without it
        ({"power": BATTERY}, None, {}, "on battery"),
        ({"power": BATTERY}, None, {"on_battery": True}, ""),
        ({}, 180.0, {}, "a command ran 3 minutes ago"),
        ({}, 601.0, {}, ""),
        ({}, 180.0, {"quiet_minutes": 0}, ""),
        ({}, -500.0, {}, ""),  # a clock that was put back
    ],
)
def test_what_stands_in_the_way(
    tmp_path: Path, found: dict[str, Any], last_s: float | None, change: dict[str, Any], said: str
) -> None:
    roots = machine(tmp_path, **found)
    last = None if last_s is None else NOW_S - last_s
    watch = Watch(Training()._replace(**change), lambda: last, roots=roots, clock=lambda: NOW_S)
    assert watch.obstacle() == said


@pytest.mark.parametrize(
    ("busy_s", "ours_s", "said"),
    [
        (0, 0, ""),
        (38, 38, ""),  # a run that uses all there is does not wait for itself
        (25, 20, ""),
        (36, 20, "other programs use 40% of the cores"),
        (40, 0, "other programs use 100% of the cores"),
    ],
)
def test_a_run_counts_what_others_use(tmp_path: Path, busy_s: float, ours_s: float, said: str) -> None:
    roots, ours = machine(tmp_path, load=9, pressure=PRESSED), [5.0]
    watch = Watch(Training(), lambda: None, roots=roots, ours=lambda: ours[0])
    stat(roots, busy_s=busy_s, idle_s=40 - busy_s)
    ours[0] += ours_s
    assert watch.disturbance() == said
    assert watch.disturbance() == ""  # no time has passed since


def test_where_there_is_no_proc_the_load_counts(tmp_path: Path) -> None:
    watch = Watch(Training(max_load=1e9), lambda: None, roots=Roots(tmp_path / "no", tmp_path / "nor this"))
    assert (watch.obstacle(), watch.disturbance()) == ("", "")
    never = Watch(Training(max_load=-1), lambda: None, roots=Roots(tmp_path / "no", tmp_path / "nor this"))
    assert "a core" in never.obstacle()


class Clock:
    """Time that passes by sleeping; `at` has something happen at the sleep of that number."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0
        self.at: dict[int, Callable[[], object]] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1
        self.at.get(self.slept, lambda: None)()


def test_the_gate_is_open_for_seconds_and_then_looks(tmp_path: Path) -> None:
    clock, told = Clock(), list[str]()
    watch = Watch(Training(), lambda: None, roots=machine(tmp_path, power=BATTERY))
    gate = Gate(3600, watch, told.append, clock=clock, sleep=clock.sleep)
    assert gate.wait()
    assert (told, clock.slept) == ([], 0)


def test_the_gate_shuts_while_the_plug_is_pulled(tmp_path: Path) -> None:
    clock, told = Clock(), list[str]()
    watch = Watch(Training(), lambda: None, roots=machine(tmp_path, power=BATTERY))
    gate = Gate(3600, watch, told.append, clock=clock, sleep=clock.sleep)
    clock.at = {3: lambda: machine(tmp_path, power=MAINS)}
    clock.now = 10
    assert gate.wait()
    assert told == ["on battery"] * 3 + [""]
    assert gate.wait()
    assert clock.slept == 3
    assert gate.left_s == pytest.approx(3600 - 10 - 3 * 15)


def test_a_run_that_waits_looks_at_load_again(tmp_path: Path) -> None:
    clock, told, last = Clock(), list[str](), [NOW_S]
    watch = Watch(Training(), lambda: last[0], roots=machine(tmp_path, load=3), clock=lambda: NOW_S)
    gate = Gate(3600, watch, told.append, clock=clock, sleep=clock.sleep)
    clock.at = {1: lambda: last.__setitem__(0, 0), 2: lambda: machine(tmp_path)}
    clock.now = 10
    assert gate.wait()
    assert told == ["a command ran 0 minutes ago", "load 3.00 a core", ""]


def test_time_passes_while_the_gate_is_shut(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(Training(), lambda: None, roots=machine(tmp_path, power=BATTERY))
    gate = Gate(100, watch, clock=clock, sleep=clock.sleep)
    clock.now = 10
    assert not gate.wait()
    assert clock.now == 100
    assert not gate.wait()
    assert not Gate(0, clock=clock).wait()


# --- whether a night is one for training -----------------------------------------------------------------------


def commands(count: int, author: str = "human") -> list[Command]:
    return [Command(line=f"echo {number}", session="s", author=author) for number in range(count)]  # type: ignore[arg-type] # a word of Author


def outcome(hours_ago: float, newest: int, state: str = "done") -> Outcome:
    ended = time.time_ns() - round(hours_ago * 3.6e12)
    return Outcome(run="r", started_ns=ended, ended_ns=ended, state=state, newest=newest)  # type: ignore[arg-type] # a word of State


@pytest.mark.parametrize(
    ("typed", "last", "settings", "said"),
    [
        ((0, 0), None, Settings(), "0 new commands; training.min_commands is 100"),
        ((99, 50), None, Settings(), "99 new commands"),
        ((100, 0), None, Settings(), ""),
        ((150, 0), outcome(30, 100), Settings(), "50 new commands"),
        ((150, 0), outcome(30, 50), Settings(), ""),
        ((150, 0), outcome(30, 900), Settings(), ""),  # the history was purged since
        ((150, 0), outcome(20, 0), Settings(), ""),  # the last one began late
        ((150, 0), outcome(4, 0), Settings(), "the last run ended 4 hours ago; training.every_h is 24"),
        ((150, 0), outcome(4, 0, "failed"), Settings(), "the last run ended 4 hours ago"),
        ((150, 0), outcome(4, 0), Settings(training=Training(every_h=5)), ""),
        ((5, 0), None, Settings(training=Training(min_commands=5)), ""),
        ((150, 0), None, Settings(record=Record(private=True)), "private mode is on"),
    ],
)
def test_whether_a_run_is_wanted(
    paths: Paths, typed: tuple[int, int], last: Outcome | None, settings: Settings, said: str
) -> None:
    record(paths.history, [*commands(typed[0]), *commands(typed[1], "program")])
    if last:
        progress.write(paths, last)
    watch = Watch(settings.training, lambda: None, roots=machine(paths.state / "machine"))
    found = schedule.turn(paths, settings, watch)
    assert found.startswith(said)
    assert bool(found) == bool(said)
    look = progress.read(paths, Look)
    assert (look.reason if look else "") == found


def test_a_run_that_was_cut_off_is_always_wanted(tmp_path: Path, paths: Paths) -> None:
    progress.write(paths, outcome(1, 0))
    progress.write(paths, Progress(run="cut", started_ns=1, updated_ns=1))
    (paths.training / "runs" / "cut").mkdir(parents=True)
    watch = Watch(Training(), lambda: None, roots=machine(tmp_path / "machine"))
    assert schedule.turn(paths, Settings(), watch) == ""


@pytest.mark.parametrize(("free_at", "found"), [(5, ""), (10_000, "on battery")])
def test_a_run_waits_for_its_turn(tmp_path: Path, paths: Paths, free_at: int, found: str) -> None:
    record(paths.history, commands(100))
    folder, clock = tmp_path / "machine", Clock()
    watch = Watch(Training(), lambda: None, roots=machine(folder, power=BATTERY))
    clock.at = {free_at: lambda: machine(folder, power=MAINS)}
    assert schedule.turn(paths, Settings(), watch, clock=clock, sleep=clock.sleep) == found
    assert clock.now == min(free_at * schedule.LOOK_S, schedule.PATIENCE_S)


def test_when_the_last_command_ran(paths: Paths) -> None:
    assert schedule.last_command(paths) is None
    record(paths.history, [Command(line="ls", session="s", started_ns=5 * 10**9), Command(line="ls", session="s")])
    assert schedule.last_command(paths) is None
    record(paths.history, [Command(line="ls", session="s", started_ns=7 * 10**9)])
    assert schedule.last_command(paths) == 7
