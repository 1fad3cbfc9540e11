"""The vocabulary of training: one thing to learn, its source and its licence. Imports nothing of ours."""

from __future__ import annotations

from typing import Literal

import msgspec

Task = Literal["session", "line", "request", "explain", "fix"]

# What each task's texts are. Only the last text is to be produced, except in a session, where every line is.
TEXTS: dict[Task, str] = {
    "session": "the lines of one session, document, script or job, in order",
    "line": "one command line that stands alone",
    "request": "what somebody wants; the line that does it",
    "explain": "a line; what it does, in words",
    "fix": "a line that failed; the line that was meant",
}


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to learn.

    `group` names what must not be cut in two when rows are held out: a page, a project, a document; personal rows
    carry `at_ns` and are held out by time instead. `exits` and `directory` belong to sessions: exit codes line by
    line (None where unknown) and the kind of directory, such as "git python".
    """

    task: Task
    texts: tuple[str, ...]
    source: str  # such as "tldr-pages/tldr", "store", "man:tar(1)"
    licence: str  # SPDX identifier; "private" for what is the user's own
    group: str = ""
    at_ns: int | None = None  # when it happened, since the Unix epoch
    exits: tuple[int | None, ...] = ()
    directory: str = ""
    weight: float = 1.0  # how many times an epoch shows it, on average
