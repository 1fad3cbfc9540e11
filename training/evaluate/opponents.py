"""What a model has to be better than: counts of tokens, and the nearest of what is known.

In: what was learnt from. Out: predictors (training.evaluate.predictor). They see the same rows as the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.bm25 import BM25
from assistant_core.engine.llama import TRUNK
from assistant_core.engine.prompt import BOS, FIRST, Part, Piece
from assistant_core.engine.search import WIDTH, Search
from assistant_core.engine.vocabulary import ENDS, Vocabulary
from assistant_core.engine.wording import terms

if TYPE_CHECKING:
    from assistant_core.engine.llama import Context
    from assistant_core.engine.pairs import Encoder
    from training.evaluate.ngram import NGram
    from training.evaluate.predictor import Ranked
    from training.tokenizer import Tokenizer

TOKENS = 32  # longest line that is foretold


class NGramPredictor:
    """An n-gram model, searched as the command model is: only the probabilities differ."""

    def __init__(self, model: NGram, tokenizer: Tokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._context = _Counted(model, tokenizer)
        self._vocabulary = Vocabulary(cast("Context", self._context))

    def lines(self, before: Sequence[Part], typed: str, count: int) -> Ranked:
        """Return lines that may follow, as Completing.lines does."""
        begun = self._vocabulary.typed(typed)
        prompt = [BOS, *self._tokenizer.encode_parts([*before, (Piece.LINE, "")]), *begun.tokens]
        search = Search(cast("Context", self._context), self._vocabulary, width=min(count, WIDTH))
        row = self._context.prefill(prompt)
        found = search.run(row, owed=begun.owed, position=len(prompt), tokens=TOKENS, stop=lambda: False)
        return [(typed + text[len(begun.owed) :].decode(), math.exp(score)) for text, score in found]

    def bits(self, before: Sequence[Part], text: str) -> float:
        """Return the bits of `text` and its end, as Weighing.bits does."""
        tokens, answer = [BOS, *self._tokenizer.encode_parts(before)], self._tokenizer.encode(text)
        total = 0.0
        for token in answer:
            total += float(self._model.logarithms(tokens)[token])
            tokens.append(token)
        total += float(np.logaddexp.reduce(self._model.logarithms(tokens)[list(ENDS)]))
        return -total / math.log(2)


class _Counted:
    """The face of assistant_core.engine.llama.Context over counts."""

    def __init__(self, model: NGram, tokenizer: Tokenizer) -> None:
        self._model = model
        self._pieces = [_bytes(*each) for each in enumerate(tokenizer.pieces())]
        self._held: dict[int, list[int]] = {}
        self.size, self.tokenise = tokenizer.size, tokenizer.encode

    def piece(self, token: int) -> bytes:
        return self._pieces[token]

    def prefill(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        self._held[TRUNK] = list(tokens)
        return self._model.logarithms(tokens)

    def step(self, tokens: Sequence[int], _position: int, sequences: Sequence[int]) -> NDArray[np.float32]:
        for token, sequence in zip(tokens, sequences, strict=True):
            self._held[sequence].append(token)
        return np.stack([self._model.logarithms(self._held[sequence]) for sequence in sequences])

    def branch(self, source: int, target: int) -> None:
        self._held[target] = [*self._held[source]]

    def drop(self, sequence: int) -> None:
        self._held.pop(sequence, None)


def _bytes(number: int, piece: str) -> bytes:
    if number < FIRST + len(Piece):
        return b""  # a control piece
    return bytes([int(piece[3:5], 16)]) if piece.startswith("<0x") else piece.replace("\u2581", " ").encode()


class Nearest:
    """Answers with what goes with the nearest of known texts: lines with requests, or explanations with lines."""

    def __init__(self, values: Sequence[str], nearness: Callable[[str], NDArray[np.float32]]) -> None:
        self._values, self._nearness = values, nearness

    def answer(self, request: str, count: int) -> list[str]:
        """Return what goes with the nearest texts, each once, nearest first."""
        order = np.argsort(-self._nearness(request), kind="stable")[: 20 * count]
        return list(dict.fromkeys(self._values[at] for at in order))[:count]

    def explain(self, line: str) -> str:
        """Return the explanation of the nearest line."""
        return self.answer(line, 1)[0]


def by_words(
    keys: Iterable[str], words: Callable[[str], Iterable[str]] = terms
) -> Callable[[str], NDArray[np.float32]]:
    """Return the nearness of any text to `keys`: BM25 over `words`, usually stems of words and pairs of them."""
    index = BM25([*words(key)] for key in keys)
    return lambda text: index.scores(words(text))


def by_meaning(keys: Sequence[str], encoder: Encoder) -> Callable[[str], NDArray[np.float32]]:
    """Return the nearness of any text to `keys`: the cosine of their embeddings."""
    rows = encoder.encode(keys)
    return lambda text: np.asarray(rows @ encoder.encode([text])[0])
