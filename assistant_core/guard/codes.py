"""Code in a language other than the shell's → the commands it would run, walked by the evaluator.

In: code, its language, and the evaluator. Out: commands put to the evaluator. Code is read, never run: Python and
xonsh by `ast`, SQL by a small reader, the rest by the patterns of inline.toml.
"""

from collections.abc import Callable, Mapping

from assistant_core.guard import hosts, inline, pycode, sql, xonsh
from assistant_core.guard.calls import Call
from assistant_core.guard.flows import Flow
from assistant_core.guard.walker import Walker

HOSTS: Mapping[str, Callable[[Walker, Call, list[str], Flow], Flow | None]] = {
    "xargs": hosts.xargs,
    "parallel": hosts.parallel,
    "find": hosts.find,
}


MOST_LINES = 200


def walk(language: str, text: str, walker: Walker) -> None:
    """Walk code in `language`."""
    if language == "sql":
        for statement in sql.statements(text):
            walker.judge(["<sql>", *statement])
    elif language == "redis":
        for line in text.splitlines()[:MOST_LINES]:
            if line.strip():
                walker.judge(["redis-cli", *line.split()])
    elif language == "crontab":
        inline.crontab(text, walker)
    elif language == "python":
        pycode.walk(text, walker)
    else:
        inline.walk(language, text, walker)


def python_value(code: str, walker: Walker) -> str:
    """Return the value of a Python expression in a command, with marks."""
    return xonsh.value(code, walker)
