"""How fast the completer answers at 10,000, 100,000 and 1,000,000 lines; prints JSON.

    python tests/bench/bench_rank.py [LINES ...]

Each size runs in a process of its own. The history is synthetic: 30 % of the lines are distinct, the rest repeat
earlier ones, newer ones more often. Asked at every keystroke of 200 lines, half of them known, each of which is then
run. Beside it the newest line with the prefix by a scan of the whole list, as prompt_toolkit does for xonsh.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from assistant_core.records import Command, Query
from completers import Completer, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = (10_000, 100_000, 1_000_000)
PROGRAMS = (
    "git",
    "ls",
    "cd",
    "docker",
    "vim",
    "python",
    "cargo",
    "make",
    "ssh",
    "kubectl",
    "grep",
    "cat",
    "g++",
    "pytest",
)
ACTIONS = (
    "status",
    "commit -m",
    "run",
    "build",
    "-la",
    "push origin",
    "compose up",
    "exec -it",
    "--help",
    "test",
    "logs",
)
TYPED = 200


def _distinct(rng: random.Random, number: int) -> str:
    return f"{rng.choice(PROGRAMS)} {rng.choice(ACTIONS)} {rng.choice('abcdefgh')}{rng.randrange(10**6)} /srv/{number}"


def history(size: int) -> Iterator[Row]:
    """Yield `size` rows in sessions of 50 and in 500 folders."""
    rng = random.Random(size)
    seen: list[str] = []
    for i in range(size):
        if not seen or rng.random() < 0.3:
            seen.append(_distinct(rng, i))
            line = seen[-1]
        else:
            line = seen[-1 - int(rng.random() ** 3 * len(seen))]
        yield line, f"s{i // 50}", f"/home/user/{rng.randrange(500)}", rng.choice((0, 0, 0, 1, None)), i * 10**9


def _percentiles(micros: list[float]) -> dict[str, float]:
    ordered = sorted(micros)
    marks = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {name: round(ordered[int(share * len(ordered))], 1) for name, share in marks.items()}
    return found | {"max": round(ordered[-1], 1)}


def _timed(call: Callable[..., object], *arguments: object) -> float:
    """Microseconds that a call took."""
    started = time.perf_counter_ns()
    call(*arguments)
    return (time.perf_counter_ns() - started) / 1e3


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _newest_with(lines: list[str], prefix: str) -> str | None:
    return next((line for line in reversed(lines) if line.startswith(prefix)), None)


def _load(size: int) -> tuple[Completer, dict[str, float]]:
    """Load as the service does: no garbage collection meanwhile, and none of what was loaded later."""
    generating = _timed(lambda: sum(1 for _ in history(size))) / 1e6
    before, started = _resident_mb(), time.perf_counter()
    gc.disable()
    completer = Completer(history(size))
    load, resident = time.perf_counter() - started - generating, _resident_mb() - before
    return completer, {"load_s": round(load, 2), "resident_mb": round(resident, 1)}


def measure(size: int) -> dict[str, object]:
    """Load, then type and run lines; times of complete() and observe() in microseconds."""
    completer, loaded = _load(size)
    rng, lines = random.Random(0), [row[0] for row in history(size)]
    gc.freeze()
    gc.enable()
    micros: dict[str, list[float]] = {"complete_us": [], "observe_us": [], "newest_by_scan_us": []}
    session, cwd = f"s{size // 50 - 1}", "/home/user/7"
    for i in range(TYPED):
        line = rng.choice(lines) if i % 2 else _distinct(rng, size + i)
        queries = [Query(text=line[:length], session=session, cwd=cwd) for length in range(len(line))]
        micros["complete_us"] += [_timed(completer.complete, query) for query in queries]
        micros["newest_by_scan_us"].append(_timed(_newest_with, lines, line[: len(line) // 2]))
        command = Command(line=line, session=session, cwd=cwd, exit_code=0)
        micros["observe_us"].append(_timed(completer.observe, command))
    return completer.stats() | loaded | {name: _percentiles(times) for name, times in micros.items()}


def main() -> None:
    """Measure each size in a fresh interpreter, or, when asked for one size, here."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    if len(sizes) == 1:
        print(json.dumps(measure(sizes[0])))
        return
    results = [
        json.loads(subprocess.run([sys.executable, __file__, str(size)], check=True, capture_output=True).stdout)
        for size in sizes
    ]
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
