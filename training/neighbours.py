"""Requests in the company of those that are near them, as they are asked in use.

In: rows of requests, as often as they are to be shown. Out: examples, each a chain of requests and their lines, the
nearest last. The model learns to look at what known requests were answered with: related documents in one context,
after Shi et al., In-Context Pretraining (arXiv 2310.10638). All lines are to be produced, so it costs nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from assistant_core.engine import prompt
from assistant_core.engine.bm25 import BM25
from assistant_core.engine.prompt import BOS, CONTEXT, EOS, Piece
from assistant_core.engine.wording import terms
from training.examples import Example

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from training.records import Row
    from training.tokenizer import Tokenizer

CONSIDERED = 60  # near requests, of which those that were not shown yet are taken


def chains(rows: Iterable[Row], tokenizer: Tokenizer, *, seed: int) -> Iterator[Example]:
    """Yield contexts in which each of `rows` stands once, unless it is too long; no line stands twice in a context."""
    shown = Counter(rows)
    distinct = list(shown)
    left = list(shown.values())
    asked = [terms(row.texts[0]) for row in distinct]
    pieces = [_pieces(row, tokenizer) for row in distinct]
    index = BM25(asked)
    order = [at for at, times in enumerate(left) for _ in range(times)]
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    for first in order:
        if not left[first]:
            continue
        chain, lines, room = [], set(), CONTEXT - 2
        for at in (first, *_nearest(index, asked[first])):
            line = distinct[at].texts[1]
            if left[at] and line not in lines and len(pieces[at].tokens) <= room:
                chain.append(pieces[at])
                lines.add(line)
                room -= len(pieces[at].tokens)
                left[at] -= 1
        if chain:
            yield _joined(chain[::-1])


def _nearest(index: BM25, asked: Sequence[str]) -> list[int]:
    scores = index.scores(asked)
    count = min(CONSIDERED, len(scores))
    top = np.argpartition(-scores, count - 1)[:count]
    return [int(at) for at in top[np.argsort(-scores[top], kind="stable")] if scores[at] > 0]


def _pieces(row: Row, tokenizer: Tokenizer) -> Example:
    asked = [*tokenizer.encode_parts([(Piece.REQUEST, row.texts[0])]), prompt.number(Piece.LINE)]
    line = tokenizer.encode(row.texts[1])
    return Example([*asked, *line], [False] * len(asked) + [True] * len(line))


def _joined(chain: Sequence[Example]) -> Example:
    """Return the parts between BOS and EOS. What follows a line is produced, for it says that the line is over."""
    tokens, wanted = [BOS], [False]
    for at, part in enumerate(chain):
        tokens += part.tokens
        wanted += [at > 0, *part.wanted[1:]]
    return Example([*tokens, EOS], [*wanted, True])
