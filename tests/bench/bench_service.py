"""Round trips to the real service over a history of many lines: prints JSON, times in microseconds.

    python tests/bench/bench_service.py [--lines 1000000] [--keys 3000]

`echo` is a bare process that sends back what it gets; `empty` is a request that does nothing; `suggest` is key after
key; `typed` one key every 150 ms, when the processor has gone to sleep; `reload` one every 5 ms while the history is
read anew.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant_core.records import Command, Query
from assistant_core.service import lifecycle, wire
from assistant_core.service.client import Client, hello
from assistant_core.settings import Paths, paths
from assistant_core.store import Store

PROGRAMS = (
    "git",
    "cd",
    "ls",
    "docker",
    "kubectl",
    "python",
    "make",
    "vim",
    "ssh",
    "grep",
    "tar",
    "cargo",
    "npm",
    "sudo",
)
DEADLINE_S = 1.0


def commands(count: int) -> Iterator[tuple[Command, int]]:
    """Yield a made-up history: three lines in ten are new, the others are mostly a few old ones."""
    dice = random.Random(7)
    begin = time.time_ns() - count * 60 * 10**9
    for number in range(count):
        rank = number if dice.random() < 0.3 else int(dice.paretovariate(0.8))
        words = random.Random(rank)
        line = " ".join(
            [
                words.choice(PROGRAMS),
                *(f"{words.choice('abcdefgh')}{words.randrange(99)}" for _ in range(words.randrange(1, 5))),
            ]
        )
        yield (
            Command(
                line=f"{line} {rank}" if rank > 50 else line,
                session=f"s{number // 200}",
                started_ns=begin + number * 60 * 10**9,
                cwd=f"/w/{rank % 50}",
            ),
            number,
        )


def summary(times: list[float]) -> dict[str, float]:
    """Return the middle and the ends of times in seconds, as microseconds."""
    cuts = statistics.quantiles(times, n=1000)
    return {
        "count": len(times),
        "p50": round(cuts[499] * 1e6, 1),
        "p99": round(cuts[989] * 1e6, 1),
        "max": round(max(times) * 1e6, 1),
    }


def measure(ask: Callable[[], object], count: int, pause_s: float = 0) -> dict[str, float]:
    """Return a summary of `count` calls of `ask`, `pause_s` seconds apart."""
    times = []
    for _ in range(count):
        time.sleep(pause_s)
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return summary(times)


def echo(count: int) -> dict[str, float]:
    """Measure a process that sends back what it gets."""
    near, far = socket.socketpair()
    if os.fork() == 0:
        near.close()
        while data := far.recv(65536):
            far.sendall(data)
        os._exit(0)
    far.close()
    line = wire.request(1, "suggest", Query(text="git commit -m", session="s1", cwd="/w/1"))

    def there_and_back() -> None:
        near.sendall(line)
        near.recv(65536)

    found = measure(there_and_back, count)
    near.close()
    os.wait()
    return found


def keys() -> Iterator[Query]:
    """Yield what is asked while lines are typed, key by key."""
    for number, (command, _) in enumerate(commands(10_000)):
        for length in range(1, min(len(command.line), 20)):
            yield Query(text=command.line[:length], session=f"t{number % 4}", cwd=command.cwd)


def status(client: Client) -> wire.Status:
    """Ask how the service is."""
    return client.call("status", None, wire.Status, timeout_s=30)


def during_reload(other: Client, ask: Callable[[], object]) -> dict[str, float]:
    """Measure key presses while the history is read anew."""
    times: list[float] = []
    thread = threading.Thread(target=lambda: other.call("reload", None, wire.Empty, timeout_s=300))
    thread.start()
    while thread.is_alive():
        time.sleep(0.005)
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return {**summary(times), "over 8 ms": sum(spent > 0.008 for spent in times)}


def run(places: Paths, lines: int, presses: int) -> dict[str, object]:
    """Fill the history, start the service, measure, stop it."""
    store = Store(places.history)
    store.append_imported(commands(lines))
    store.close()
    result: dict[str, object] = {"lines": lines, "echo": echo(presses)}
    start = time.perf_counter()
    me = hello("bench", os.environ)
    client, other = lifecycle.connect(places, me), lifecycle.connect(places, me)
    result["connected s"] = round(time.perf_counter() - start, 3)
    while status(client).loading:
        time.sleep(0.02)
    result["loaded s"] = round(time.perf_counter() - start, 3)
    queries = keys()
    nothing = wire.CancelParams(id=0)
    result["empty"] = measure(lambda: client.call("$/cancelRequest", nothing, wire.Empty, timeout_s=1), presses)
    for name, count, pause in (("suggest", presses, 0.0), ("typed", 100, 0.15)):
        result[name] = measure(lambda: client.suggest(next(queries), DEADLINE_S), count, pause)
    result["reload"] = during_reload(other, lambda: client.suggest(next(queries), DEADLINE_S))
    result["status"] = {name: getattr(status(client), name) for name in ("memory_kb", "commands", "unique", "problem")}
    client.close()
    other.close()
    lifecycle.stop(places)
    return result


def main() -> None:
    """Measure in a home of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=3000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = ("DATA_HOME", "CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR")
        places = paths({"HOME": folder, **{f"XDG_{kind}": str(Path(folder) / kind) for kind in kinds}})
        print(json.dumps(run(places, options.lines, options.keys), indent=1))


if __name__ == "__main__":
    main()
