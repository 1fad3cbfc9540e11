"""A request in words to the few lines that most probably do it.

In: a request. Out: lines, best first, each with its probability and where it comes from. Several know something
about it: the pairs whose requests are near; the intents, which tell what kind of line is wanted; the command model,
which makes lines up, as a chat model does. Each gives its opinion as a distribution over lines, with the request's own
values put in; the lines shown are those that agree best with the mean (assistant_core.engine.consensus). Whoever is
not there is left out.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple, Protocol

from assistant_core.engine import prompt
from assistant_core.engine.consensus import choose, mixed
from assistant_core.engine.filling import complete, fill
from assistant_core.engine.pairs import Index, Near, Pair
from assistant_core.engine.prompt import Part
from assistant_core.engine.values import missing

Source = Literal["found", "model", "chat"]


class Generator(Protocol):
    """Makes lines up (assistant_core.engine.command)."""

    def candidates(
        self, parts: Sequence[Part], typed: str = "", *, count: int, tokens: int, deadline_s: float
    ) -> list[tuple[str, float]]:
        """Return lines that may follow, with their natural log-probability."""
        ...

    def generate(self, parts: Sequence[Part], *, count: int, tokens: int, deadline_s: float) -> list[tuple[str, float]]:
        """Return lines that begin differently, with their natural log-probability."""
        ...

    def score(self, parts: Sequence[Part], text: str) -> float:
        """Return the natural log-probability of a line. Raises ModelError if it is too long."""
        ...


class Answer(NamedTuple):
    """A line that may do what was asked; `near` is the known request that it answers, "" if it was made up."""

    line: str
    probability: float
    source: Source
    near: str = ""


class Blend(NamedTuple):
    """How the opinions are formed and weighed; fitted on requests held out of NL2Bash's training part."""

    retrieved: int = 80  # pairs that have a say
    sharpness: float = 7.0  # of nearness: how much more the nearest one counts
    told: int = 8  # pairs that the model is told, as far as they fit its context
    shapes: int = 100  # of what is intended
    intents_sharpness: float = 0.7  # exponent of their probabilities
    generated: int = 8  # lines that the model makes up in each of two ways
    tokens: int = 48  # longest line that it makes up
    model_sharpness: float = 1.0  # exponent of its probabilities
    found: float = 0.15  # weight of the near pairs' opinion; it grows to 1 where one says all that was asked
    growth: float = 4.0  # how late: the power of the share of the request that the nearest pair says
    intended: float = 0.65  # weight of the intents' opinion
    made_up: float = 0.1  # weight of the model's
    chat: float = 1.0  # weight of the chat model's, times the probability of all that it says: as far as it is sure
    sure: float = 0.02  # least such probability where nothing else is known


class Answerer:
    """Answers requests from an index of pairs and, if there is one, a model. It belongs to the model's thread."""

    def __init__(self, index: Index, model: Generator | None = None, blend: Blend | None = None) -> None:
        self._index, self._model, self._blend = index, model, blend or Blend()

    def answer(
        self,
        request: str,
        count: int = 3,
        *,
        directory: str = "",
        deadline_s: float = math.inf,
        chat: Callable[[], Iterable[tuple[str, float]]] = tuple,
    ) -> list[Answer]:
        """Return up to `count` lines that do different things, best first; none where nothing is known.

        `directory`: its kind, as the command model was told it. The model stops after `deadline_s` seconds. `chat`
        waits for the lines of a chat model, with their natural log-probability; it is called last.
        """
        known: dict[str, str] = {}
        opinions = self._opinions(request, directory, deadline_s, known) if self._index.knows(request) else []
        talk = {line: share for line, score in chat() if (share := math.exp(score))}
        sure = sum(talk.values())
        if opinions or sure >= self._blend.sure:
            opinions.append((self._blend.chat * sure, talk))
        return [
            Answer(line, probability, _source(line, known, talk), known.get(line, ""))
            for line, probability in choose(mixed(opinions), count, partial(missing, request))
        ]

    def _opinions(
        self, request: str, directory: str, deadline_s: float, known: dict[str, str]
    ) -> list[tuple[float, Mapping[str, float]]]:
        blend, closeness = self._blend, self._index.closeness(request)
        near = self._index.nearest(request, blend.retrieved)
        asked = prompt.request(request, directory, _examples(near, blend.told))
        return [
            (max(blend.found, closeness**blend.growth), self._found(request, near, known)),
            (blend.intended, self._intended(request, known)),
            (blend.made_up, self._made_up(request, asked, deadline_s)),
        ]

    def _found(self, request: str, near: Iterable[Near], known: dict[str, str]) -> dict[str, float]:
        return _filled(
            request,
            known,
            ((pair, pair.weight * math.exp(self._blend.sharpness * (nearness - 1))) for pair, nearness in near),
        )

    def _intended(self, request: str, known: dict[str, str]) -> dict[str, float]:
        likely = self._index.intended(request, self._blend.shapes)
        return _filled(request, known, ((pair, share**self._blend.intents_sharpness) for pair, share in likely))

    def _made_up(self, request: str, parts: Sequence[Part], deadline_s: float) -> Mapping[str, float]:
        if self._model is None:
            return {}
        end, blend = time.monotonic() + deadline_s, self._blend
        lines = dict(self._model.candidates(parts, count=blend.generated, tokens=blend.tokens, deadline_s=deadline_s))
        left = end - time.monotonic()
        lines |= self._model.generate(parts, count=blend.generated, tokens=blend.tokens, deadline_s=left)
        opinion: defaultdict[str, float] = defaultdict(float)
        for line, score in lines.items():
            if line.strip():
                opinion[complete(request, line)] += math.exp(blend.model_sharpness * score)
        return opinion


def _source(line: str, known: Mapping[str, str], talk: Mapping[str, float]) -> Source:
    return "found" if line in known else "chat" if line in talk else "model"


def _examples(near: Iterable[Near], count: int) -> list[tuple[str, str]]:
    """Return the nearest requests with different lines, the nearest last."""
    lines: dict[str, str] = {}
    for pair, _ in near:
        lines.setdefault(pair.line, pair.request)
    return [(request, line) for line, request in islice(lines.items(), count)][::-1]


def _filled(request: str, known: dict[str, str], said: Iterable[tuple[Pair, float]]) -> dict[str, float]:
    """Return the lines of the pairs with the values of `request`, each with the sum of its numbers.

    Which request each line is known to answer is written into `known`.
    """
    opinion: defaultdict[str, float] = defaultdict(float)
    for pair, number in said:
        line = fill(request, pair.request, pair.line)
        opinion[line] += number
        known.setdefault(line, pair.request)
    return opinion
