"""A machine as its kernel tells of it, in a few small files."""

from __future__ import annotations

import os
from pathlib import Path

from assistant_core.settings import replace_file
from training.idle import Roots

QUIET = "some avg10=0.00 avg60=1.50 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
PRESSED = QUIET.replace("1.50", "35.00")
CORES = os.cpu_count() or 1

Supplies = dict[str, dict[str, str]]
MAINS: Supplies = {"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Charging"}}
BATTERY: Supplies = {"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging"}}


def machine(folder: Path, *, load: float = 0.0, pressure: str = QUIET, power: Supplies | None = None) -> Roots:
    """What the kernel tells, as small files; a run that reads them never finds one half written."""
    roots = Roots(folder / "proc", folder / "power")
    replace_file(roots.proc / "loadavg", f"{load * CORES:.2f} 0.00 0.00 1/100 4242\n")
    replace_file(roots.proc / "pressure" / "cpu", pressure)
    stat(roots, busy_s=0, idle_s=0)
    for name, files in (power or {}).items():
        for file, text in files.items():
            replace_file(roots.power / name / file, f"{text}\n")
    return roots


def stat(roots: Roots, *, busy_s: float, idle_s: float) -> None:
    user, idle = (round(seconds * os.sysconf("SC_CLK_TCK")) for seconds in (busy_s, idle_s))
    replace_file(roots.proc / "stat", f"cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 {user} 0 0 {idle} 0 0 0 0 0 0\n")
