"""From Enter after `? request` to the line in the next prompt, in a real xonsh with a real service: milliseconds.

    python tests/bench/bench_ask.py [--models FOLDER]

Prints JSON. `first`: pasted two seconds after the first service of an installation started, while it still prepares
what is looked up; `cold`: pasted as the first thing into a new shell, with no service running; `typed`: typed in three
seconds, as the first thing as well; `warm`: questions after that. FOLDER holds KIND/VERSION of models to be used in the
place of the shipped ones, as the data folder does.
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
    terminal.send("?")
    terminal.pump(pause_s)
    terminal.send(f" {request}")
    terminal.pump(0.2)
    before, started = terminal.prompts(), time.perf_counter()
    terminal.send(ENTER)
    terminal.wait(lambda: terminal.prompts() > before and prompted(terminal), "a line")
    return (time.perf_counter() - started) * 1000


def again(terminal: Terminal, request: str) -> float:
    """Return the milliseconds of a question at an empty prompt of a screen that is empty."""
    terminal.run(CTRL_U + "clear")
    terminal.pump(0.3)
    return asked(terminal, request)


def first(home: Home) -> float:
    """Return the time of the first question of all."""
    with home.open() as terminal:
        while lifecycle.running(paths(home.environ)) is None:
            terminal.pump(0.1)
        terminal.pump(2)
        return again(terminal, REQUESTS[0])


def fresh(home: Home, pause_s: float, more: tuple[str, ...]) -> tuple[float, list[float]]:
    """Return the time of the first question in a shell that finds no service, and of `more`."""
    lifecycle.stop(paths(home.environ))
    with home.open() as terminal:
        return asked(terminal, REQUESTS[0], pause_s), [again(terminal, each) for each in more]


def measure(models: Path | None) -> dict[str, float]:
    """Return all times in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="xa-") as folder:
        home = Home(Path(folder), XONTRIB_ASSISTANT_SERVICE_ENABLED="1")
        places = paths(home.environ)
        if models is not None:
            shutil.copytree(models, places.models)
        try:
            before = first(home)
            cold, _ = fresh(home, 0, ())
            typed, warm = fresh(home, TYPING_S, REQUESTS[1:] * 2)
        finally:
            lifecycle.stop(places)
    return {
        "first_ms": before,
        "cold_ms": cold,
        "typed_ms": typed,
        "warm_p50_ms": statistics.median(warm),
        "warm_p95_ms": sorted(warm)[int(0.95 * len(warm))],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path)
    result = {name: round(value) for name, value in measure(parser.parse_args().models).items()}
    print(json.dumps({**result, "load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
