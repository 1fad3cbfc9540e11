"""What was found while a line was walked → one `Verdict`: the strongest decision, the strongest effect, every reason.

In: the rules that fitted, and the effect of each command. Out: `records.Verdict`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from assistant_core.records import Crud, Decision, Verdict

DECISIONS: tuple[Decision, ...] = ("allow", "warn", "block")
_CRUDS: tuple[Crud, ...] = ("READ", "CREATE", "EXEC", "UPDATE", "DELETE")
_STRENGTH = {crud: index for index, crud in enumerate(_CRUDS)}
MOST_WORK = 1_200  # commands, redirections and texts of code in one line

ALLOWED: dict[Crud, Verdict] = {crud: Verdict(decision="allow", crud=crud) for crud in _CRUDS}


class Finding(NamedTuple):
    """One rule that fitted."""

    decision: Decision
    rule: str
    reason: str
    targets: tuple[str, ...]
    safer: str | None


class Report:
    """Collects findings, and how much work is left to do."""

    def __init__(self) -> None:
        self._findings: dict[tuple[str, str], Finding] = {}
        self._strength = 0
        self.work_left = MOST_WORK
        self.sure = True  # every part of the line could be read

    def effect(self, crud: Crud) -> None:
        """Take up what one command does."""
        self._strength = max(self._strength, _STRENGTH[crud])

    @contextmanager
    def later(self) -> Iterator[None]:
        """Take up what is found meanwhile, but its effect only with a finding: the line only defines it."""
        strength, findings = self._strength, len(self._findings)
        yield
        if len(self._findings) == findings:
            self._strength = strength

    def add(self, finding: Finding) -> None:
        """Take up a rule that fitted."""
        self._findings.setdefault((finding.rule, finding.reason), finding)

    def verdict(self) -> Verdict:
        """Return what all of it comes to."""
        crud = _CRUDS[self._strength]
        if not self._findings:
            return ALLOWED[crud]
        found = sorted(self._findings.values(), key=lambda each: -DECISIONS.index(each.decision))
        return Verdict(
            decision=found[0].decision,
            crud=crud,
            reasons=tuple(dict.fromkeys(each.reason for each in found)),
            rules=tuple(dict.fromkeys(each.rule for each in found)),
            targets=tuple(dict.fromkeys(target for each in found for target in each.targets)),
            safer=next((each.safer for each in found if each.safer), None),
            confidence=0.9 if self.sure else 0.6,
        )


def stronger(one: Verdict, other: Verdict) -> Verdict:
    """Return the two as one verdict: the stronger decision and its reasons first, the stronger effect."""
    first, second = sorted((one, other), key=lambda each: -DECISIONS.index(each.decision))
    return Verdict(
        decision=first.decision,
        crud=max(one.crud, other.crud, key=_CRUDS.index),
        reasons=tuple(dict.fromkeys((*first.reasons, *second.reasons))),
        rules=tuple(dict.fromkeys((*first.rules, *second.rules))),
        targets=tuple(dict.fromkeys((*first.targets, *second.targets))),
        safer=first.safer or second.safer,
        confidence=min(one.confidence, other.confidence),
    )
