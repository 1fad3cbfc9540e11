"""Runs the program `assistant`: in this process, in one of its own, and on a terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from assistant_core import cli
from assistant_core.records import Command
from assistant_core.store import Store

PROGRAM = (sys.executable, "-m", "assistant_core.cli")


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the document holds
        return json.loads(self.out)


def run(environ: Mapping[str, str], *argv: str) -> Ran:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main(argv, environ)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    return Ran(code, *texts)


def whole(environ: Mapping[str, str]) -> dict[str, str]:
    """What a process of its own needs besides `environ`."""
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "TERM": "xterm", **environ}


def process(environ: Mapping[str, str], *argv: str) -> Ran:
    done = subprocess.run([*PROGRAM, *argv], env=whole(environ), capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


ECHOED = b"^CD\b"  # what the terminal shows of Ctrl-C and Ctrl-D that came before the program listened


def terminal(environ: Mapping[str, str], *argv: str, typed: Sequence[str] = ()) -> Ran:
    """Run on a terminal where each question is answered by the next of `typed`; `out` is what the terminal showed."""
    master, slave = pty.openpty()
    answers = list(typed)
    with subprocess.Popen(
        [*PROGRAM, *argv],
        env=whole(environ),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no thread runs here
    ) as started:
        os.close(slave)
        shown, answer = b"", b""
        while (part := _read(master)) is not None:
            shown += part
            if (shown if part else shown.rstrip(ECHOED)).endswith((b"? ", b"] ")):
                if part:
                    answer = answers.pop(0).encode()
                os.write(master, answer)  # again after a silence: it came before the program listened
    os.close(master)
    return Ran(started.returncode, shown.decode(), "")


def _read(master: int) -> bytes | None:
    """What is shown next: nothing after two seconds of silence, None when the other end is closed."""
    if not select.select([master], [], [], 2)[0]:
        return b""
    try:
        return os.read(master, 65536) or None
    except OSError:  # as Linux says it
        return None


def record(history: Path, commands: Iterable[Command]) -> list[int]:
    with closing(Store(history)) as store:
        return [store.append(command) for command in commands]


def lines(history: Path) -> list[str]:
    with closing(Store(history)) as store:
        return [stored.command.line for stored in store.commands()]
