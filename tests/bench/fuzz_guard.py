"""Whether anything that can be typed makes the guard raise, hang or grow; prints JSON.

    python tests/bench/fuzz_guard.py [INPUTS] [SEED] [PROCESSES]

The processes, one unless told, share the inputs, 1,000,000 unless told. A third of them are seeds (the examples of the
rule files, and `guard_lines.jsonl`) with characters dropped, doubled, swapped or put in; a third two seeds joined in a
way shells have; a third is brackets, random Unicode or random bytes. Times are of the processor, for what is slow the
better of two, so that the machine's other work does not count. Memory is what the process holds after the first tenth
of its inputs, and at the end.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from assistant_core.guard import Context, classify
from assistant_core.guard.rulefile import load
from assistant_core.guard.rules import FOLDER

HERE = Context({"HOME": "/home/ada", "EMPTY": "", "SET": "/srv/data"}, "/home/ada/work/app", "/home/ada")
LINES = Path(__file__).parents[1] / "guard_lines.jsonl"
INPUTS = 1_000_000
PIECES: tuple[str, ...] = (
    *"$(){}[]<>|&;'\"`\\*?~!@#=%^,.:-+/ \t\n\r\0",
    "$(",
    "${",
    "$((",
    "<<",
    "<<<",
    "<(",
    "@(",
    "![",
    "$[",
    "&&",
    "||",
    "<<E\n",
    "\nE\n",
    "$'",
    "=(",
    "\ue001",
    "\ue003",
    "\ue100",
    "\ud800",
    "\u202e",
    "é",
    "🦀",
    " rm -rf / ",
    "sudo ",
    " and ",
    "for x in ",
    "; do ",
    "if ",
    "case x in ",
    "import os; ",
    "def f():\n    ",
    "-",
    "--",
)
JOINTS = (" | ", " && ", "; ", "\n", " & ", " || ", " > ", " < <(", " $(", " `", "<<E\n", ' "', " '", " {", "(", " @(")
LONGEST_RANDOM = 120
SLOW_MS = 50


class Outcome(NamedTuple):
    """What one process found."""

    exceptions: list[str]
    slowest_ms: float
    slowest: str
    over_50_ms: int
    grown_kib: int
    total_s: float


def seeds() -> list[str]:
    """Return lines to begin from."""
    files = [load(path) for path in sorted(FOLDER.glob("*.toml"))]
    examples = [line for file in files for rule in file.rule for line in (*rule.positive, *rule.negative)]
    own = [str(json.loads(line)["command"]) for line in LINES.read_text(encoding="utf-8").splitlines()]
    return [*examples, *(line for file in files for line in file.allowed), *own]


def mutated(rng: random.Random, text: str) -> str:
    """Return `text` with up to four changes."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(text))
        end = min(len(text), at + rng.randint(1, 6))
        text = rng.choice(
            (
                text[:at] + text[end:],
                text[:at] + rng.choice(PIECES) + text[at:],
                text[:at] + rng.choice(PIECES) + text[end:],
                text[:end] + text[at:end] * rng.choice((1, 2, 40)) + text[end:],
                text[at:] + text[:at],
            )
        )
    return text


def made(rng: random.Random, lines: list[str]) -> str:
    """Return one input."""
    kind = rng.randrange(6)
    if kind < 2:
        return mutated(rng, rng.choice(lines))
    if kind < 4:
        return rng.choice(lines) + rng.choice(JOINTS) + mutated(rng, rng.choice(lines))
    length = rng.randint(0, LONGEST_RANDOM)
    if kind == 5 and rng.random() < 0.5:
        return rng.randbytes(length).decode("utf-8", "surrogateescape")
    if rng.random() < 0.01:
        return rng.choice(PIECES) * rng.randint(100, 20_000)
    text = "".join(rng.choice(PIECES) for _ in range(length // 2))
    return text + "".join(chr(rng.randrange(0x11_0000)) for _ in range(rng.randint(0, 5)))


def held_kib() -> int:
    """Return the memory that this process holds, in KiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def milliseconds(line: str) -> float:
    """Return the processor's time for one verdict; raises what that raises."""
    start = time.thread_time()
    classify(line, HERE)
    return (time.thread_time() - start) * 1e3


def work(task: tuple[int, int]) -> Outcome:
    """Classify that many inputs."""
    count, seed = task
    rng, lines = random.Random(seed), seeds()
    exceptions: list[str] = []
    slowest, slowest_line, slow, before = 0.0, "", 0, 0
    began = time.perf_counter()
    for number in range(count):
        line = made(rng, lines)
        try:
            took = milliseconds(line)
            took = min(took, milliseconds(line)) if took > SLOW_MS else took
        except BaseException:  # noqa: BLE001 - any at all is what is looked for
            exceptions.append(f"{line!r}\n{traceback.format_exc(limit=-3)}")
            continue
        slow += took > SLOW_MS
        if took > slowest:
            slowest, slowest_line = took, line
        if number == count // 10:
            before = held_kib()
    return Outcome(exceptions, slowest, slowest_line, slow, held_kib() - before, time.perf_counter() - began)


def main(inputs: int = INPUTS, seed: int = 1, processes: int = 1) -> None:
    """Run, and print what came of it."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:  # says so where a process dies
        found = list(pool.map(work, [(inputs // processes, seed + index) for index in range(processes)]))
    worst = max(found, key=lambda each: each.slowest_ms)
    print(
        json.dumps(
            {
                "inputs": inputs // processes * processes,
                "exceptions": sum(len(each.exceptions) for each in found),
                "first_exceptions": [text for each in found for text in each.exceptions[:5]],
                "slowest_ms": round(worst.slowest_ms, 1),
                "slowest": f"{worst.slowest[:80]!r} ({len(worst.slowest)} characters)",
                "over_50_ms": sum(each.over_50_ms for each in found),
                "grown_kib": [each.grown_kib for each in found],
                "mean_us": round(sum(each.total_s for each in found) / inputs * 1e6),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
