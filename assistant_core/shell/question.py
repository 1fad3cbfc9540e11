"""A question at the terminal, where only a deliberate answer counts.

In: a prompt and a time limit. Out: the line typed, or None: no terminal, Ctrl-C, end of file, time over. What was
typed before the question could be read is thrown away.
"""

import os
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SETTLE_S = 0.25  # keys pressed this soon after the question were meant for something else
LONGEST = 4096  # bytes of an answer


def ask(prompt: str, timeout_s: float, forget_typed: Callable[[], object]) -> str | None:
    """Show `prompt`, return the answer without its newline; 0 seconds waits for ever.

    `forget_typed` drops what the shell has read ahead.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    terminal = sys.stdin.fileno()
    try:
        with _lines(terminal):
            time.sleep(SETTLE_S)
            forget_typed()
            termios.tcflush(terminal, termios.TCIFLUSH)
            _write(prompt)
            if select.select([terminal], [], [], timeout_s or None)[0]:
                return os.read(terminal, LONGEST).decode(errors="replace").strip() or None
            termios.tcflush(terminal, termios.TCIFLUSH)
            _write("\n")
    except KeyboardInterrupt:
        _write("\n")
    return None


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


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
