"""Programs that run what follows them: a table.

operands: how many operands of the program's own come before the command. arguments: its options that take the next word
(needed where its manual page is not installed). assignments: whether NAME=VALUE may precede the command.
"""

from __future__ import annotations

from typing import NamedTuple


class Wrapper(NamedTuple):
    """How to find the command that a wrapper runs."""

    operands: int = 0
    arguments: frozenset[str] = frozenset()
    assignments: bool = False


def _row(arguments: str = "", *, operands: int = 0, assignments: bool = False) -> Wrapper:
    return Wrapper(operands, frozenset(arguments.split()), assignments)


WRAPPERS = {
    "builtin": _row(),
    "caffeinate": _row("-t -w"),
    "chroot": _row(operands=1),
    "chrt": _row("-D -P -T", operands=1),
    "command": _row(),
    "doas": _row("-C -u"),
    "env": _row("-C -u --chdir --unset", assignments=True),
    "eval": _row(),
    "exec": _row("-a"),
    "flock": _row("-E -w --timeout --conflict-exit-code", operands=1),
    "ionice": _row("-c -n -p -P -u --class --classdata"),
    "ltrace": _row("-a -e -l -n -o -p -s -u -w"),
    "nice": _row("-n --adjustment"),
    "nohup": _row(),
    "parallel": _row("-a -d -I -j -n --jobs"),
    "pkexec": _row("--user"),
    "proxychains": _row("-f"),
    "setsid": _row(),
    "ssh": _row("-B -b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w", operands=1),
    "stdbuf": _row("-e -i -o --error --input --output"),
    "strace": _row("-a -b -e -E -I -o -O -p -P -s -S -u -X"),
    "sudo": _row("-C -D -g -h -p -R -r -T -t -U -u --chdir --chroot --close-from --group --host --prompt --role --user",
                 assignments=True),
    "systemd-run": _row("-E -H -M -p -u --unit --property --uid --gid --slice --setenv"),
    "taskset": _row(operands=1),
    "time": _row("-f -o --format --output"),
    "timeout": _row("-k -s --kill-after --signal", operands=1),
    "torsocks": _row(),
    "unbuffer": _row(),
    "watch": _row("-n --interval"),
    "xargs": _row("-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-chars --max-procs"),
}  # fmt: skip

SHELLS = frozenset(
    {"ash", "bash", "dash", "fish", "ksh", "mksh", "sh", "su", "xonsh", "zsh"}
)  # `-c` makes the first operand a command line
NESTED = frozenset(
    {"-exec", "-execdir", "-ok", "-okdir", "-x", "--exec", "-X", "--exec-batch"}
)  # of the programs below
SEARCHERS = {
    "find": NESTED - {"-x", "-X"},
    "fd": NESTED,
    "fdfind": NESTED,
}  # a command follows the option, up to `;` or `+`
OLD_STYLE = {
    "tar": "-",
    "bsdtar": "-",
    "ar": "",
    "ps": "",
}  # options without a dash, and what precedes them in the manual
ELSEWHERE = {"perl": "perlrun", "[": "test", "[[": "test"}  # programs whose options another page describes
