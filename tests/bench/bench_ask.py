"""From Enter after `? request` to the line in the next prompt, in a real xonsh with a real service: milliseconds.

    python tests/bench/bench_ask.py [--models FOLDER]

Prints JSON. `cold`: the first question to a service that has read nothing for it, pasted; `typed`: the first one of a
service again, after the three seconds that typing it takes; `warm`: questions after that. FOLDER holds KIND/VERSION of
models to be used in the place of the shipped ones, as the data folder does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal import CTRL_U, ENTER, Home, Terminal

from assistant_core.service import lifecycle
from assistant_core.settings import paths

REQUESTS = (
    "find files over 1 GB",
    "count the lines of all c files",
    "show disk usage sorted by size",
    "extract a.tgz into /tmp/x",
    "list all git branches",
    "which process listens on port 8080",
    "replace foo by bar in all txt files",
    "show the last 20 lines of a log and follow it",
    "make a file executable",
    "print the second column of data.csv",
)
TYPING_S = 3.0


def prompted(terminal: Terminal) -> bool:
    rows = [row for row in terminal.screen().splitlines() if row.startswith("<")]
    return bool(rows and rows[-1].partition("> ")[2].strip())


def asked(terminal: Terminal, request: str, pause_s: float = 0) -> float:
    """Return the milliseconds from Enter to a line at the next prompt."""
    terminal.run(CTRL_U + "clear")
    terminal.pump(0.3)
    terminal.send("?")
    terminal.pump(pause_s)
    terminal.send(f" {request}")
    terminal.pump(0.2)
    before, started = terminal.prompts(), time.perf_counter()
    terminal.send(ENTER)
    terminal.wait(lambda: terminal.prompts() > before and prompted(terminal), "a line")
    return (time.perf_counter() - started) * 1000


def measure(models: Path | None, request: str, pause_s: float, more: tuple[str, ...]) -> tuple[float, list[float]]:
    """Return the time of the first question to a fresh service, and of `more`."""
    with tempfile.TemporaryDirectory(prefix="xa-") as folder:
        home = Home(Path(folder), XONTRIB_ASSISTANT_SERVICE_ENABLED="1")
        places = paths(home.environ)
        if models is not None:
            shutil.copytree(models, places.models)
        try:
            with home.open() as terminal:
                while lifecycle.running(places) is None:
                    terminal.pump(0.1)
                terminal.pump(2)
                return asked(terminal, request, pause_s), [asked(terminal, each) for each in more]
        finally:
            lifecycle.stop(places)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path)
    models = parser.parse_args().models
    cold, _ = measure(models, REQUESTS[0], 0, ())
    typed, warm = measure(models, REQUESTS[0], TYPING_S, REQUESTS[1:] * 2)
    result = {
        "cold_ms": round(cold),
        "typed_ms": round(typed),
        "warm_p50_ms": round(statistics.median(warm)),
        "warm_p95_ms": round(sorted(warm)[int(0.95 * len(warm))]),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
