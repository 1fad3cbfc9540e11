"""The terminal and Ctrl-C: a prompt can always be typed at, and a second Ctrl-C loses no record."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest
from terminal import CTRL_U, Home

from assistant_core.settings import paths
from assistant_core.shell.terminal import interrupts, uninterrupted
from assistant_core.store import Store

KEEPS = """\
import os, subprocess
from xonsh.procs.jobs import give_terminal_to

kept = []

def keep(args):
    started = subprocess.Popen(args, stdin=subprocess.PIPE, preexec_fn=os.setpgrp)
    kept.append(started)  # its input is closed when the shell ends: cat ends then, too
    give_terminal_to(started.pid)
    if args[0] == "true":
        started.wait()

aliases["keep"] = keep
"""
INTERRUPTS = """\
import os, signal

def interrupt(value):
    del $AGAIN
    os.kill(os.getpid(), signal.SIGINT)
    return value

__xonsh__.env.register("AGAIN", detype=interrupt)  # whoever asks for the environment as texts is interrupted
"""


@pytest.mark.parametrize("shell", ["ptk", "readline"])
@pytest.mark.parametrize("command", ["true", "cat"])
def test_a_prompt_has_the_terminal_again(tmp_path: Path, shell: str, command: str) -> None:
    home = Home(tmp_path, rc=KEEPS)
    with home.open("--shell-type", shell) as terminal:
        terminal.run(f"keep {command}")
        terminal.run(f"{CTRL_U}print('la' 'st')")  # xonsh's readline has asked where the cursor is, in vain
        assert "last" in terminal.screen()


def test_ctrl_c_while_a_line_is_recorded_loses_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path, rc=INTERRUPTS)
    with home.open() as terminal:
        terminal.run("$AGAIN = 'x'")
        terminal.run("$AGAIN")
        terminal.leave()
    with closing(Store(paths(home.environ).history)) as store:
        assert [stored.command.line for stored in store.commands()] == ["$AGAIN = 'x'", "$AGAIN"]


def test_ctrl_c_waits_for_the_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():  # noqa: PT012 - the block is what is tested
        signal.raise_signal(signal.SIGINT)
        done.append("the block")
    assert done == ["the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_means_nothing_in_another_thread() -> None:
    entered = threading.Event()

    def enter() -> None:
        with uninterrupted():
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered.is_set()


def test_a_signal_can_be_waited_for_and_the_one_who_did_before_is_told_again() -> None:
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told)
    try:
        with interrupts() as signals:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            assert os.read(signals, 9) == bytes([signal.SIGINT])
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert os.read(heard, 9) == bytes([signal.SIGINT])
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)
