"""Search for the most probable answers: a small beam, every step one batch.

In: the logits after a prompt, and the Context whose trunk holds that prompt. Out: whole answers as bytes with their
log-probability, the end of the answer included. Only text is searched: no control piece, no control character, no
broken UTF-8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assistant_core.engine.llama import TRUNK, Context
from assistant_core.engine.vocabulary import Pieces, printable, unfinished

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Row = NDArray[np.float32]

WIDTH = 8  # most answers at once
SPELLINGS = 4  # of what is owed, followed at once
SEQUENCES = 1 + 2 * WIDTH  # the trunk, the branches, and those that take their place


class Branch(NamedTuple):
    """An answer begun; `sequence` holds all its tokens but the last."""

    sequence: int = TRUNK
    token: int = -1
    text: bytes = b""
    owed: bytes = b""  # what is still to be spelt of what was typed
    open: bytes = b""  # the first bytes of a character
    score: float = 0.0  # log-probability
    over: bool = False


class Search:
    """A search for `width` answers, at most WIDTH.

    `forked`: every answer begins with another token and goes on with the most probable one; otherwise a beam, in
    which the most probable beginnings survive, wherever they come from. What is owed can be spelt in several ways, of
    which most lead nowhere: branches that still owe survive beside `width` others, if they are more probable.
    """

    def __init__(self, context: Context, vocabulary: Pieces, *, width: int, forked: bool = False) -> None:
        self._context = context
        self._vocabulary = vocabulary
        self.width = width
        self._room = max(width, SPELLINGS)
        self._forked = forked
        self._found: dict[bytes, float] = {}
        self._typed = -math.inf  # log-probability of what is owed, however it is spelt

    def run(
        self, row: Row, *, owed: bytes, position: int, tokens: int, stop: Callable[[], bool]
    ) -> list[tuple[bytes, float]]:
        """Return answers of at most `tokens` tokens that begin with `owed`, most probable first.

        `row`: the logits of the first token, which will stand at `position`. `stop` is asked before every step, and
        ends the search with what was found.
        """
        try:
            self._follow(Branch(owed=owed), row, position, tokens, stop)
        finally:
            self._drop(0)
            self._drop(1)
        given = self._typed if owed else 0.0
        return sorted(((text, score - given) for text, score in self._found.items()), key=_by_second)[: self.width]

    def _follow(self, root: Branch, row: Row, position: int, tokens: int, stop: Callable[[], bool]) -> None:
        live, rows = [root], row[None]
        for step in range(tokens + 1):
            live = self._longer(live, rows)
            if step == tokens or not live or self._settled(live) or stop():
                return
            live = self._moved(live, step)
            rows = self._context.step([each.token for each in live], position + step, [each.sequence for each in live])

    def _longer(self, live: list[Branch], rows: NDArray[np.float32]) -> list[Branch]:
        """Return the branches that go on, most probable first, and keep the answers that are over."""
        families = [list(self._children(branch, row)) for branch, row in zip(live, rows, strict=True)]
        if self._forked and live[0].token >= 0:
            families = [sorted(family, key=_by_score)[:1] for family in families]
        children = sorted((child for family in families for child in family), key=_by_score)
        for child in children:
            if child.over and child.text:
                self._found[child.text] = float(np.logaddexp(self._found.get(child.text, -math.inf), child.score))
        distinct = {child.text + child.open: child for child in reversed(children) if not child.over}
        return self._survivors(sorted(distinct.values(), key=_by_score))

    def _survivors(self, ranked: list[Branch]) -> list[Branch]:
        paid = list(accumulate(not branch.owed for branch in ranked))
        return [branch for branch, count in zip(ranked, paid, strict=True) if count <= self.width][: self._room]

    def _children(self, branch: Branch, row: Row) -> Iterator[Branch]:
        """Yield a branch's best continuations by one token, the end among them."""
        scores = row - _sum(row)
        if branch.owed:
            spelling = self._vocabulary.spelling(branch.owed)
            self._typed = float(np.logaddexp(self._typed, branch.score + _sum(scores[spelling.all])))
            for tokens in spelling:
                best = _best(scores[tokens], self._room)
                yield from _all(self._spelt(branch, int(tokens[at]), float(scores[tokens[at]])) for at in best)
            return
        if not branch.open:
            yield branch._replace(over=True, score=branch.score + float(_sum(scores[list(self._vocabulary.ends)])))
        allowed = scores + (self._vocabulary.continues if branch.open else self._vocabulary.starts)
        yield from _all(self._spelt(branch, token, float(allowed[token])) for token in _best(allowed, self.width))

    def _spelt(self, branch: Branch, token: int, score: float) -> Branch | None:
        """Return `branch` with `token`, None if that would not be text."""
        piece = self._vocabulary.pieces[token]
        typed, new = piece[: len(branch.owed)], branch.open + piece[len(branch.owed) :]
        whole = not unfinished(new)
        if score == -math.inf or (whole and not printable(new)):
            return None
        return branch._replace(
            token=token,
            text=branch.text + typed + (new if whole else b""),
            owed=branch.owed[len(piece) :],
            open=b"" if whole else new,
            score=branch.score + score,
        )

    def _settled(self, live: list[Branch]) -> bool:
        """Return whether nothing that goes on can become as probable as what was found; it can only lose."""
        best = sorted(self._found.values(), reverse=True)[: self.width]
        return len(best) == self.width and best[-1] >= live[0].score

    def _moved(self, live: list[Branch], step: int) -> list[Branch]:
        """Give each branch a sequence of its own, and drop those of the step before, also of branches that ended."""
        moved = [branch._replace(sequence=self._bank(step)[at]) for at, branch in enumerate(live)]
        for before, after in zip(live, moved, strict=True):
            self._context.branch(before.sequence, after.sequence)
        self._drop(step + 1)
        return moved

    def _bank(self, step: int) -> range:
        """Return the sequences of a step's branches; two steps after, they are used again."""
        first = TRUNK + 1 + step % 2 * self._room
        return range(first, first + self._room)

    def _drop(self, step: int) -> None:
        for sequence in self._bank(step):
            self._context.drop(sequence)


def _by_second(answer: tuple[bytes, float]) -> float:
    return -answer[1]


def _by_score(branch: Branch) -> float:
    return -branch.score


def _sum(scores: Row) -> float:
    """Return log(sum(exp(scores))), -inf of none."""
    if not len(scores):
        return -math.inf
    greatest = float(scores.max())
    return greatest + math.log(float(np.exp(scores - greatest).sum()))


def _best(scores: Row, count: int) -> Iterator[int]:
    """Yield where the `count` greatest scores are, greatest first; for so few, eight times faster than sorting."""
    scores = scores.copy()
    for _ in range(min(count, len(scores))):
        at = int(scores.argmax())
        yield at
        scores[at] = -np.inf


def _all(branches: Iterator[Branch | None]) -> Iterator[Branch]:
    return (branch for branch in branches if branch is not None)
