"""Where the user said that a verdict was wrong: what was right counts from then on, for exactly that line.

In: a line, the verdict on it, and the right one. Out: the verdict in force, and the corrections as examples. They are
one JSON object a line, appended, the last on a line counts; secrets are cut out as in the allow-list. A correction
lowers a verdict only while the same rules speak against the line, about the same targets.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from assistant_core.guard.allowlist import key, now_s
from assistant_core.guard.files import Watched, append
from assistant_core.guard.report import DECISIONS
from assistant_core.records import Crud, Decision, Verdict
from assistant_core.redact import MARK

CORRECTED = "corrected"  # the rule that stands for the user's word


class Correction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line, what was said of it, and what is right."""

    at: int  # seconds since the Unix epoch
    line: str
    decision: Decision
    crud: Crud
    judged_decision: Decision
    judged_crud: Crud
    judged_rules: tuple[str, ...] = ()
    judged_targets: tuple[str, ...] = ()

    def is_outdated(self, verdict: Verdict) -> bool:
        """Return whether other rules than it was made for, or other targets, now speak against the line."""
        known = set(verdict.rules) <= set(self.judged_rules)
        return not (known and set(map(key, verdict.targets)) <= set(self.judged_targets))


class Corrections:
    """The corrections in the file at `path`."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self.path = path
        self._known = Watched[dict[str, Correction]](path, _by_line, {}, tell)

    def applied(self, line: str, verdict: Verdict) -> Verdict:
        """Return the verdict on `line` with the user's correction, if there is one."""
        known = self._known.get()
        if not known:
            return verdict
        right = known.get(line.strip()) or (known.get(key(line)) if _cut_lines(known) else None)
        if right is None or (
            DECISIONS.index(right.decision) < DECISIONS.index(verdict.decision) and right.is_outdated(verdict)
        ):
            return verdict
        if right.decision == "allow":
            return Verdict(decision="allow", crud=right.crud)
        if verdict.decision == "allow":
            said = (f"you said that this line does {right.crud}",)
            return Verdict(decision=right.decision, crud=right.crud, reasons=said, rules=(CORRECTED,))
        return msgspec.structs.replace(verdict, decision=right.decision, crud=right.crud)

    def add(self, line: str, judged: Verdict, crud: Crud, decision: Decision | None) -> Correction:
        """Write a correction down and return it; raises OSError.

        Without a decision: what only reads is allowed, what deletes is asked about at least, else the decision stays.
        """
        if decision is None:
            asked: Decision = "warn" if judged.decision == "allow" else judged.decision
            decision = "allow" if crud == "READ" else asked if crud == "DELETE" else judged.decision
        correction = Correction(
            at=now_s(),
            line=key(line),
            decision=decision,
            crud=crud,
            judged_decision=judged.decision,
            judged_crud=judged.crud,
            judged_rules=judged.rules,
            judged_targets=tuple(map(key, judged.targets)),
        )
        append(self.path, msgspec.json.encode(correction) + b"\n")
        return correction

    def all(self) -> list[Correction]:
        """Return every correction, oldest first; raises ValueError and OSError."""
        return _read(self.path) if self.path.exists() else []


def _cut_lines(known: dict[str, Correction]) -> bool:
    return any(MARK in line for line in known)


def _by_line(path: Path) -> dict[str, Correction]:
    return {each.line: each for each in _read(path)}


def _read(path: Path) -> list[Correction]:
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found.append(msgspec.json.decode(line, type=Correction))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}; correct or remove that line") from error
    return found
