"""What the assistant adds to the start of xonsh: load, first prompt, memory. Prints JSON.

    python tests/bench/bench_load.py [--runs 20]

Shells start in a pseudo-terminal in pairs, one with the assistant and one with an empty xontrib, in turn: the
machine's noise hits both. xonsh's own search for xontribs, the same for each of them, is left out. Every difference
is the median of the pairs; memory is read five seconds after the first prompt, when the service is connected.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from terminal import ENTER, Home, Terminal  # noqa: E402 - beside this folder, which is no package

RC = """\
$PROMPT = 'first-prompt> '
import time as _time, sys as _sys
_before, _modules = _time.perf_counter(), set(_sys.modules)
import {module} as _module
_module._load_xontrib_(xsh=__xonsh__)
_loaded = _time.perf_counter() - _before
_new = sorted({{name.partition('.')[0] for name in set(_sys.modules) - _modules}} - _sys.stdlib_module_names)
"""
MODULES = {"assistant": "xontrib.assistant", "empty": "nothing"}
SETTLE_S = 5


def start(kind: str) -> tuple[float, float, float, list[str]]:
    """Start one shell; return seconds of the load, seconds to the first prompt, MB resident, and packages loaded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nothing.py").write_text("def _load_xontrib_(xsh, **_):\n    return {}\n")
        search = os.pathsep.join(filter(None, (name, os.environ.get("PYTHONPATH"))))
        environ = {"PYTHONPATH": search, "XONTRIBS_AUTOLOAD_DISABLED": "1", "XONTRIB_ASSISTANT_SERVICE_ENABLED": "1"}
        home = Home(folder, rc=RC.format(module=MODULES[kind]), **environ)
        began = time.perf_counter()
        with Terminal(home.xonsh("-i"), home.environ, folder) as terminal:
            terminal.wait_for("first-prompt>")
            prompt_s = time.perf_counter() - began
            terminal.pump(SETTLE_S)
            memory_mb = resident_mb(terminal.pid)
            terminal.send(f"print('loaded', _loaded, *_new){ENTER}")
            terminal.wait(lambda: "\nloaded" in terminal.screen(), "the figures")
            row = next(line for line in terminal.screen().splitlines() if line.startswith("loaded"))
            if kind == "assistant":
                terminal.send(f"assistant service stop{ENTER}")
                terminal.wait_for("stopped")
    _, load_s, *packages = row.split()
    return float(load_s), prompt_s, memory_mb, packages


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def compare(runs: int) -> dict[str, object]:
    """The assistant against the empty xontrib, run by run."""
    pairs = [(start("assistant"), start("empty")) for _ in range(runs + 1)][1:]  # the first fills caches
    median = statistics.median
    return {
        "load_ms": round(median(a[0] * 1e3 for a, _ in pairs), 2),
        "load_empty_ms": round(median(b[0] * 1e3 for _, b in pairs), 2),
        "load_added_ms": round(median((a[0] - b[0]) * 1e3 for a, b in pairs), 2),
        "first_prompt_ms": round(median(a[1] * 1e3 for a, _ in pairs), 1),
        "first_prompt_empty_ms": round(median(b[1] * 1e3 for _, b in pairs), 1),
        "first_prompt_added_ms": round(median((a[1] - b[1]) * 1e3 for a, b in pairs), 1),
        "memory_added_mb": round(median(a[2] - b[2] for a, b in pairs), 1),
        "packages_loaded": sorted({package for a, _ in pairs for package in a[3]}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    print(json.dumps({"runs": runs, **compare(runs)}, indent=1))


if __name__ == "__main__":
    main()
