"""A question at the terminal, where only a deliberate answer counts.

In: prompts and a time limit. Out: the line typed, or None: no terminal, Ctrl-C, end of file, time over. What was
typed before the question could be read is thrown away.
"""

import math
import os
import select
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assistant_core.shell.terminal import interrupts, taken

SETTLE_S = 0.25  # keys pressed this soon after the question were meant for something else
LONGEST = 4096  # bytes of an answer

Read = Callable[[str], str | None]  # shows a prompt; "" is a bare Enter


def has_terminal() -> bool:
    """Say whether there is somebody to ask."""
    return all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stderr__))


def can_ask() -> bool:
    """Say whether somebody can be asked here: in another thread, neither keys nor Ctrl-C are sure to be ours."""
    return threading.current_thread() is threading.main_thread() and has_terminal()


@contextmanager
def reader(timeout_s: float, forget_typed: Callable[[], object]) -> Iterator[Read]:
    """Give a function that asks, each time for `timeout_s` seconds (0 waits for ever); the terminal is restored.

    `forget_typed` drops what the shell has read ahead.
    """
    if sys.__stdin__ is None or not can_ask():
        yield lambda _: None
        return
    terminal = sys.__stdin__.fileno()
    with interrupts() as signals, taken(terminal), _lines(terminal):
        time.sleep(SETTLE_S)
        forget_typed()
        termios.tcflush(terminal, termios.TCIFLUSH)
        yield lambda prompt: _ask(terminal, signals, prompt, timeout_s)


def write(text: str) -> None:
    """Write `text` where questions are asked, whatever a command's output is redirected to."""
    stream = sys.__stderr__ or sys.stderr
    stream.write(text.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8"))
    stream.flush()


def _ask(terminal: int, signals: int, prompt: str, timeout_s: float) -> str | None:
    try:
        write(prompt)
        if _typed(terminal, signals, timeout_s or math.inf):
            typed = os.read(terminal, LONGEST).decode(errors="replace")
            if typed.endswith("\n"):
                return typed.strip()
        termios.tcflush(terminal, termios.TCIFLUSH)
        write("\n")
    except KeyboardInterrupt:
        write("\n")
    return None


def _typed(terminal: int, signals: int, timeout_s: float) -> bool:
    """Wait until there is something to read, or the time is over."""
    end = time.monotonic() + timeout_s
    while (left := end - time.monotonic()) > 0:
        ready = select.select([terminal, signals], [], [], None if left == math.inf else left)[0]
        if terminal in ready:
            return True
        if ready:  # not Ctrl-C, which has raised by now: another signal, such as a changed window's
            os.read(signals, LONGEST)
    return False


@contextmanager
def _lines(terminal: int) -> Iterator[None]:
    """Have the terminal edit lines, echo and send signals, whatever state it was left in."""
    before = termios.tcgetattr(terminal)
    state = termios.tcgetattr(terminal)
    state[0] |= termios.ICRNL
    state[3] |= termios.ICANON | termios.ECHO | termios.ISIG
    termios.tcsetattr(terminal, termios.TCSANOW, state)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
