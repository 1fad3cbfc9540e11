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
import pty
import random
import signal
import sqlite3
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
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(folder / "run"),
        **{f"XDG_{name}_HOME": str(folder / below) for name, below in NAMES.items()},
    }


class Shell:
    """A recording xonsh in a pseudo-terminal, to which lines are typed without waiting for each."""

    AHEAD = 20  # lines typed before the first of them has answered

    def __init__(self, environ: dict[str, str], name: str) -> None:
        self._name = name
        self.answered = 0  # lines that have said their number
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(environ["HOME"])
            os.execve(sys.executable, [sys.executable, "-m", "xonsh", "-i"], environ)  # noqa: S606 - no shell is wanted

    def line(self, number: int) -> str:
        """The line of this number; what it prints is not in what is typed."""
        return f"print('{self._name}', {number}, sep='#')"

    def run(self, commands: int) -> None:
        """Type lines until that many have answered or the shell is gone."""
        typed, seen = 0, b""
        with contextlib.suppress(OSError):  # the shell is gone
            while self.answered < commands:
                while typed < min(commands, self.answered + self.AHEAD):
                    os.write(self._fd, f"{self.line(typed)}\r".encode())
                    typed += 1
                seen = seen[-10_000:] + os.read(self._fd, 65536)
                while f"{self._name}#{self.answered}\r".encode() in seen:
                    self.answered += 1

    def end(self) -> None:
        """Close the terminal as a user does, and wait."""
        with contextlib.suppress(OSError):
            os.write(self._fd, b"exit\r")
            while os.read(self._fd, 65536):
                pass
        os.waitpid(self.pid, 0)
        os.close(self._fd)


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
        running = [Shell(environ, f"s{number}c") for number in range(shells)]
        typists = [threading.Thread(target=shell.run, args=(commands,)) for shell in running]
        started = time.monotonic()
        for typist in typists:
            typist.start()
        for typist in typists:
            typist.join()
        seconds = time.monotonic() - started
        for shell in running:
            shell.end()
        stop.set()
        killer.join()
        lines, integrity = rows(folder)
        expected = {shell.line(number) for shell in running for number in range(commands)}
        meant = [line for line in lines if line != "exit"]
        return {
            "shells": shells,
            "commands": shells * commands,
            "seconds": round(seconds, 1),
            "service_kills": len(killed),
            "services_killed": len(set(killed)),
            "lost": len(expected - set(lines)),
            "doubled": len(meant) - len(set(meant)),
            "integrity": integrity,
        }


def killed_shells(kills: int) -> dict[str, object]:
    """SIGKILL at a random moment; what had ended before the last number was said must be there."""
    rng, lost, recorded, sound = random.Random(2), 0, 0, True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = home(folder) | {"XONTRIB_ASSISTANT_SERVICE_ENABLED": "0"}
        for number in range(kills):
            shell = Shell(environ, f"k{number}c")
            typist = threading.Thread(target=shell.run, args=(10**6,))
            typist.start()
            while not shell.answered:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.5))
            os.kill(shell.pid, signal.SIGKILL)
            typist.join()
            shell.end()
            have = set(rows(folder)[0])
            lost += sum(shell.line(i) not in have for i in range(shell.answered - 1))
        recorded = len(rows(folder)[0])
        sound = rows(folder)[1] == "ok"
    return {"kills": kills, "recorded": recorded, "lost_besides_the_one_in_flight": lost, "integrity": sound}


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
