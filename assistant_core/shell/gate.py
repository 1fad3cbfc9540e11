"""The two gates before a dangerous line: the line as typed, and each of its commands once the shell has expanded it.

In: a line about to run, and xonsh's process specifications while it runs. Out: nothing, and it runs; or the line is
stopped and xonsh goes back to the prompt. The second gate is for what the first cannot see (aliases, `@(…)`, globs,
variables) and only speaks of what is graver than the first has let pass. After a verdict against a line, whatever goes
wrong means no.
"""

import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from assistant_core.shell import meta, question, recorder
from assistant_core.shell.session import Session

if TYPE_CHECKING:
    from assistant_core.guard import Context
    from assistant_core.guard.policy import Judged, Policy
    from assistant_core.records import Decision

STOPPED = 130  # exit code of a line that was not run
MOST_INTERPRETER = 4  # words before a script's own: `/usr/bin/env -S python3 script`
_FAILED = "assistant: the guard failed on this line: run it anyway? [y/N] "

T = TypeVar("T")


class Event(NamedTuple):
    """What the log is told when the line has ended."""

    line: str
    judged: "Judged"
    answer: str
    micros: int


class Running:
    """A line between the first gate and its end."""

    def __init__(self, line: str, pipeline: object) -> None:
        self.line = line
        self.pipeline = pipeline  # xonsh's last one before this line
        self.covered: Decision = "allow"  # by an answer to the first gate: the second is silent up to this
        self.stopped = False  # by the second gate
        self.approved: set[object] = set()  # calls that the second gate need not ask about again
        self.events: list[Event] = []


