"""The history of one user, and what it says about a line being typed.

In: rows and commands. Out: drafts, which are lines with a calibrated probability. Each command that is run is first
asked for, as if typed, and what would have been offered is learnt from. So is the end of the history while loading:
nothing that is learnt has to be stored.
"""

from __future__ import annotations

from collections import deque
from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from completers.calibrate import Calibration
from completers.history import failed_here, traits
from completers.memory import NONE, UNKNOWN, Memory
from completers.pool import Matches, Pool, gather, match, named_by, offerable
from completers.prefix import PrefixIndex
from completers.rank import Ranker
from completers.source import NEW, Moment
from completers.validate import destructive
from completers.words import compose, next_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from completers.calibrate import Kind
    from completers.memory import Row
    from completers.source import Source
    from completers.words import NextWords

REFRESH = 64  # events after which the weights of all lines are taken anew
REHEARSED = 128  # newest rows that are learnt from while loading
PREFIXES = (1, 2, 4, 7, 11, 16, 22, 30)  # characters typed, besides none, at which a command teaches
LISTED = 32  # known lines that become drafts, at the most
KEPT_HEADS = 16  # tables of next words kept while typing
RECENT = 20  # lines of a session that a model is told; more would not fit what it sees


class Draft(NamedTuple):
    """A line on its way to become a candidate."""

    line: str
    probability: float
    kind: Kind
    predicted: float  # the probability before calibration
    number: int  # of the line in the memory, or NONE


probable = attrgetter("probability")


