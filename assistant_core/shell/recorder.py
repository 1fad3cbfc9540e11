"""Shell events → commands in the history.

In: on_precommand, which opens a record, on_postcommand, which closes it, and on_exit for a line that ended the
shell. Out: one `Command` for each line that is to be remembered, secrets cut out, and what became of the
suggestion shown while it was typed.
"""

import os
import re
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant_core.errors import SettingsError
from assistant_core.shell import filters, meta
from assistant_core.shell.session import Session, Subject

if TYPE_CHECKING:
    from assistant_core.records import Command

INTERRUPTED = 130  # as a shell reports SIGINT
DEEPEST = 64  # folders looked at on the way up to a git root

_ENDS_THE_SHELL = re.compile(r"\b(exit|quit|EOF)\b")


class Pending(NamedTuple):
    """A line that is running."""

    line: str
    cwd: str
    started_s: float  # since the Unix epoch
    pipeline: object  # xonsh's last one before this line
    private: bool


class Recorder:
    """Records one shell."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pending: Pending | None = None
        self._previous = ""  # the line remembered last, as typed
        self._host = socket.gethostname()
        self._git = ("", "")  # the folder last asked about, and its git root

    def open(self, cmd: str) -> None:
        """Note that `cmd` begins to run."""
        xsh = self._session.xsh
        if meta.is_call(cmd) or cmd.split(maxsplit=1)[:1] in (["assistant"], ["EOF"]):  # EOF: Ctrl-D in readline
            return
        cwd = getattr(xsh.shell.shell, "precwd", None) or os.getcwd()  # noqa: PTH109 - a text is wanted
        private = self._session.settings.record.private
        self._pending = Pending(cmd.rstrip("\n"), cwd, time.time(), xsh.lastcmd, private)

    def close(self, rtn: int | None, ts: tuple[float, float], **_: object) -> None:
        """Record the line that is open; `rtn` and `ts` are those of on_postcommand."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._session.refresh()  # the line itself may have changed a setting
            code = exit_code(rtn, self._session.xsh.lastcmd, pending.pipeline)
            if code not in (None, 0, INTERRUPTED):
                self._session.failed = (pending.line.strip(), code)
            self._record(pending._replace(started_s=ts[0]), rtn, code, ts[1])

    def exit(self, exit_code: int, **_: object) -> None:
        """Record the line that ended the shell, and write what still waits."""
        pending, self._pending = self._pending, None
        if pending is not None:
            meant = bool(_ENDS_THE_SHELL.search(pending.line))  # otherwise a signal ended both
            self._record(pending, exit_code if meant else None, exit_code if meant else None, time.time())
        self._session.journal.close()
        self._session.show_messages()

    def prompt(self) -> None:
        """Forget a line that was opened and did not run: another handler stopped it."""
        self._pending = None

    def _record(self, pending: Pending, status: int | None, code: int | None, ended_s: float) -> None:
        if not self._wanted(pending, status):
            return
        command = self._command(pending, code, ended_s)
        self._previous = pending.line
        self._session.journal.add(command)
        self._session.link.notify("record", command)
        self._record_suggestion(pending.line)

    def _wanted(self, pending: Pending, status: int | None) -> bool:
        xsh, settings = self._session.xsh, self._session.settings.record
        ended = filters.Ended(pending.line, pending.cwd, status, self._previous)
        try:
            wanted = not pending.private and filters.ours(ended, settings)
        except SettingsError as error:
            self._session.tell(str(error))
            return False
        return wanted and filters.xonsh(ended, xsh.env.get("HISTCONTROL") or (), xsh.history)

    def _command(self, pending: Pending, code: int | None, ended_s: float) -> "Command":
        from assistant_core.records import Command  # noqa: PLC0415 - not before the first prompt
        from assistant_core.redact import redact  # noqa: PLC0415 - as above

        environ = self._session.xsh.env.detype()
        line, redacted = redact(storable(pending.line))
        placed = self._session.xsh.env.get("XONSH_HISTORY_SAVE_CWD", True)
        names = self._session.settings.record.environment
        found = {name: environ[name] for name in names if environ.get(name)}
        return Command(
            line=line,
            session=self._session.id,
            cwd=storable(pending.cwd) if placed else None,
            git_root=self._git_root(pending.cwd) if placed else None,
            host=self._host,
            user=environ.get("USER") or environ.get("LOGNAME"),
            started_ns=int(pending.started_s * 1e9),
            duration_ns=max(0, int((ended_s - pending.started_s) * 1e9)),
            exit_code=code,
            environment={n: v for n, v in found.items() if not redact(f"export {n}={v}").changed},
            author="program" if filters.by_program(environ, terminal=sys.stdin.isatty()) else "human",
            redacted=redacted,
        )

    def _record_suggestion(self, ran: str) -> None:
        from assistant_core.records import Suggestion  # noqa: PLC0415 - not before the first prompt
        from assistant_core.redact import redact  # noqa: PLC0415 - as above

        shown, self._session.last_shown = self._session.last_shown, None
        if shown is None:
            return
        if shown.accepted != "no":
            self._session.subject = Subject("suggestion", shown.line, shown.line)
        suggestion = Suggestion(
            session=self._session.id,
            at_ns=time.time_ns(),
            typed=redact(storable(shown.typed)).text,
            line=redact(storable(shown.line)).text,
            source=shown.source,
            probability=shown.probability,
            accepted=shown.accepted,
            ran=ran.strip() == shown.line.strip(),
        )
        self._session.journal.add(suggestion)
        self._session.link.notify("suggestion", suggestion)

    def _git_root(self, cwd: str) -> str | None:
        if self._git[0] != cwd or not os.path.exists(f"{self._git[1]}/.git"):  # noqa: PTH110 - texts, and every command
            self._git = (cwd, git_root(cwd) or "")
        return self._git[1] or None


def exit_code(rtn: int | None, pipeline: Any, before: object) -> int | None:  # noqa: ANN401 - xonsh's pipeline
    """Return the exit code as a shell reports it, or None where xonsh does not know it.

    `rtn` is None after Ctrl-C in Python code and negative after a signal; a pipeline in the background or stopped
    by Ctrl-Z has no exit code yet. `pipeline` is `before` when the line ran none.
    """
    if pipeline is not before and (pipeline.spec.background or pipeline.returncode is None):
        return None
    if rtn is None:
        return INTERRUPTED
    return 128 - rtn if rtn < 0 else int(rtn)


def git_root(cwd: str) -> str | None:
    """Return the nearest folder from `cwd` upwards that holds a `.git`; no program is asked."""
    folder = cwd
    for _ in range(DEEPEST):
        if os.path.exists(os.path.join(folder, ".git")):  # noqa: PTH110, PTH118 - texts, and every command
            return folder
        above = os.path.dirname(folder)  # noqa: PTH120 - as above
        if above == folder:
            break
        folder = above
    return None


def storable(text: str) -> str:
    """Return `text` with what is not UTF-8 (bytes of a foreign encoding) replaced by question marks."""
    return text.encode("utf-8", "replace").decode()
