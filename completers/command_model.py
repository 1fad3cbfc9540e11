"""Source: lines that the command model offers, whoever typed them before.

In: candidates of the model, with the probability that they have for someone of whom nothing is known. Out: drafts. As
far as memory knows the line that is being typed, the model's word does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from completers.pool import offerable
from completers.recall import Draft, probable
from completers.validate import destructive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from assistant_core.records import Candidate
    from completers.recall import Recall
    from completers.source import Moment

KEPT = 256  # lines kept until it is known what became of them


class Offered:
    """What a model offered lately. `dangerous` says of a line that it must not be offered; nor are `unwanted` ones."""

    def __init__(self, recall: Recall, dangerous: Callable[[str], bool]) -> None:
        self._recall = recall
        self._dangerous = dangerous
        self.unwanted: set[str] = set()
        self._kept: dict[str, tuple[str, float]] = {}  # line -> its source, its probability before calibration

    def drafts(self, candidates: Sequence[Candidate], moment: Moment, text: str) -> list[Draft]:
        """Return what may be shown of `candidates` after `text`."""
        fit = [each for each in candidates if self._fits(each.line, text)]
        new = self._recall.novelty(moment, text) if fit else 0.0
        for each in fit:
            self._keep(each, new * each.probability)
        return [self._recall.draft(each.line, "offered", new * each.probability, len(text)) for each in fit]

    def source(self, line: str) -> str:
        """Name the source of a draft made just now."""
        return self._kept[line][0]

    def learn(self, line: str, typed: str, *, right: bool) -> None:
        """Learn from a line that was shown after `typed`: whether it was the one."""
        if (kept := self._kept.pop(line, None)) is not None:
            self._recall.calibration.learn("offered", kept[1], len(typed), right=right)

    def _fits(self, line: str, text: str) -> bool:
        begun = line.startswith(text) and line != text and offerable(line)
        return begun and line not in self.unwanted and not destructive(line) and not self._dangerous(line)

    def _keep(self, candidate: Candidate, predicted: float) -> None:
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[candidate.line] = (candidate.source, predicted)


def merged(drafts: Iterable[Draft], offered: Iterable[Draft]) -> list[Draft]:
    """Return both without doubles: of two drafts of one line the more probable."""
    return list({draft.line: draft for draft in sorted([*drafts, *offered], key=probable)}.values())
