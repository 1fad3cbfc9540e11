"""What the guard said and what came of it: append-only JSON lines that only the user can read, secrets cut.

In: one event a line. Out: the events, oldest first, and their counts. Full files are numbered: guard.jsonl.1 is the
newest of them.

Answers: "" (nobody was asked: it was allowed, or let pass by `allowed_by`), "warned" (shown, and run), those of `RAN`
(asked, and run), and any other word (asked, and not run; "stopped", "edited", "timeout" are usual).
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from assistant_core.guard.allowlist import key
from assistant_core.guard.files import append, locked
from assistant_core.records import Crud, Decision, Verdict

RAN = frozenset(("run", "y", "yes", "allow", "once", "session", "project", "always"))
UNASKED = frozenset(("", "warned"))
LARGEST = 2**20  # bytes of a file
KEPT = 4  # full files


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict and what came of it."""

    at: str  # local time with its offset, ISO 8601
    cwd: str
    line: str
    decision: Decision
    crud: Crud
    rules: tuple[str, ...]
    allowed_by: str
    answer: str
    micros: int  # that the verdict took
    exit_code: int | None = None

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - a row of the log
        cls, line: str, verdict: Verdict, allowed_by: str, answer: str, micros: int, exit_code: int | None
    ) -> "Event":
        """Return the event of now, in this process's directory."""
        return cls(
            at=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            cwd=_folder(),
            line=key(line),
            decision=verdict.decision,
            crud=verdict.crud,
            rules=verdict.rules,
            allowed_by=allowed_by,
            answer=answer,
            micros=micros,
            exit_code=exit_code,
        )


class Audit:
    """The log at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: Event) -> None:
        """Append an event; a log that cannot be written is nobody's problem at a prompt."""
        with suppress(OSError):
            append(self.path, msgspec.json.encode(event) + b"\n")
            if self.path.stat().st_size > LARGEST:
                self._rotate()

    def events(self) -> Iterator[Event]:
        """Yield what is in the log, oldest first; a line that is none of ours is left out. Raises OSError."""
        for path in (*map(self._full, range(KEPT, 0, -1)), self.path):
            for line in path.read_bytes().splitlines() if path.exists() else ():
                with suppress(ValueError):
                    yield msgspec.json.decode(line, type=Event)

    def _rotate(self) -> None:
        with locked(self.path.parent):
            if self.path.stat().st_size <= LARGEST:  # another shell was faster
                return
            for number in range(KEPT - 1, 0, -1):
                if self._full(number).exists():
                    self._full(number).replace(self._full(number + 1))
            self.path.replace(self._full(1))

    def _full(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def summary(events: Iterable[Event]) -> dict[str, Any]:
    """Return counts over `events`, by rule too, and the 50th and 99th percentile of the microseconds."""
    counts = dict.fromkeys(("judged", "asked", "ran", "stopped", "passed"), 0)
    rules: dict[str, Counter[str]] = {}
    micros: list[int] = []
    for each in events:
        asked, ran = each.answer not in UNASKED, each.answer in RAN
        became = {"judged": True, "asked": asked, "ran": asked and ran, "stopped": asked and not ran}
        became["passed"] = bool(each.allowed_by) and not asked
        for name, true in became.items():
            counts[name] += true
            for rule in each.rules:
                rules.setdefault(rule, Counter())[name] += true
        micros.append(each.micros)
    micros.sort()
    by_rule = [{"rule": rule, **found} for rule, found in sorted(rules.items(), key=lambda row: -row[1]["judged"])]
    return {**counts, "p50_us": percentile(micros, 50), "p99_us": percentile(micros, 99), "rules": by_rule}


def percentile(ordered: list[int], percent: int) -> int | None:
    """Return the value at or below which `percent` of `ordered` lie (nearest rank); None of nothing."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1] if ordered else None


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a text is wanted
    except OSError:  # it is gone
        return os.environ.get("PWD", "")
