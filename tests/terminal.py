"""A real xonsh in a pseudo-terminal, driven like a user would and read like a user would.

In: keys. Out: the screen, as pyte draws it. Every shell has a home of its own, and `rm` there only writes its
arguments into a file: a guard that fails cannot hurt the machine.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pyte

PATIENCE_S = 30.0  # until a test gives up; nothing is measured by it
ENTER, CTRL_C, CTRL_D, CTRL_U, CTRL_Z, UP, TAB = "\r", "\x03", "\x04", "\x15", "\x1a", "\x1b[A", "\t"

RC = """\
_prompts = [0]
def _prompt():
    _prompts[0] += 1
    return f'<{_prompts[0]}> '
$PROMPT = _prompt
$MULTILINE_PROMPT = '.'
"""


class Home:
    """A home directory with settings of its own, where the service is off unless a test turns it on."""

    def __init__(self, folder: Path, *, rc: str = "", **variables: str) -> None:
        self.folder = folder
        self.canary = folder / "canary"  # what `rm` was asked to delete
        self.environ = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), "/usr/bin", "/bin")),
            "TERM": "xterm-256color",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "share"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XONTRIB_ASSISTANT_SERVICE_ENABLED": "0",
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},  # the code under test
            **variables,
        }
        (folder / "bin").mkdir()
        (folder / "run").mkdir(mode=0o700)
        (folder / ".xonshrc").write_text(RC + rc)
        self.stub("rm")

    def stub(self, *names: str) -> None:
        """Have programs of these names only write their arguments into the canary."""
        for name in names:
            stub = self.folder / "bin" / name
            stub.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.canary}\n')
            stub.chmod(0o755)

    def ran(self) -> list[str]:
        """Return what the stubs were called with since the last time."""
        lines = self.canary.read_text().splitlines() if self.canary.exists() else []
        self.canary.unlink(missing_ok=True)
        return lines

    def xonsh(self, *arguments: str) -> list[str]:
        """Return the command that starts a xonsh here."""
        return [sys.executable, "-m", "xonsh", *arguments]

    def run(self, *arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a xonsh without a terminal to its end."""
        return subprocess.run(
            self.xonsh(*arguments),
            input=typed,
            capture_output=True,
            text=True,
            env=self.environ,
            cwd=self.folder,
            check=False,
            timeout=PATIENCE_S,
        )

    def open(self, *arguments: str) -> Terminal:
        """Return a terminal with an interactive xonsh at its first prompt."""
        terminal = Terminal(self.xonsh(*arguments), self.environ, self.folder)
        terminal.wait(lambda: terminal.prompts() > 0, "the first prompt")
        return terminal


class _Screen(pyte.Screen):
    """Answers the terminal's questions, such as where the cursor is."""

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], object]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())


class Terminal:
    """A program in a pseudo-terminal; a context manager that kills it at the end."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], folder: Path, columns: int = 100, rows: int = 40
    ) -> None:
        self.raw = b""
        self.drawn_at = 0.0  # when the program last wrote (s, as time.perf_counter)
        self._ended = False
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], list(command), dict(environ))  # noqa: S606 - no shell is wanted
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen = _Screen(columns, rows, lambda data: os.write(self._fd, data))
        self._stream = pyte.ByteStream(self._screen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def paste(self, text: str) -> None:
        """Paste text as a terminal does for a program that asked for brackets around it."""
        self.send(f"\x1b[200~{text}\x1b[201~")

    def run(self, line: str) -> None:
        """Type a line and Enter, and wait for the next prompt."""
        before = self.prompts()
        self.send(line + ENTER)
        self.wait(lambda: self.prompts() > before, f"a prompt after {line!r}")

    def prompts(self) -> int:
        """Return the number in the last prompt seen; 0 before the first."""
        return max(map(int, re.findall(rb"<(\d+)>", self.raw)), default=0)

    @property
    def buffer(self) -> Mapping[int, dict[int, pyte.screens.Char]]:
        """The cells of the screen by row and column, with their attributes."""
        cells: Mapping[int, dict[int, pyte.screens.Char]] = self._screen.buffer
        return cells

    def screen(self) -> str:
        """Return what is on the screen, without blank ends."""
        return "\n".join(row.rstrip() for row in self._screen.display).rstrip()

    def wait_for(self, text: str) -> None:
        """Read until `text` is on the screen."""
        self.wait(lambda: text in self.screen(), repr(text))

    def wait(self, met: Callable[[], bool], what: str) -> None:
        """Read until `met`; fail with the screen after PATIENCE_S."""
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            assert time.monotonic() < deadline, f"waited for {what}; {self._state()}; the screen:\n{self.screen()}"
            self.read(0.1)

    def foreground(self) -> int:
        """Return the process group that the keys go to."""
        return os.tcgetpgrp(self._fd)

    def _state(self) -> str:
        """Tell whether the program sleeps or was stopped, and whether it is the one that the keys go to."""
        if not self.pid:
            return "it has ended"
        _, _, fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")
        state, _, group, *_ = fields.split()
        foreground = self.foreground()
        echo = termios.tcgetattr(self._fd)[3] & termios.ECHO
        return f"state {state}, group {group}, in the foreground {foreground}, echo {'on' if echo else 'off'}"

    def pump(self, seconds: float) -> None:
        """Read for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    def press_until(self, keys: str, met: Callable[[], bool], every_s: float = 1.0) -> None:
        """Press `keys` again and again until `met`: the shell may not be listening yet."""

        def pressed() -> bool:
            if not met():
                self.send(keys)
                end = time.monotonic() + every_s
                while not met() and time.monotonic() < end:
                    self.read(0.05)
            return met()

        self.wait(pressed, f"an effect of {keys!r}")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and wait for its end."""
        os.kill(self.pid, number)
        self.join()

    def join(self) -> int:
        """Read until the program ends; return its exit code, negative for a signal."""
        self.wait(lambda: self._ended, "the end of the program")
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def leave(self) -> None:
        """End the shell as a user does, which writes what still waits."""
        with suppress(OSError):  # it ended before it was asked again
            self.press_until(CTRL_D, lambda: self._ended)
        self.join()

    def kill(self) -> None:
        """End the program if it runs, and close the terminal."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self._fd)

    def read(self, timeout_s: float) -> None:
        """Draw what is written next, if that is within `timeout_s` seconds."""
        if self._ended or not select.select([self._fd], [], [], timeout_s)[0]:
            return
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other end is closed
            data = b""
        self.drawn_at = time.perf_counter()
        self._ended = not data
        self.raw += data
        self._stream.feed(data)