class Recall:
    """The memory, its index and its models."""

    def __init__(self, sources: Sequence[Source], rows: Iterable[Row]) -> None:
        newest: deque[Row] = deque()
        self.memory = Memory(_all_but_newest(rows, newest))
        self.calibration = Calibration()
        self._sources, self._ranker = sources, Ranker([source.weight for source in sources])
        shown = [number for number, text in enumerate(self.memory.texts) if offerable(text)]
        self._index = PrefixIndex(self.memory.texts, self.memory.count, shown)
        self._pools: dict[Moment, Pool] = {}
        self._heads: dict[tuple[Moment, str], NextWords] = {}
        self._refresh()
        for row in newest:
            self.run(row)

    def moment(self, session: str | None, cwd: str | None) -> Moment:
        """Find where a session stands; without one, after the last command of all."""
        memory = self.memory
        if session is None:
            previous = len(memory) - 1
        else:
            number = memory.session_ids.get(session, NONE)
            previous = NONE if number == NONE else memory.by_session.tip[number]
        return Moment(previous, memory.folder_ids.get(cwd, NEW) if cwd else NONE)

    def drafts(self, moment: Moment, text: str) -> list[Draft]:
        """Lines that start with `text` and are longer, in no order."""
        matches = match(self._pool(moment), self._index, text)
        return self._known(matches) + self._composed(moment, matches)

    def novelty(self, moment: Moment, text: str) -> float:
        """Say how probable it is that what is being typed is none of the known lines, 0..1."""
        return 1 - self._ranker.known(match(self._pool(moment), self._index, text).typed)

    def draft(self, line: str, kind: Kind, predicted: float, typed: int) -> Draft:
        """Make a draft of a line, known or not, predicted after `typed` characters."""
        return self._draft(line, kind, predicted, self.memory.ids.get(line, NONE), typed)

    def before(self, session: str | None) -> list[tuple[str, int | None]]:
        """Return the last lines of a session, oldest first, and how each ended, None where unknown."""
        memory, tip = self.memory, self.moment(session, None).previous
        events = [] if tip == NONE else list(memory.by_session.back(tip, RECENT))
        lines = [(memory.texts[memory.line[event]], memory.exit[event]) for event in reversed(events)]
        return [(line, None if code == UNKNOWN else code) for line, code in lines if line]

    def named_by(self, draft: Draft, moment: Moment) -> str:
        """Name the source of a draft."""
        if draft.number == NONE:
            return "words"
        return named_by(self._pool(moment), self._sources, self._ranker, draft.number)

    def run(self, row: Row) -> None:
        """Learn from a command, then append it."""
        line, session, cwd, _, _ = row
        text = line.strip()
        if not text:
            return
        self._learn(self.moment(session, cwd), text)
        number = self.memory.append(*row)
        if offerable(text):
            weight = self._ranker.static(traits(self.memory, np.array([number], np.int32)))
            self._index.run(text, number, float(weight[0]))
        self._clear()
        if len(self.memory) >= self._due:
            self._refresh()

    def forget(self, text: str) -> None:
        """Drop a line everywhere."""
        self._index.remove(text)
        self.memory.forget(text)
        self._clear()

    def _pool(self, moment: Moment) -> Pool:
        if moment not in self._pools:
            self._pools[moment] = gather(self.memory, self._sources, self._ranker, moment)
        return self._pools[moment]

    def _known(self, matches: Matches) -> list[Draft]:
        share = self._ranker.known(matches.typed) / matches.total
        return [
            self._draft(self.memory.texts[number], "known", weight * share, number, len(matches.typed.text))
            for weight, number in nlargest(LISTED, zip(matches.weights, matches.numbers, strict=True))
        ]

    def _composed(self, moment: Moment, matches: Matches) -> list[Draft]:
        text = matches.typed.text
        head, space, start = text.rpartition(" ")
        if not head.strip() or "\n" in text or destructive(text):
            return []
        new = 1 - self._ranker.known(matches.typed)
        return [
            self._draft(line, "composed", new * share, NONE, len(text))
            for line, share in compose(self._next_words(moment, head + space), head + space, start)
            if line not in self.memory.ids
        ]

    def _next_words(self, moment: Moment, head: str) -> NextWords:
        if (moment, head) not in self._heads:
            while len(self._heads) >= KEPT_HEADS:
                del self._heads[next(iter(self._heads))]
            self._heads[moment, head] = next_words(self.memory, moment, head)
        return self._heads[moment, head]

    def _draft(self, line: str, kind: Kind, predicted: float, number: int, typed: int) -> Draft:
        return Draft(line, self.calibration.probability(kind, predicted, typed), kind, predicted, number)

    def _learn(self, moment: Moment, text: str) -> None:
        pool, number = self._pool(moment), self.memory.ids.get(text, NONE)
        for typed in (0, *(length for length in PREFIXES if length < len(text))):
            matches = match(pool, self._index, text[:typed])
            self._learn_top(self._known(matches) + self._composed(moment, matches), moment, text, typed)
            if number in pool.place:
                self._ranker.learn_line(pool, matches.rows, pool.place[number], matches.total)
            self._ranker.learn_known(matches.typed, known=number != NONE)
        self._ranker.novelty.count(hit=number == NONE)
        head, space, word = text.rpartition(" ")
        if number == NONE and space:
            self.calibration.foreseen.count(hit=word in self._next_words(moment, head + space).weights)

    def _learn_top(self, drafts: list[Draft], moment: Moment, text: str, typed: int) -> None:
        if not drafts:
            return
        top = max(drafts, key=probable)
        exit_code = failed_here(self.memory, top.number, moment)
        if exit_code is None:
            self.calibration.learn(top.kind, top.predicted, typed, right=top.line == text)
        else:
            self.calibration.learn_failure(exit_code, top.probability, right=top.line == text)

    def _refresh(self) -> None:
        self._index.weigh(self._ranker.static(traits(self.memory, self._index.numbers)))
        self._due = len(self.memory) + REFRESH

    def _clear(self) -> None:
        self._pools.clear()
        self._heads.clear()


def _all_but_newest(rows: Iterable[Row], newest: deque[Row]) -> Iterator[Row]:
    """Pass rows on but for blank lines, and for the last `REHEARSED`, which are left in `newest`."""
    for row in rows:
        if not row[0] or row[0].isspace():
            continue
        newest.append(row)
        if len(newest) > REHEARSED:
            yield newest.popleft()
