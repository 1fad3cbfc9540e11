"""What is not remembered: by our settings, and by xonsh's own.

In: a line, where it ran, how it ended, and the settings. Out: yes or no. A line that begins with a blank is never
remembered; $HISTCONTROL's erasedups has no effect, because repeated lines are counted.
"""

import os
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from assistant_core.errors import SettingsError
from assistant_core.settings import Record

# Set by programs that run commands on the user's behalf → the values that count; () is any.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "AGENT": ("amp", "codex", "goose", "opencode"),
    "AI_AGENT": (),
    "CLAUDECODE": (),
    "CODEX_SANDBOX": (),
    "CURSOR_AGENT": (),
    "GEMINI_CLI": (),
    "OPENCODE": (),
}


class Ended(NamedTuple):
    """A line that ran."""

    line: str
    cwd: str
    status: int | None  # as xonsh reports it
    previous: str  # the line remembered before this one


def ours(ended: Ended, record: Record) -> bool:
    """Say whether our settings let the line be remembered; raise SettingsError for a pattern that is none."""
    if record.private or not record.enabled or not ended.line.strip() or ended.line[0].isspace():
        return False
    return not (_excluded(ended.cwd, record.excluded_directories) or any(map_search(record.ignore, ended.line)))


def map_search(patterns: tuple[str, ...], line: str) -> list[bool]:
    """Return for each pattern whether it is found in `line`."""
    return [pattern.search(line) is not None for pattern in _compiled(patterns)]


def xonsh(ended: Ended, control: Collection[str], history: Any) -> bool:  # noqa: ANN401 - xonsh's history has no types
    """Say whether xonsh's history would keep the line: `history off`, $HISTCONTROL, $XONSH_HISTORY_IGNORE_REGEX."""
    if history is not None and not (history.remember_history and not history.is_ignored({"inp": f"{ended.line}\n"})):
        return False
    if "ignoredups" in control and ended.line == ended.previous:
        return False
    return not ("ignoreerr" in control and ended.status != 0)


def by_program(environ: dict[str, str], *, terminal: bool) -> bool:
    """Say whether a program types here for the user: it says so in a variable, or there is no terminal."""
    named = any(
        name in environ and (not values or environ[name].lower() in values) for name, values in PROGRAMS.items()
    )
    return named or not terminal


@lru_cache(maxsize=4)
def _compiled(patterns: tuple[str, ...]) -> list[re.Pattern[str]]:
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except re.error as error:
            raise SettingsError(
                f"record.ignore: {pattern!r} is no regular expression: {error}; nothing is remembered until it is"
            ) from error
    return compiled


def _excluded(cwd: str, folders: tuple[str, ...]) -> bool:
    here = os.path.realpath(cwd) + os.sep
    return any(here.startswith(os.path.realpath(os.path.expanduser(folder)) + os.sep) for folder in folders)  # noqa: PTH111 - texts are compared