class Gate:
    """Decides about the lines of one shell."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: Running | None = None
        self._policy: Policy | None = None
        self._failure_accepted = False

    def check(self, cmd: str) -> None:
        """Return if `cmd` may run; raise KeyboardInterrupt otherwise."""
        self._running = None
        settings = self._session.settings.guard
        if not settings.enabled or settings.mode == "off" or meta.is_call(cmd):
            return
        running = Running(cmd.rstrip("\n"), self._session.xsh.lastcmd)
        cwd = getattr(self._session.xsh.shell.shell, "precwd", "")
        allowed = self._allowed(running, "", cwd, lambda policy, context: policy.judge(cmd, context))
        if not allowed:
            stop_line()
        if running.events:
            running.covered = running.events[0].judged.gravest
        self._running = running

    def check_call(self, spec: Any, **_: object) -> None:  # noqa: ANN401 - xonsh's SubprocSpec has no types
        """Return if the process or alias that `spec` starts may run; stop the line otherwise. Runs in any thread."""
        running = self._running
        if running is None or running.covered == "block":
            return
        if running.stopped:
            _stop_call(spec)
        argv = _words(spec)
        allowed = self._allowed(
            running, shlex.join(argv), _folder(), lambda policy, context: policy.judge_argv(argv, context)
        )
        if not allowed:
            running.stopped = True
            history = self._session.xsh.history
            if history is not None:
                history.last_cmd_rtn = STOPPED
            _stop_call(spec)

    def close(self, rtn: int | None = None, **_: object) -> None:
        """Tell the log how the line ended that was not plainly allowed; `rtn` is that of on_postcommand."""
        running, self._running = self._running, None
        if running is None or not running.events:
            return
        code = recorder.exit_code(rtn, self._session.xsh.lastcmd, running.pipeline)
        for event in running.events:
            self._log(event, code)

    def forget(self) -> None:
        """Forget a line that never ended: another handler stopped it."""
        self._running = None

    def _allowed(self, running: Running, runs: str, cwd: str, judge: "Callable[[Policy, Context], Judged]") -> bool:
        """Judge, ask if need be, and say whether it may run."""
        context = judged = None
        started = time.perf_counter_ns()
        try:
            context = self._context(cwd)
            judged = judge(self._guard(), context)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the user from working
            self._session.log.failure(error)
            return self._run_unjudged()
        if judged.verdict.decision == "allow" and not judged.allowed_by:
            return True
        micros = (time.perf_counter_ns() - started) // 1000
        return self._decided(running, Event(runs or running.line, judged, "", micros), context, runs)

    def _decided(self, running: Running, event: Event, context: "Context", runs: str) -> bool:
        from assistant_core.shell.judgement import RUNS, Subject, covers, decide, similar  # noqa: PLC0415 - few lines

        verdict = event.judged.verdict
        if runs and (covers(running.covered, verdict) or similar(verdict, runs) in running.approved):
            return True
        subject = Subject(running.line, runs, event.judged, context)
        try:
            answer = decide(self._session, self._guard(), subject)
        except Exception as error:  # noqa: BLE001 - a line that was found dangerous does not run by accident
            self._session.log.failure(error)
            answer = "failed"
        event = event._replace(answer=answer)
        if answer not in RUNS:
            self._log(event, None)
            question.write("assistant: not run\n")
            self._session.xsh.env["LAST_RETURN_CODE"] = STOPPED
            return False
        running.approved.add(similar(verdict, runs))
        running.events.append(event)
        return True

    def _run_unjudged(self) -> bool:
        """Say whether to run a line that could not be judged: who said yes once is not asked again in this shell."""
        if self._failure_accepted or not question.can_ask():
            self._session.tell(f"the guard failed and lines run unjudged; {self._session.log.file} says where")
            return True
        from assistant_core.shell import typed  # noqa: PLC0415 - few lines

        with question.reader(self._session.settings.guard.timeout_s, lambda: typed.forget(self._session.xsh)) as read:
            self._failure_accepted = (read(_FAILED) or "").lower() in ("y", "yes")
        if not self._failure_accepted:
            question.write("assistant: not run\n")
            self._session.xsh.env["LAST_RETURN_CODE"] = STOPPED
        return self._failure_accepted

    def _guard(self) -> "Policy":
        if self._policy is None:
            from assistant_core.guard.policy import Policy  # noqa: PLC0415 - not before the first prompt

            session = self._session
            self._policy = Policy(
                session.paths, lambda: session.settings.guard.mode, tell=session.tell, failed=session.log.failure
            )
        return self._policy

    def _context(self, cwd: str) -> "Context":
        from assistant_core.guard import Context  # noqa: PLC0415 - not before the first prompt

        environ = self._session.xsh.env.detype()
        home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - a text is wanted
        return Context(environ, cwd or home, home)

    def _log(self, event: Event, code: int | None) -> None:
        self._guard().audit(event.line, event.judged, event.answer, event.micros, code)


def stop_line() -> NoReturn:
    """Keep xonsh from running the line that on_precommand was fired for."""
    raise KeyboardInterrupt


def _stop_call(spec: Any) -> None:  # noqa: ANN401 - as above
    """Keep xonsh from starting `spec`, and from going on with the line.

    The members of a pipeline before this one run already: there xonsh must find that this one cannot start, and cleans
    up itself. In a thread, SystemExit ends an alias in good order; KeyboardInterrupt would have xonsh wait for ever.
    """
    if spec.pipeline_index:
        spec.cls = _refuse
    elif threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt
    else:
        sys.exit(STOPPED)


def _refuse(*_: object, **__: object) -> NoReturn:
    from xonsh.tools import XonshError  # noqa: PLC0415 - a shell that never stops needs none

    raise XonshError("assistant: a part of the pipeline was stopped")


def _words(spec: Any) -> list[str]:  # noqa: ANN401 - as above
    """Return the program and its words; xonsh puts a script's interpreter and path where its name was."""
    words = [str(word) for word in spec.cmd]
    if callable(spec.alias):
        return [str(spec.alias_name), *words]
    program = str((spec.alias or spec.args)[0])
    names = [os.path.basename(word) for word in words]  # noqa: PTH119 - texts
    name = os.path.basename(program)  # noqa: PTH119 - as above
    return [program, *words[names.index(name) + 1 :]] if name in names[:MOST_INTERPRETER] else words


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a text is wanted
    except OSError:  # it is gone
        return ""
