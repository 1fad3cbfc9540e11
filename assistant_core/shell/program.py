"""The command `assistant` within the shell: the program of this very installation, with completion.

In: lines and Tab. Out: an alias for the program. `assistant private on|off|status` becomes the meta-command
`:private`, which is about this shell alone.
"""

import re
import subprocess
import sys
from typing import Any

from assistant_core.shell.session import Session

NAME = "assistant"
PROGRAM = [sys.executable, "-m", "assistant_core.cli"]
TAB_S = 2.0  # longest wait for completions

_PRIVATE = re.compile(r"\s*assistant\s+private\s+(on|off|status)\s*")


def install(session: Session) -> None:
    """Define alias and transformation until the session is undone."""
    session.define(NAME, PROGRAM, "The assistant's own command: status, import, explain, data, config, …")
    session.on("on_transform_command", transform)


def install_completer(session: Session) -> None:
    """Complete our arguments until the session is undone; xonsh loads all its completers for that, some 20 ms."""

    def complete(context: Any) -> set[str] | None:  # noqa: ANN401 - xonsh's completion context
        return _complete(session, context)

    completers = session.xsh.completers
    if NAME not in completers:
        completers[NAME] = session.guarded(complete)
        vars(completers[NAME])["contextual"] = True
        completers.move_to_end(NAME, last=False)
        session.undo.callback(completers.pop, NAME, None)


def transform(cmd: str, **_: object) -> str | None:
    """Return the meta-command for a line about private mode, None for any other."""
    found = _PRIVATE.fullmatch(cmd)
    return f":private @({found[1]!r})\n" if found else None


def _complete(session: Session, context: Any) -> set[str] | None:  # noqa: ANN401 - as above
    command = context.command
    words = [argument.value for argument in command.args[: command.arg_index]] if command else []
    for head in ([NAME], PROGRAM):  # xonsh replaces an alias before it asks
        if words[: len(head)] == head:
            return _candidates([*words[len(head) :], command.prefix], session.xsh.env.detype()) or None
    return None


def _candidates(words: list[str], environ: dict[str, str]) -> set[str]:
    try:
        asked = subprocess.run(
            [*PROGRAM, "_candidates", "--", *words],
            capture_output=True,
            text=True,
            env=environ,
            timeout=TAB_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return set(asked.stdout.split())
