"""The command model at work: whole lines that may follow, and how probable they are.

In: parts (assistant_core.engine.prompt) and what was typed so far. Out: texts with natural log-probabilities. A model
belongs to the one thread that calls it; `cancel` alone may be called from another. What two calls in a row have in
common at their beginning is computed once: while a line is typed, a call costs the new tokens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from assistant_core.engine.llama import THREADS, Context, Stopped
from assistant_core.engine.prompt import BOS, CONTEXT, Part, Piece
from assistant_core.engine.search import SEQUENCES, WIDTH, Search
from assistant_core.engine.vocabulary import ENDS, Typed, Vocabulary
from assistant_core.errors import ModelError

ROOM = 4 * CONTEXT  # tokens: a whole prompt, and the branches
RESERVED = 32  # tokens kept free for the answer, by leaving out the oldest lines or the farthest known requests
_AFTER = {Piece.EXIT, Piece.EXPLAIN}  # belong to the line before them
_ASKED = {Piece.REQUEST, Piece.PREVIOUS}  # what follows, up to a line, belongs to them

Answers = list[tuple[str, float]]


class CommandModel:
    """The model in the file `gguf`. Raises ModelError if it is no command model, or llama-cpp-python is missing."""

    def __init__(self, gguf: Path, threads: int = THREADS) -> None:
        self._context = Context(gguf, tokens=ROOM, sequences=SEQUENCES, threads=threads)
        try:
            self._vocabulary = Vocabulary(self._context)
        except ModelError as error:
            self._context.close()
            raise ModelError(f"{gguf}: {error}") from error
        self._cancelled = False

    def candidates(
        self,
        parts: Sequence[Part],
        typed: str = "",
        *,
        count: int = 1,
        tokens: int = RESERVED,
        deadline_s: float = math.inf,
    ) -> Answers:
        """Return up to `count` (1 to 8) whole lines that begin with `typed`, most probable first.

        `parts` end with the piece that opens the line, such as (Piece.LINE, ""). A line goes on for at most
        `tokens` tokens; its log-probability is that of the rest and the end of the line, given `typed`, which may
        itself be among the lines. Where `deadline_s` seconds are over, or it is cancelled, what was found by then is
        returned.
        """
        begun = self._vocabulary.typed(typed)
        search = Search(self._context, self._vocabulary, width=min(count, WIDTH))
        found = self._run(search, parts, begun, tokens, deadline_s)
        return [(typed + text[len(begun.owed) :].decode(), score) for text, score in found]

    def generate(
        self, parts: Sequence[Part], *, count: int = 3, tokens: int = 64, deadline_s: float = math.inf
    ) -> Answers:
        """Return up to `count` (1 to 8) whole answers that begin differently, most probable first.

        Each begins with another token and goes on with the most probable one; as `candidates` otherwise.
        """
        search = Search(self._context, self._vocabulary, width=min(count, WIDTH), forked=True)
        found = self._run(search, parts, Typed([], b""), tokens, deadline_s)
        return [(text.decode(), score) for text, score in found]

    def score(self, parts: Sequence[Part], text: str) -> float:
        """Return the log-probability that `text` and its end follow `parts`.

        It cannot be cancelled. Raises ModelError if both are longer than CONTEXT tokens.
        """
        answer = self._vocabulary.encode(text)
        prompt = self._fitted(parts, answer, room=0)
        if prompt is None:
            raise ModelError(f"{len(answer)} tokens and their prompt are longer than {CONTEXT} tokens; shorten them")
        rows = self._context.logits(prompt, len(prompt) - len(answer) - 1)
        rows = rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)
        return float(rows[np.arange(len(answer)), answer].sum() + np.logaddexp.reduce(rows[-1, list(ENDS)]))

    def begin(self) -> None:
        """Take back an earlier `cancel`."""
        self._cancelled = False

    def cancel(self) -> None:
        """Have calls end within a step or 32 tokens of their prompt, until `begin`. From any thread."""
        self._cancelled = True

    def threads(self, count: int) -> None:
        """Compute with `count` threads from now on; fewer than there are idle cores."""
        self._context.threads(count)

    def close(self) -> None:
        """Free the model; it cannot be called any more."""
        self._context.close()

    def _run(
        self, search: Search, parts: Sequence[Part], begun: Typed, tokens: int, deadline_s: float
    ) -> list[tuple[bytes, float]]:
        end = time.monotonic() + deadline_s
        prompt = self._fitted(parts, begun.tokens, room=RESERVED)
        if prompt is None:
            return []

        def stop() -> bool:
            return self._cancelled or time.monotonic() >= end

        try:
            row = self._context.prefill(prompt, stop)
        except Stopped:
            return []
        most = min(tokens, CONTEXT - len(prompt), (ROOM - CONTEXT) // search.width)
        return search.run(row, owed=begun.owed, position=len(prompt), tokens=most, stop=stop)

    def _fitted(self, parts: Sequence[Part], after: list[int], room: int) -> list[int] | None:
        """Return the tokens of `parts` and `after`, less what may be left out where needed; None if they do not fit."""
        groups = [list(chain.from_iterable(map(self._vocabulary.encode_part, group))) for group in _groups(parts)]
        first = 1 if parts and parts[0][0] == Piece.DIRECTORY else 0
        while 1 + sum(map(len, groups)) + len(after) > CONTEXT - room:
            if len(groups) <= first + 1:
                return None
            del groups[first]
        return [BOS, *chain.from_iterable(groups), *after]


def _groups(parts: Sequence[Part]) -> list[list[Part]]:
    """Return what can only be left out together: a line with its exit code, a request with its line.

    The last group is the question itself.
    """
    groups: list[list[Part]] = []
    for part in parts:
        if groups and (part[0] in _AFTER or (groups[-1][0][0] in _ASKED and groups[-1][-1][0] != Piece.LINE)):
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups
