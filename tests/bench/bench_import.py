"""How long an import takes, and how long it keeps others from writing. Prints JSON.

Run: `python tests/bench/bench_import.py [LINES [bash|zsh|fish|plain]]`; 1,000,000 lines of bash with times by default,
"plain" is bash without. 30 % of the lines differ, each as likely as the next. All are written below a temporary folder.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import histories

from assistant_core import importers
from assistant_core.records import Command
from assistant_core.store import Store

WRITERS = {
    "bash": histories.bash,
    "zsh": histories.zsh,
    "fish": histories.fish,
    "plain": histories.plain,
}


def history(count: int) -> Iterator[histories.Timed]:
    """Yield lines of two to six words, a second apart."""
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 10))) for _ in range(4000)]
    unique = [" ".join(rng.choices(words, k=rng.randint(2, 6))) for _ in range(max(count * 3 // 10, 1))]
    return ((rng.choice(unique), 1_700_000_000 + number) for number in range(count))


class Watched(Store):
    """A store that writes down how long it held the lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.held: list[float] = []

    def append_imported(self, commands: Iterable[tuple[Command, int]]) -> int:
        begun = time.perf_counter()
        added = super().append_imported(commands)
        self.held.append(time.perf_counter() - begun)
        return added


def measured(shell: str, file: Path, store: Watched) -> dict[str, object]:
    """Import once; times of one transaction are in milliseconds and include its part of writing to the file."""
    store.held.clear()
    begun, cpu = time.perf_counter(), time.process_time()
    report = importers.run(shell, file, store, {}, lambda _done, _total: None)
    held = sorted(store.held)
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "added": report.added,
        "known": report.known,
        "lock_ms": {name: round(held[int(part * (len(held) - 1))] * 1e3, 1) for name, part in PARTS.items()},
    }


PARTS = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def main() -> None:
    """Import, import again, and print what it took."""
    count, kind = int([*sys.argv, "1000000"][1]), [*sys.argv, "", "bash"][2] or "bash"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "history")
        file.write_bytes(WRITERS[kind](history(count)))
        store = Watched(Path(folder, "data", "history.db"))
        shell = "bash" if kind == "plain" else kind
        result = {name: measured(shell, file, store) for name in ("first", "again")}
    print(json.dumps({"lines": count, "kind": kind, "load": round(os.getloadavg()[0], 1), **result}))


if __name__ == "__main__":
    main()
