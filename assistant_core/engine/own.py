"""What the user knows already: the lines they taught with a meaning, and the lines that worked for them.

In: the history database, and the embedding if there is one. Out: lines that match a request closely; lines that
repaired a failure before, or are much like what failed. Followed as it grows; what was deleted is never offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from assistant_core.engine.directions import Directions
from assistant_core.engine.filling import fill
from assistant_core.engine.wording import words
from assistant_core.records import Origin
from assistant_core.redact import MARK
from assistant_core.store import Store

if TYPE_CHECKING:
    from assistant_core.engine.pairs import Encoder

KEPT: Final = 20_000  # newest commands that are looked at
STEP: Final = 256  # commands read at a time to catch up
SOON: Final = 3  # commands after a failure among which its repair is looked for
ALIKE: Final = 0.6  # least likeness of what ran soon after to what failed
NEARLY: Final = 0.85  # the same for what ran at any other time
CLOSE: Final = 0.7  # least closeness of a meaning to a request: they say the same in other words
# Least cosine of a request and a line that does it. Of the 609 requests of NL2Bash's dev part, put to a history of
# 3,000 lines besides the right ones, half found a line nearer than all that is known otherwise, and 84 % of these were
# right; put to those 3,000 alone, 1 % found one.
MEANT: Final = 0.6
LONGEST: Final = 500  # characters of a line that is compared

# Words that say nothing of what is to be done.
_IDLE = frozenset(
    """
    a all an and any are as at be by can do does for from have how i in into is it its me my of on one or out please
    that the their them then there this to want what which will with you your
    """.split()  # noqa: SIM905 - fifty words read better so than as a list
)


class Known(NamedTuple):
    """A line, and what it is known by."""

    line: str
    source: Origin
    near: str


class _Ran(NamedTuple):
    number: int
    line: str
    session: str
    code: int | None


class Own:
    """The lines of one user. It belongs to one thread; its methods raise StoreError."""

    def __init__(self, history: Path, encoder: Encoder | None = None) -> None:
        self._history = history
        self._encoder = encoder
        self._ran: list[_Ran] = []  # oldest first
        self._worked: dict[str, None] = {}  # lines, in the order of their directions
        self._directions: Directions | None = None

    def taught(self, request: str) -> list[Known]:
        """Return taught lines whose meanings say what `request` says, the closest first, with its values put in."""
        if not self._history.exists():
            return []
        with closing(Store(self._history)) as store:
            examples = store.examples()
        closeness = [closeness_of(request, example.meaning) for example in examples]
        best = sorted(range(len(examples)), key=lambda at: -closeness[at])
        known = (examples[at] for at in best if closeness[at] >= CLOSE)
        return [Known(fill(request, each.meaning, each.line), "taught", each.meaning) for each in known]

    def fitting(self, request: str, rivals: Sequence[str], count: int) -> tuple[list[Known], list[Known]]:
        """Return lines that worked for the user and mean what `request` says, the nearest first.

        First those that are nearer to it than all `rivals`, then the others.
        """
        if self._encoder is None or not self._history.exists():
            return [], []
        with closing(Store(self._history)) as store:
            self._catch_up(store)
            if self._directions is None:
                return [], []
            lines, asked = list(self._worked), self._encoder.encode([request])[0]
            nearness = self._directions @ asked
            near = [int(at) for at in np.argsort(-nearness)[:count] if nearness[at] >= MEANT]
            there = [at for at in near if _is_there(store, lines[at])]
        best = max((Directions.of(rivals, self._encoder) @ asked).tolist(), default=0.0)
        first = [Known(lines[at], "history", "") for at in there if nearness[at] >= best]
        return first, [Known(lines[at], "history", "") for at in there[len(first) :]]

    def repaired(self, line: str, count: int) -> list[Known]:
        """Return lines that worked and are like `line`, which failed: before all others what once ran soon after it."""
        if not self._history.exists():
            return []
        with closing(Store(self._history)) as store:
            self._catch_up(store)
            found = dict.fromkeys((*self._after(line), *self._like(line, count)))
            there = [
                each for each in found if any(row.command.line == each for row in store.newest(9, containing=each))
            ]
        return [Known(each, "history", each) for each in there[:count]]

    def _catch_up(self, store: Store) -> None:
        """Read what was recorded since the last time."""
        last, new, step = self._ran[-1].number if self._ran else 0, list[_Ran](), STEP if self._ran else KEPT
        while True:
            rows = [row for row in store.newest(step) if row.id > last]
            if len(rows) < step or step >= KEPT:
                break
            step *= 8
        for row in reversed(rows):
            if row.command.author == "human" and len(row.command.line) <= LONGEST and MARK not in row.command.line:
                new.append(_Ran(row.id, row.command.line, row.command.session, row.command.exit_code))
        self._ran = (self._ran + new)[-KEPT:]
        self._learn(dict.fromkeys(each.line for each in new if each.code == 0))

    def _learn(self, lines: Iterable[str]) -> None:
        """Find the directions of lines that worked."""
        new = [line for line in lines if line not in self._worked]
        if self._encoder is not None and new:
            found = Directions.of(new, self._encoder)
            self._directions = found if self._directions is None else self._directions + found
            self._worked |= dict.fromkeys(new)

    def _after(self, line: str) -> Iterator[str]:
        """Yield what worked soon after `line` had failed, the newest first."""
        for at in range(len(self._ran) - 1, -1, -1):
            failed = self._ran[at]
            if failed.line == line and failed.code:
                later = (each for each in self._ran[at + 1 : at + 50] if each.session == failed.session)
                soon = [each for each, _ in zip(later, range(SOON), strict=False)]
                yield from (
                    each.line
                    for each in soon
                    if each.code == 0 and each.line != line and likeness(line, each.line) >= ALIKE
                )

    def _like(self, line: str, count: int) -> list[str]:
        """Return what worked at any time and is nearly the same, the most alike first."""
        lines = dict.fromkeys(each.line for each in reversed(self._ran) if each.code == 0 and each.line != line)
        matcher = SequenceMatcher(None, b=line, autojunk=False)
        found = []
        for other in lines:
            matcher.set_seq1(other)
            if all(ratio() >= NEARLY for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)):
                found.append((matcher.ratio(), other))
        return [other for _, other in sorted(found, key=lambda pair: -pair[0])[:count]]


def _is_there(store: Store, line: str) -> bool:
    return any(row.command.line == line for row in store.newest(STEP, containing=line))


def closeness_of(request: str, meaning: str) -> float:
    """Return how much of what two texts say they have in common, 0..1 (Dice's coefficient of their telling words)."""
    ours, theirs = _telling(request), _telling(meaning)
    return 2 * len(ours & theirs) / max(len(ours) + len(theirs), 1)


def likeness(one: str, other: str) -> float:
    """Return how alike two lines are, 0..1, by the characters that they share in order."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _telling(text: str) -> set[str]:
    found = words(text)
    return {word for word in found if word not in _IDLE} or set(found)
