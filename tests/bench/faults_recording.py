"""What is lost when shells and the service are killed while they record. Prints JSON; ends with 1 if anything is.

    python tests/bench/faults_recording.py [--commands 10000] [--shells 4] [--kills 200]

First several shells record at once while the service is killed at random; then one shell after the other is
killed with SIGKILL while it records, and every command that had ended by then must be in the store.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

NAMES = {"DATA": "share", "CONFIG": "config", "STATE": "state", "CACHE": "cache"}


def home(folder: Path) -> dict[str, str]:
    """Variables of a user who has nothing yet."""
    (folder / "run").mkdir(mode=0o700)
    return {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(folder / "run"),
        **{f"XDG_{name}_HOME": str(folder / below) for name, below in NAMES.items()},
    }


def shell(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """A recording xonsh that reads its lines from a pipe and says the number of each as it runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "xonsh", "-i"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        cwd=environ["HOME"],
    )


def rows(folder: Path) -> tuple[list[str], str]:
    """The lines in the store and the verdict of SQLite's integrity check."""
    with contextlib.closing(sqlite3.connect(folder / "share/xontrib-assistant/history.db")) as db:
        lines = [line for (line,) in db.execute("SELECT line FROM commands")]
        return lines, db.execute("PRAGMA integrity_check").fetchone()[0]


def kill_service(folder: Path, rng: random.Random, stop: threading.Event) -> list[int]:
    """Kill the service again and again until `stop`; return the pids."""
    killed: list[int] = []
    while not stop.wait(rng.uniform(0.2, 2)):
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / "run/xontrib-assistant/service.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
    return killed


def concurrent(shells: int, commands: int) -> dict[str, object]:
    """Several shells at once, and no service is safe."""
    with tempfile.TemporaryDirectory() as name:
        folder, stop, killed = Path(name), threading.Event(), list[int]()
        environ = home(folder)
        killer = threading.Thread(target=lambda: killed.extend(kill_service(folder, random.Random(1), stop)))
        killer.start()
        running = [shell(environ) for _ in range(shells)]
        feeders = [
            threading.Thread(
                target=process.communicate,
                args=("".join(f"word = 's{n}c{i}'\n" for i in range(commands)).encode(),),
            )
            for n, process in enumerate(running)
        ]
        started = time.monotonic()
        for feeder in feeders:
            feeder.start()
        for feeder in feeders:
            feeder.join()
        stop.set()
        killer.join()
        lines, integrity = rows(folder)
        expected = {f"word = 's{n}c{i}'" for n in range(shells) for i in range(commands)}
        return {
            "shells": shells,
            "commands": shells * commands,
            "seconds": round(time.monotonic() - started, 1),
            "service_kills": len(killed),
            "services_killed": len(set(killed)),
            "lost": len(expected - set(lines)),
            "doubled": len(lines) - len(set(lines)),
            "integrity": integrity,
        }


def killed_shells(kills: int) -> dict[str, object]:
    """SIGKILL at a random moment; what had ended before the last number was said must be there."""
    rng, lost, recorded, sound = random.Random(2), 0, 0, True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = home(folder) | {"XONTRIB_ASSISTANT_SERVICE_ENABLED": "0"}
        for number in range(kills):
            process = shell(environ)
            assert process.stdin is not None
            assert process.stdout is not None
            lines = "".join(f"print('k{number}c{i}.', flush=True)\n" for i in range(400)).encode()
            threading.Thread(target=feed, args=(process, lines), daemon=True).start()
            said, patience = b"", rng.uniform(0, 0.5)
            while f"k{number}c0.".encode() not in said:
                said += os.read(process.stdout.fileno(), 65536)
            timer = threading.Timer(patience, process.kill)
            timer.start()
            said += process.stdout.read()
            process.wait()
            ended = max(i for i in range(400) if f"k{number}c{i}.".encode() in said)
            have = {line for line in rows(folder)[0] if f"'k{number}c" in line}
            expected = {f"print('k{number}c{i}.', flush=True)" for i in range(ended)}
            lost += len(expected - have)
            recorded += len(have)
        sound = rows(folder)[1] == "ok"
    return {"kills": kills, "recorded": recorded, "lost_besides_the_one_in_flight": lost, "integrity": sound}


def feed(process: subprocess.Popen[bytes], lines: bytes) -> None:
    """Write until the shell is gone."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.write(lines)
        process.stdin.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--shells", type=int, default=4)
    parser.add_argument("--kills", type=int, default=200)
    args = parser.parse_args()
    result = {"concurrent": concurrent(args.shells, args.commands), "killed": killed_shells(args.kills)}
    print(json.dumps(result, indent=1))
    return int(bool(result["concurrent"]["lost"] or result["killed"]["lost_besides_the_one_in_flight"]))


if __name__ == "__main__":
    sys.exit(main())
