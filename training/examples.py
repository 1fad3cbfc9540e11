"""Rows as the model sees them: tokens, which of them it is to produce, and contexts packed full.

In: rows and a tokenizer. Out: arrays of token numbers and labels. The forms are those of assistant_core.engine.prompt;
only what the model will be asked to produce is a label: never a request, a directory or an exit code.
"""

from __future__ import annotations

import random
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine import prompt
from assistant_core.engine.prompt import BOS, CONTEXT, EOS, PAD, Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from assistant_core.engine.prompt import Part
    from training.records import Row, Task
    from training.tokenizer import Tokenizer

IGNORED = -100  # label of what is not to be produced, as torch's losses have it
PRODUCED = {Piece.LINE, Piece.EXPLAIN}


class Example(NamedTuple):
    """Tokens from BOS to EOS, and which of them are to be produced."""

    tokens: list[int]
    wanted: list[bool]


class Packed(NamedTuple):
    """Contexts: `tokens` int32 (n, CONTEXT), and `labels` of that shape, IGNORED where nothing is to be produced."""

    tokens: NDArray[np.int32]
    labels: NDArray[np.int32]


def encode(row: Row, tokenizer: Tokenizer) -> Iterator[Example]:
    """Yield the examples of a row: one, or for a long session several; none where a text is too long for a context."""
    match row.task:
        case "session":
            yield from _session(row, tokenizer)
        case "line":
            yield from _answer([], Piece.LINE, row.texts[0], tokenizer)
        case "request":
            yield from _answer([(Piece.REQUEST, row.texts[0])], Piece.LINE, row.texts[1], tokenizer)
        case "explain":
            yield from _answer([(Piece.LINE, row.texts[0])], Piece.EXPLAIN, row.texts[1], tokenizer)
        case "fix":
            asked = prompt.repair(row.texts[0])[:-1]
            yield from _answer(asked, Piece.LINE, row.texts[1], tokenizer)


def shown(rows: Iterable[Row], *, seed: int, emphasis: Mapping[Task, float]) -> Iterator[Row]:
    """Yield each row as often as an epoch shows it: its weight times the emphasis on its task, 1 if none is given.

    The whole part for certain, the rest by chance.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    for row in rows:
        times, rest = divmod(row.weight * emphasis.get(row.task, 1), 1)
        yield from repeat(row, int(times) + (chance.random() < rest))


def pack(examples: Iterable[Example], *, seed: int) -> Packed:
    """Shuffle examples and put as many into each context as fit whole."""
    shuffled = list(examples)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    return _packed(list(_bins(shuffled)))


def _answer(asked: list[Part], piece: Piece, text: str, tokenizer: Tokenizer) -> Iterator[Example]:
    before = [BOS, *tokenizer.encode_parts(asked), prompt.number(piece)]
    answer = [*tokenizer.encode(text), EOS]
    if len(before) + len(answer) <= CONTEXT:
        yield Example(before + answer, [False] * len(before) + [True] * len(answer))


def _session(row: Row, tokenizer: Tokenizer) -> Iterator[Example]:
    exits = row.exits or (None,) * len(row.texts)
    head = tokenizer.encode_parts(prompt.session((), row.directory))
    tokens, wanted = [BOS, *head], [False] * (1 + len(head))
    for line, code in zip(row.texts, exits, strict=True):
        more, produced = _run(line, code, tokenizer)
        if len(tokens) + len(more) + 1 > CONTEXT:
            if len(tokens) > 1 + len(head):
                yield Example([*tokens, EOS], [*wanted, True])
            tokens, wanted = [BOS, *head], [False] * (1 + len(head))
        if len(tokens) + len(more) + 1 <= CONTEXT:
            tokens += more
            wanted += produced
    if len(tokens) > 1 + len(head):
        yield Example([*tokens, EOS], [*wanted, True])


def _run(line: str, code: int | None, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Return one line of a session. The piece after a line is produced, for it says that the line is over."""
    parts = prompt.session([(line, code)])
    text = tokenizer.encode(parts[0][1])
    after = tokenizer.encode_parts(parts[1:])
    tokens = [prompt.number(Piece.LINE), *text, *after]
    return tokens, [True] * (1 + len(text)) + [at == 0 for at in range(len(after))]


def _bins(examples: Sequence[Example], open_bins: int = 64) -> Iterator[Example]:
    """Fill contexts first-fit, with `open_bins` to choose from; a full one is yielded padded."""
    bins: list[Example] = []
    for tokens, wanted in examples:
        place = next((each for each in bins if len(each.tokens) + len(tokens) <= CONTEXT), None)
        if place is None:
            place = Example([], [])
            bins.append(place)
        place.tokens.extend(tokens)
        place.wanted.extend(wanted)
        if len(bins) > open_bins or len(place.tokens) == CONTEXT:
            fullest = max(bins, key=lambda each: len(each.tokens))
            bins.remove(fullest)
            yield fullest
    yield from bins


def _packed(contexts: Sequence[Example]) -> Packed:
    tokens = np.full((len(contexts), CONTEXT), PAD, dtype=np.int32)
    labels = np.full((len(contexts), CONTEXT), IGNORED, dtype=np.int32)
    for at, (numbers, wanted) in enumerate(contexts):
        tokens[at, : len(numbers)] = numbers
        chosen = np.flatnonzero(wanted)
        labels[at, chosen] = tokens[at, chosen]
    return Packed(tokens, labels)
