"""Who has the terminal, and what Ctrl-C does meanwhile."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def taken(terminal: int) -> Iterator[None]:
    """Take the terminal from the first command of a pipeline, which runs already, and give it back."""
    ours, before = os.getpgrp(), os.tcgetpgrp(terminal)
    if before == ours:
        yield
        return
    _give(ours)
    try:
        yield
    finally:
        _give(before)


def take_back() -> None:
    """Take the terminal from a command that has kept it: a prompt could read no key.

    A Ctrl-C that comes while a command is being started may end the line before xonsh has taken the terminal back.
    """
    try:
        if sys.__stdin__ is not None and os.tcgetpgrp(sys.__stdin__.fileno()) != os.getpgrp():
            _give(os.getpgrp())
    except (OSError, ValueError):  # no terminal, or closed
        return


@contextmanager
def interrupts() -> Iterator[int]:
    """Have Ctrl-C raise KeyboardInterrupt here, and give what is to be waited for besides the keys.

    A command that runs already may have taken the signal. And one that comes just before a wait, or that another
    thread receives, does not end the wait: Python only notes it, and writes into the wakeup descriptor.
    """
    signals, noted = os.pipe()
    os.set_blocking(noted, False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    wakeup = signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    try:
        yield signals
    finally:
        signal.set_wakeup_fd(wakeup)
        _handle(before)
        os.close(noted)
        os.close(signals)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end of the block, where it does what it does outside."""
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C is raised in the main thread alone
        yield
        return
    held = []
    before = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        _handle(before)
        if held:
            signal.raise_signal(signal.SIGINT)


def _handle(before: Any) -> None:  # noqa: ANN401 - as signal.signal returned it, None for a handler not set in Python
    signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


def _give(group: int) -> None:
    from xonsh.procs.jobs import give_terminal_to  # noqa: PLC0415 - not before the first command

    give_terminal_to(group)
