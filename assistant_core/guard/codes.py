"""Code in a language other than the shell's → the commands it would run, walked by the evaluator.

In: code, its language, and the evaluator. Out: commands put to the evaluator. Code is read, never run: Python and xonsh by
`ast`, SQL by a small reader, the rest by the patterns of inline.toml.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from assistant_core.guard import hosts, inline, pycode, sql
from assistant_core.guard.calls import Call
from assistant_core.guard.flows import NONE, Flow
from assistant_core.guard.report import Report


class Walker(Protocol):
    """What code is walked with."""

    report: Report

    def run(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Judge one command."""

    def judge(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Put one command to its rules."""

    def script(self, text: str, given: Flow = NONE, *, keep: bool = False, local: bool = True) -> Flow:
        """Walk shell code."""

    def home_of(self, user: str) -> str:
        """Return a home directory."""

    def variable(self, name: str) -> str:
        """Return the value of a variable."""

    def assign(self, name: str, value: str) -> None:
        """Give a variable its value."""


HOSTS: Mapping[str, Callable[[Walker, Call, list[str], Flow], Flow | None]] = {
    "xargs": hosts.xargs,
    "parallel": hosts.parallel,
    "find": hosts.find,
}


def walk(language: str, text: str, walker: Walker) -> None:
    """Walk code in `language`."""
    if language == "sql":
        for statement in sql.statements(text):
            walker.judge(["<sql>", *statement])
    elif language == "crontab":
        inline.crontab(text, walker)
    elif language == "python":
        pycode.walk(text, walker)
    else:
        inline.walk(language, text, walker)


def python_value(code: str, walker: Walker) -> str:
    """Return the value of a Python expression in a command, with marks."""
    return pycode.value(code, walker)
