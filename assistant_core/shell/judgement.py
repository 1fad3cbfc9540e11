"""A verdict against a line → what the user wants.

In: the line, the verdict and the mode. Out: one word for the log, which says whether the line runs; the screen and the
question in between, the permission written down, and the line that stands at the next prompt.
"""

import re
from typing import NamedTuple

from assistant_core.guard import Context
from assistant_core.guard.policy import Judged, Policy, git_root
from assistant_core.guard.report import DECISIONS
from assistant_core.records import Decision, Verdict
from assistant_core.shell import consequences, dialog, question, screen, typed
from assistant_core.shell.session import Session

RUNS = frozenset(("", "warned", "yes", "once", "session", "project", "always"))

_ELSEWHERE = re.compile(r"\bcd\b|(^|\s)(-C|--git-dir|--work-tree)\b|\bpushd\b")  # git may be about another folder


class Subject(NamedTuple):
    """What is decided about: the line as typed and, at the second gate, the command it was expanded to."""

    line: str
    runs: str
    judged: Judged
    context: Context

    @property
    def safer(self) -> str:
        """The safer line; "" if there is none, or if it is the line itself."""
        safer = self.judged.verdict.safer or ""
        return "" if safer == self.line.strip() else safer


def decide(session: Session, policy: Policy, subject: Subject) -> str:
    """Return one of RUNS, or "stopped", "edited", "safer" or "refused"."""
    mode, decision = session.settings.guard.mode, subject.judged.verdict.decision
    if decision == "allow" or subject.judged.allowed_by not in ("", "mode"):
        return ""
    if mode == "warn":
        _show(subject, "and it runs: guard.mode is warn")
        return "warned"
    if mode == "strict" and decision == "block":
        _show(subject, "and refused: guard.mode is strict")
        return "refused"
    if not question.can_ask():
        return _unasked(subject)
    return _ask(session, policy, subject, by_word=decision == "block" or mode == "strict")


def covers(approved: Decision, verdict: Verdict) -> bool:
    """Return whether an answer to a line of that gravity is an answer to what the line was expanded to."""
    return DECISIONS.index(verdict.decision) <= DECISIONS.index(approved)


def similar(verdict: Verdict, runs: str) -> object:
    """Return what two commands of one line have in common if an answer to one is an answer to both.

    A yes to a warning holds for every command that the same rules warn about; a yes to a block for the same words.
    """
    return runs if verdict.decision == "block" else verdict.rules


def _unasked(subject: Subject) -> str:
    """Decide where nobody can be asked: no terminal, or in the body of an alias, which runs beside the main thread."""
    if subject.runs and subject.judged.verdict.decision == "warn" and question.has_terminal():
        _show(subject, "and it runs: nothing can be asked within an alias")
        return "warned"
    _show(subject, "and nobody can be asked here")
    return "refused"


def _ask(session: Session, policy: Policy, subject: Subject, *, by_word: bool) -> str:
    _show(subject, "and not run yet")
    with question.reader(session.settings.guard.timeout_s, lambda: typed.forget(session.xsh)) as read:
        answer = dialog.decide(read, question.write, by_word=by_word, safer=bool(subject.safer))
    if answer.word == "allow" and answer.scope:
        policy.allow(subject.runs or subject.line, subject.judged.verdict, answer.scope, subject.context)
        return answer.scope
    if answer.word in ("edit", "safer"):
        typed.put(session.xsh, subject.line if answer.word == "edit" else subject.safer)
    return {"yes": "yes", "edit": "edited", "safer": "safer"}.get(answer.word, "stopped")


def _show(subject: Subject, note: str) -> None:
    verdict = subject.judged.verdict
    measured = consequences.measure(verdict.targets[: screen.MOST])
    facts = screen.Facts(subject.line, subject.runs, measured, _git(subject))
    left = len(verdict.targets) - screen.MOST
    if left > 0:
        facts.targets.append(f"and {left} more")
    question.write(screen.screen(verdict, facts, note, screen.columns(), color=screen.colored()))


def _git(subject: Subject) -> str | None:
    """Return what git has not got yet of the first target, or of the folder that a command of git's is about."""
    verdict, context = subject.judged.verdict, subject.context
    if verdict.crud != "DELETE":
        return None
    if verdict.targets:
        place = re.split(r"/[^/]*[*?\[…]", verdict.targets[0])[0]
    elif any(rule.startswith("git-") for rule in verdict.rules) and not _ELSEWHERE.search(subject.runs or subject.line):
        place = context.cwd
    else:
        return None
    return consequences.uncommitted(place, context.environ) if place and git_root(place) else None
