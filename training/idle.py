"""Whether the machine has time for training, and the gate that a run passes between two steps.

In: settings, the kernel's counters below `/proc` and `/sys`, when the user's last command ran. Out: what stands in the
way, in words, "" if nothing does. A run that works cannot judge by load and pressure, to which it adds itself: it
counts the processor time of all others instead.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from assistant_core.settings import Training

LOOK_S: Final = 5.0  # between two looks of a run that works
PAUSE_S: Final = 15.0  # between two looks of one that waits
_TICK: Final = os.sysconf("SC_CLK_TCK")  # of /proc/stat, a second


class Roots(NamedTuple):
    """Where the kernel tells about itself."""

    proc: Path = Path("/proc")
    power: Path = Path("/sys/class/power_supply")


MACHINE: Final = Roots()


class _Spent(NamedTuple):
    """Processor time since the start, in seconds over all cores."""

    total: float
    busy: float
    ours: float


class Watch:
    """Looks at the machine; `last_command` is when the user's last command ran, in seconds since the Unix epoch.

    What a system does not tell stands in nobody's way: without `/proc` the load average alone counts.
    """

    def __init__(
        self,
        settings: Training,
        last_command: Callable[[], float | None],
        *,
        roots: Roots = MACHINE,
        ours: Callable[[], float] = lambda: sum(os.times()[:4]),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._last_command = last_command
        self._proc, self._power = roots
        self._ours = ours
        self._clock = clock
        self._spent = self._now()

    def obstacle(self) -> str:
        """Say what stands in the way of a run that does not work at the moment."""
        self._spent = self._now()
        return self._battery() or self._user() or self._load() or self._pressure()

    def disturbance(self) -> str:
        """Say what stands in the way of the run that has worked since the last look."""
        return self._battery() or self._user() or self._others()

    def _battery(self) -> str:
        return "" if self._settings.on_battery or on_mains(self._power) else "on battery"

    def _user(self) -> str:
        last = self._last_command()
        minutes = None if last is None else (self._clock() - last) / 60
        if minutes is None or not 0 <= minutes < self._settings.quiet_minutes:
            return ""
        return f"a command ran {minutes:.0f} minutes ago"

    def _load(self) -> str:
        share = _load(self._proc) / (os.cpu_count() or 1)
        return f"load {share:.2f} a core" if share > self._settings.max_load else ""

    def _pressure(self) -> str:
        percent = _pressure(self._proc)
        return f"CPU pressure {percent:.0f} %" if percent > self._settings.max_pressure else ""

    def _others(self) -> str:
        before, self._spent = self._spent, self._now()
        total = self._spent.total - before.total
        others = (self._spent.busy - before.busy) - (self._spent.ours - before.ours)
        if total <= 0 or (share := others / total) <= self._settings.max_load:
            return ""
        return f"other programs use {share:.0%} of the cores"

    def _now(self) -> _Spent:
        """Read the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5))."""
        try:
            fields = (self._proc / "stat").read_text().split(maxsplit=9)[1:9]
        except OSError:
            return _Spent(0, 0, 0)
        ticks = [int(field) for field in fields]
        return _Spent(sum(ticks) / _TICK, (sum(ticks) - ticks[3] - ticks[4]) / _TICK, self._ours())


def on_mains(power: Path) -> bool:
    """Say whether the machine is fed from outside; one that tells nothing, or has no battery, is.

    `power` is `/sys/class/power_supply`: a folder a supply, see Documentation/ABI/testing/sysfs-class-power in Linux.
    """
    supplies = [
        {name: _line(folder / name) for name in ("type", "online", "status", "scope")}
        for folder in (power.iterdir() if power.is_dir() else ())
    ]
    if any(supply["online"] == "1" for supply in supplies if supply["type"] != "Battery"):
        return True
    batteries = [supply for supply in supplies if supply["type"] == "Battery" and supply["scope"] != "Device"]
    return all(battery["status"] != "Discharging" for battery in batteries)


def _line(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _load(proc: Path) -> float:
    """Return the one-minute load average."""
    try:
        return float((proc / "loadavg").read_text().split()[0])
    except OSError:
        return os.getloadavg()[0]


def _pressure(proc: Path) -> float:
    """Return the percent of the last minute in which something waited for a core (Documentation/accounting/psi)."""
    some = _line(proc / "pressure" / "cpu").partition("\n")[0]
    fields = dict(field.split("=") for field in some.split()[1:])
    return float(fields.get("avg60", 0))


class Gate:
    """Passed between two steps of a run; `deadline` is when the time is up, by `clock`, in seconds.

    Without a `watch` nothing else stands in the way. `tell` is given the reason of each pause, and "" at its end.
    """

    def __init__(
        self,
        deadline: float,
        watch: Watch | None = None,
        tell: Callable[[str], object] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._deadline = deadline
        self._watch = watch
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._next = clock() + LOOK_S

    @property
    def left_s(self) -> float:
        """Seconds until the time is up; negative afterwards."""
        return self._deadline - self._clock()

    def wait(self) -> bool:
        """Wait while something stands in the way; return False once the time is up. Looks every few seconds."""
        if self._watch and self._clock() >= self._next:
            reason = self._watch.disturbance()
            while reason and self.left_s > 0:
                self._tell(reason)
                self._sleep(min(PAUSE_S, max(self.left_s, 0)))
                if not (reason := self._watch.obstacle()):
                    self._tell("")
            self._next = self._clock() + LOOK_S
        return self.left_s > 0
