"""`assistant service`: the process that ranks is started, stopped and looked at."""

import itertools
import os
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

from assistant_core.cli import console, status
from assistant_core.cli.command import Answer, App, Group, Leaf, UsageError, argument, whole

MOST_LINES = 100_000
LOOK_S = 0.5  # between two looks at a log that is followed


def start(_: Namespace, app: App) -> Answer:
    """Start it if it does not run."""
    from assistant_core.service import client, lifecycle  # noqa: PLC0415 - not needed for --help

    running = lifecycle.running(app.paths)
    connection = lifecycle.connect(app.paths, client.hello("cli", app.environ))
    pid = connection.server.pid
    connection.close()
    said = f"runs already, process {pid}" if running == pid else f"started, process {pid}"
    return Answer({"pid": pid, "started": running != pid}, [said])


def stop(_: Namespace, app: App) -> Answer:
    """Stop it; 1 if it does not run."""
    from assistant_core.service import lifecycle  # noqa: PLC0415 - not needed for --help

    stopped = lifecycle.stop(app.paths)
    return Answer({"stopped": stopped}, ["stopped" if stopped else "not running"], int(not stopped))


def restart(args: Namespace, app: App) -> Answer:
    """Stop it, if it runs, and start it."""
    stop(args, app)
    return start(args, app)


def logs(args: Namespace, app: App) -> Answer:
    """Print the end of its log, and what is added until Ctrl-C; 1 if there is no log."""
    from assistant_core.service import lifecycle  # noqa: PLC0415 - not needed for --help

    if args.follow and app.json:
        raise UsageError("service logs: --follow has no end, so there is no JSON document of it; leave one of them out")
    file = lifecycle.log_file(app.paths)
    if not file.exists():
        return Answer({"file": str(file), "lines": []}, [f"there is no {file} yet"], 1)
    log = _opened(file)
    last = [line.rstrip("\n") for line in deque(log, maxlen=args.lines)]
    if not args.follow:
        log.close()
        return Answer({"file": str(file), "lines": last}, last)
    for line in itertools.chain(last, added(log, file)):
        console.say(console.visible(line))
        sys.stdout.flush()
    return Answer({})


def added(log: TextIO, file: Path) -> Generator[str, None, None]:
    """Yield the lines that are added to `log`, opened from `file`, also after a new file has taken its place."""
    while True:
        with log:
            replaced = False
            while not replaced:
                replaced = file.exists() and not os.path.samestat(file.stat(), os.fstat(log.fileno()))
                for line in log:
                    yield line.rstrip("\n")
                time.sleep(LOOK_S)
        log = _opened(file)


def _opened(file: Path) -> TextIO:
    return file.open(encoding="utf-8", errors="replace")


GROUP = Group(
    "service",
    "Start, stop and look at the process that ranks.",
    (
        Leaf("start", start, "Start the service if it does not run.", examples=("assistant service start",)),
        Leaf("stop", stop, "Stop the service.", examples=("assistant service stop",)),
        Leaf("restart", restart, "Stop the service and start it.", examples=("assistant service restart",)),
        Leaf(
            "status", status.service, "Say whether it runs, and what it knows.", examples=("assistant service status",)
        ),
        Leaf(
            "logs",
            logs,
            "Print the end of the service's log, which never holds commands.",
            (
                argument("--follow", "-f", action="store_true", help="go on until Ctrl-C"),
                argument("-n", "--lines", type=whole(MOST_LINES), default=50, metavar="COUNT", help="default 50"),
            ),
            ("assistant service logs -n 10", "assistant service logs --follow"),
        ),
    ),
)
