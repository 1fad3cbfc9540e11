"""What the user decided about the guard: mode, own rules, allow-lists, corrections, and a record of what came of it.

In: a line (or the expanded words of one call) and where it would run. Out: the engine's verdict with the user's and
the project's rules, and what lets the line pass, if anything. Files are looked at anew whenever they change.
"""

import os
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from assistant_core import guard
from assistant_core.guard import userrules
from assistant_core.guard.allowlist import AllowList, Entry, now_s
from assistant_core.guard.audit import Audit, Event
from assistant_core.guard.corrections import Corrections
from assistant_core.guard.evaluate import Evaluator
from assistant_core.guard.files import Watched
from assistant_core.guard.report import ALLOWED, DECISIONS, Finding, Report, stronger
from assistant_core.guard.rules import Programs
from assistant_core.guard.state import Context
from assistant_core.records import Decision, Verdict
from assistant_core.settings import Paths

Scope = Literal["once", "session", "project", "always"]

PROJECT_FILE = ".assistant/guard.toml"  # below the git root
FAILED = "guard-failed"  # the rule that stands for a fault of ours
DAY_S = 86_400

_Walk = Callable[[Evaluator], None]


class Judged(NamedTuple):
    """A verdict, and what lets the line pass in spite of it.

    `allowed_by` is "" (nothing: ask about what is not allowed), "correction" (its verdict is already in `verdict`),
    "session", "project" or "always" (an entry of the allow-list), "mode" (off, or warn: show it and run the line), or
    "line" (for callers: a call of a line that was already approved). `found` is what was said before a correction.
    """

    verdict: Verdict
    allowed_by: str
    found: Decision = "allow"

    @property
    def gravest(self) -> Decision:
        """The graver of what was found and what was made of it: whoever lets the line pass has let this pass."""
        return max(self.found, self.verdict.decision, key=DECISIONS.index)


_OFF = Judged(ALLOWED["EXEC"], "mode")


def _ignored(_: object) -> None:
    """Do nothing with a message."""


class Policy:
    """What the user decided about the guard. One per process.

    `mode` returns the setting guard.mode; `tell` gets one sentence whenever a file of the user's or the project's is
    found broken; `failed` gets an exception that the engine raised: a fault of ours.
    """

    def __init__(
        self,
        paths: Paths,
        mode: Callable[[], str],
        *,
        tell: Callable[[str], None] = _ignored,
        failed: Callable[[Exception], None] = _ignored,
    ) -> None:
        self._mode = mode
        self._tell = tell
        self._failed = failed
        self._asked_after_failure = False
        self._own = Watched(paths.guard_rules, userrules.load, userrules.NONE, tell)
        self._project = self._own  # whatever project was looked at last
        self._corrections = Corrections(paths.guard_corrections, tell)
        self._allowed = AllowList(paths.guard_allowed, tell)
        self._audit = Audit(paths.guard_log)

    def judge(self, line: str, context: Context) -> Judged:
        """Return what is to be said of `line`; raises nothing."""
        return self._judged(line, context, partial(guard.walk, line))

    def uncorrected(self, line: str, context: Context) -> Verdict:
        """Return what the rules, the user's own among them, say of `line`; raises nothing."""
        return self._verdict(partial(guard.walk, line), context, self._own.get().programs)

    def judge_argv(self, argv: Sequence[str], context: Context) -> Judged:
        """Return what is to be said of one call whose words are expanded already; raises nothing.

        Corrections and allow-lists see it as the line that `shlex.join` makes of it.
        """
        return self._judged(shlex.join(argv), context, partial(guard.walk_argv, argv))

    def allow(
        self,
        line: str,
        verdict: Verdict,
        scope: Scope,
        context: Context,
        *,
        days: int | None = None,
    ) -> None:
        """Let `line` pass from now on while it means what `verdict` says; "once" is nothing to keep.

        "project" holds in the git repository of `context.cwd`, or nowhere but in this session where there is none.
        What cannot be written down holds for this session, and `tell` is told.
        """
        if scope == "once":
            return
        root = git_root(context.cwd)
        if scope == "project" and not root:
            self._tell(f"{context.cwd} is in no git repository: the line is allowed in this session only")
            scope = "session"
        expires = None if days is None else now_s() + days * DAY_S
        entry = Entry.of(line, verdict, scope, root if scope == "project" else "", expires=expires)
        try:
            self._allowed.add(entry)
        except (OSError, ValueError) as error:
            self._tell(f"{error}; the line is allowed in this session only")
            self._allowed.add(Entry.of(line, verdict, "session", "", expires=expires))

    def audit(self, line: str, judged: Judged, answer: str, micros: int, exit_code: int | None = None) -> None:
        """Write down what came of a verdict; `audit` says what the answers are. A log that fails stops nothing."""
        self._audit.write(Event.of(line, judged.verdict, judged.allowed_by, answer, micros, exit_code))

    def _judged(self, line: str, context: Context, walk: _Walk) -> Judged:
        mode = self._mode()
        if mode == "off":
            return _OFF
        root = git_root(context.cwd)
        found = self._verdict(walk, context, self._own.get().programs)
        verdict = self._corrections.applied(line, found)
        corrected = "correction" if verdict.decision == "allow" != found.decision else ""
        required = self._projects(walk, context, root)
        if required.decision != "allow":
            verdict, corrected = self._raised(verdict, required, context), ""
        if verdict.decision == "allow":
            return Judged(verdict, corrected, found.decision)
        scope = "" if required.decision == "block" else self._allowed.covering(line, verdict, root)
        return Judged(verdict, scope or ("mode" if mode == "warn" else ""), found.decision)

    def _verdict(self, walk: _Walk, context: Context, programs: Programs) -> Verdict:
        """Return the engine's verdict; where the engine fails, what it had found, and a question for the first time."""
        report = Report()
        try:
            walk(Evaluator(context, report, programs))
        except Exception as error:  # noqa: BLE001 - a fault of ours must neither stop the shell nor pass unseen
            self._failed(error)
            report.sure = False
            if not self._asked_after_failure:
                self._asked_after_failure = True
                report.add(Finding("warn", FAILED, f"the guard failed ({type(error).__name__})", (), None))
        return report.verdict()

    def _projects(self, walk: _Walk, context: Context, root: str) -> Verdict:
        """Return what the rules of the project alone say."""
        if not root:
            return ALLOWED["READ"]
        path = Path(root, PROJECT_FILE)
        if (project := self._project).path != path:
            self._project = project = Watched(path, userrules.load_project, userrules.NONE, self._tell)
        rules = project.get()
        return ALLOWED["READ"] if rules is userrules.NONE else self._verdict(walk, context, rules.programs)

    def _raised(self, own: Verdict, required: Verdict, context: Context) -> Verdict:
        """Return the stronger of both; a project's advice is passed on only if it is itself allowed."""
        both = stronger(own, required)
        if both.safer is None or both.safer == own.safer:
            return both
        advice = self._verdict(partial(guard.walk, both.safer), context, self._own.get().programs)
        return both if advice.decision == "allow" else msgspec.structs.replace(both, safer=own.safer)


def git_root(folder: str) -> str:
    """Return the folder, `folder` or above it, that holds `.git`; "" where there is none."""
    while folder and not os.path.lexists(f"{folder}/.git"):
        parent = os.path.dirname(folder)  # noqa: PTH120 - four times the speed, for every line
        folder = parent if parent != folder else ""
    return folder
