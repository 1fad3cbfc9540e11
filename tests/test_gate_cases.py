"""Both gates in a real shell, case by case: what runs, what does not, and the terminal afterwards.

Several cases share a shell. Programs are stubs that write down how they were called; every line would be harmless in
the test's own home even if it ran.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from terminal import CTRL_C, CTRL_D, CTRL_U, ENTER, Home, Terminal

SHELLS = ("ptk", "readline")
RC = """\
aliases['zap'] = 'rm -rf'
aliases['tidy'] = 'docker system prune'
aliases['body'] = 'echo begun && zap @($HOME) && docker after'
aliases['mild'] = 'echo begun && tidy -af && docker after'
$EMPTY = ''
place = $HOME
part = 'a/x'
"""
ASK = "Run it? [N]o"
WORD = "Type yes to run it"
SCOPE = "or not (Ctrl-C)?"
KEEP = "yes to run it and allow it"
WARN = "docker system prune -af"  # what the first gate warns about
BLOCK = "rm -rf ~"  # what it stops
RESIZE = "<resize>"


class Case(NamedTuple):
    """A line, the questions that are waited for with the keys that answer them, and what ran in the end."""

    line: str
    talk: tuple[tuple[str, str], ...] = ()
    ran: tuple[str, ...] = ()
    shows: str = ""
    next_prompt: str = ""


PRUNED = (WARN,)
GONE = ("rm -rf {home}",)

FIRST = [
    Case(WARN, ((ASK, ENTER),), shows="not run"),
    Case(WARN, ((ASK, f"y{ENTER}"),), PRUNED),
    Case(WARN, ((ASK, f"YES{ENTER}"),), PRUNED),
    Case(WARN, ((ASK, f"n{ENTER}"),)),
    Case(WARN, ((ASK, f"sure{ENTER}"),)),
    Case(WARN, ((ASK, CTRL_C),)),
    Case(WARN, ((ASK, CTRL_D),)),
    Case(WARN, ((ASK, f"y{CTRL_D}"),)),
    Case(BLOCK, ((WORD, ENTER),), shows="not run"),
    Case(BLOCK, ((WORD, f"y{ENTER}"),)),
    Case(BLOCK, ((WORD, f"yes please{ENTER}"),)),
    Case(BLOCK, ((WORD, CTRL_C),)),
    Case(BLOCK, ((WORD, CTRL_D),)),
    Case(BLOCK, ((WORD, f"yes{CTRL_D}"),)),
    Case(BLOCK, ((WORD, f"yes{ENTER}"),), GONE),
]
KEYS = [
    Case(WARN, ((ASK, f"?{ENTER}"), ("the line comes back", ENTER))),
    Case(BLOCK, ((WORD, f"?{ENTER}"), ("the line comes back", f"yes{ENTER}")), GONE),
    Case(WARN, ((ASK, RESIZE), (ASK, f"y{ENTER}")), PRUNED),
    Case(BLOCK, ((WORD, RESIZE), (WORD, ENTER))),
    Case(f"{BLOCK}{ENTER}yes{ENTER}yes", ((WORD, ENTER),), shows="not run"),
    Case(WARN, ((ASK, f"s{ENTER}"),), next_prompt="docker system df"),
    Case(BLOCK, ((WORD, f"e{ENTER}"),), next_prompt=BLOCK),
    Case("rm -rf a/b", ((ASK, f"a{ENTER}"), (SCOPE, CTRL_C))),
    Case("rm -rf a/b", ((ASK, f"a{ENTER}"), (SCOPE, f"everywhere{ENTER}"))),
    Case("rm -rf a/b", ((ASK, f"a{ENTER}"), (SCOPE, f"once{ENTER}")), ("rm -rf a/b",)),
    Case("rm -rf a/b", ((ASK, f"a{ENTER}"), (SCOPE, ENTER)), ("rm -rf a/b",)),
    Case("rm -rf a/b", (), ("rm -rf a/b",)),
    Case("rm -rf a/c", ((ASK, ENTER),)),
    Case(BLOCK, ((WORD, f"a{ENTER}"), (SCOPE, ENTER), (KEEP, ENTER))),
    Case(BLOCK, ((WORD, f"a{ENTER}"), (SCOPE, ENTER), (KEEP, f"yes{ENTER}")), GONE),
    Case(BLOCK, (), GONE),
]
SECOND = [
    Case("zap ~", ((WORD, ENTER),), shows="runs    rm -rf"),
    Case("zap ~", ((WORD, f"yes{ENTER}"),), GONE),
    Case("zap ~", ((WORD, CTRL_C),)),
    Case("zap ~", ((WORD, f"e{ENTER}"),), next_prompt="zap ~"),
    Case("echo x | zap ~", ((WORD, ENTER),)),
    Case("echo x | zap ~", ((WORD, f"yes{ENTER}"),), GONE),
    Case("yes | zap ~", ((WORD, CTRL_C),)),
    Case("zap @(place)", ((WORD, ENTER),)),
    Case("zap $EMPTY/no-such-folder/..", ((WORD, ENTER),)),
    Case("cd a && zap ~/*", ((WORD, ENTER),)),
    Case("cd ~", ()),
    Case("zap ~ && docker after", ((WORD, ENTER),)),
    Case("gone = $(zap ~)", ((WORD, ENTER),)),
    Case("body", (), shows="nobody can be asked"),
    Case("mild", (), ("docker system prune -af", "docker after"), shows="it runs"),
    Case("tidy -af && tidy -a", ((ASK, f"y{ENTER}"),), ("docker system prune -af", "docker system prune -a")),
    Case("zap ~ && zap ~", ((WORD, f"yes{ENTER}"),), (*GONE, *GONE)),
    Case("zap a/x && zap ~", ((ASK, f"y{ENTER}"), (WORD, ENTER)), ("rm -rf a/x",)),
]
GRAVER = [
    Case("cd a", ()),
    Case("rm -rf @(place)", ((ASK, f"y{ENTER}"), (WORD, ENTER)), shows="runs    rm -rf"),
    Case("rm -rf @(place)", ((ASK, f"y{ENTER}"), (WORD, f"y{ENTER}"))),
    Case("rm -rf @(place)", ((ASK, f"y{ENTER}"), (WORD, CTRL_C))),
    Case("rm -rf @(place)", ((ASK, f"y{ENTER}"), (WORD, f"yes{ENTER}")), GONE),
    Case("rm -rf @(part)", ((ASK, f"y{ENTER}"),), ("rm -rf a/x",)),
    Case("rm -rf a/y && rm -rf @(place)", ((ASK, f"y{ENTER}"), (WORD, ENTER)), ("rm -rf a/y",)),
    Case("rm -rf @(place) && rm -rf @(place)", ((ASK, f"y{ENTER}"), (WORD, f"yes{ENTER}")), (*GONE, *GONE)),
    Case("rm -rf ~ && rm -rf @(place)", ((WORD, f"yes{ENTER}"),), (*GONE, *GONE)),
    Case("rm -rf @(part)", ((ASK, f"a{ENTER}"), (SCOPE, ENTER)), ("rm -rf a/x",)),
    Case("rm -rf @(part)", (), ("rm -rf a/x",)),
    Case("part = place", ()),
    Case("rm -rf @(part)", ((WORD, ENTER),)),
]
HARMLESS = [
    Case("docker ps", (), ("docker ps",)),
    Case("rm note.txt", (), ("rm note.txt",)),
    Case("rm -rf node_modules", (), ("rm -rf node_modules",)),
    Case("echo 'rm -rf ~'", (), shows="rm -rf ~"),
    Case("?explain rm -rf ~", ()),
    Case("zap node_modules", (), ("rm -rf node_modules",)),
    Case(f"rm -rf ~ #{'x' * 900}", ((WORD, ENTER),), shows="…"),
]
TABLES = {"first": FIRST, "keys": KEYS, "second": SECOND, "graver": GRAVER, "harmless": HARMLESS}


def test_there_are_enough_cases() -> None:
    assert sum(map(len, TABLES.values())) >= 40


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("table", TABLES)
def test_what_runs(tmp_path: Path, shell: str, table: str) -> None:
    home = Home(tmp_path, rc=RC)
    home.stub("docker")
    (tmp_path / "a").mkdir()
    with home.open("--shell-type", shell) as terminal:
        terminal.run("stty -g > state0")
        for number, case in enumerate(TABLES[table], start=1):
            played(terminal, case)
            assert home.ran() == [line.format(home=tmp_path) for line in case.ran], (case, terminal.screen())
            assert case.shows in terminal.screen(), case
            if case.next_prompt:
                terminal.wait(next_is(terminal, case.next_prompt), f"{case.next_prompt!r} at the prompt")
                terminal.send(CTRL_U)
                terminal.wait(next_is(terminal, ""), "an empty prompt")
            terminal.run(f"stty -g > {tmp_path}/state{number}")
            assert (tmp_path / f"state{number}").read_text() == (tmp_path / "state0").read_text(), case
            terminal.run("clear")
            assert home.ran() == [], case


def played(terminal: Terminal, case: Case) -> None:
    before = terminal.prompts()
    seen = len(terminal.raw)
    terminal.send(case.line + ENTER)
    for question, keys in case.talk:
        terminal.wait(asked(terminal, question, seen), f"{question!r} after {case}")
        seen = len(terminal.raw)
        if keys == RESIZE:
            terminal.resize(90, 35)
            terminal.pump(0.2)
            seen = 0
        else:
            terminal.send(keys)
    terminal.wait(lambda: terminal.prompts() > before, f"the prompt after {case}")


def asked(terminal: Terminal, question: str, since: int) -> Callable[[], bool]:
    return lambda: question in terminal.raw[since:].decode(errors="replace")


def next_is(terminal: Terminal, text: str) -> Callable[[], bool]:
    return lambda: terminal.screen().splitlines()[-1].endswith(f"> {text}".rstrip())
