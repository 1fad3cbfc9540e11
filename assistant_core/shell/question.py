"""A question at the terminal, where only a deliberate answer counts.

In: prompts and a time limit. Out: the line typed, or None: no terminal, Ctrl-C, end of file, time over. What was
typed before the question could be read is thrown away.
"""

import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    with _interrupts(), _foreground(terminal), _lines(terminal):
        time.sleep(SETTLE_S)
        forget_typed()
        termios.tcflush(terminal, termios.TCIFLUSH)
        yield lambda prompt: _ask(terminal, prompt, timeout_s)


def write(text: str) -> None:
    """Write `text` where questions are asked, whatever a command's output is redirected to."""
    stream = sys.__stderr__ or sys.stderr
    stream.write(text.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8"))
    stream.flush()


def _ask(terminal: int, prompt: str, timeout_s: float) -> str | None:
    try:
        write(prompt)
        if select.select([terminal], [], [], timeout_s or None)[0]:
            typed = os.read(terminal, LONGEST).decode(errors="replace")
            if typed.endswith("\n"):
                return typed.strip()
        termios.tcflush(terminal, termios.TCIFLUSH)
        write("\n")
    except KeyboardInterrupt:
        write("\n")
    return None


@contextmanager
def _interrupts() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt here: a command that runs already may have taken the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


@contextmanager
def _foreground(terminal: int) -> Iterator[None]:
    """Take the terminal from the first command of a pipeline, which runs already, and give it back."""
    ours, before = os.getpgrp(), os.tcgetpgrp(terminal)
    if before == ours:
        yield
        return
    from xonsh.procs.jobs import give_terminal_to  # noqa: PLC0415 - only here

    give_terminal_to(ours)
    try:
        yield
    finally:
        give_terminal_to(before)


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
