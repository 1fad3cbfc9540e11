"""A request in words to the few lines that most probably do it.

In: a request. Out: lines, best first, each with its probability and where it comes from. Several know something
about it: the pairs whose requests are near; the intents, which tell what kind of line is wanted; the ranking, which
weighs anew what these two propose; the command model, which makes lines up, as a chat model does. Each gives its
opinion as a distribution over lines, with the request's own values put in; the lines shown are those that agree best
with the mean (assistant_core.engine.consensus). Whoever is not there is left out.
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
from assistant_core.engine.pairs import Index, Near
from assistant_core.engine.prompt import Part
from assistant_core.engine.proposals import Proposals, candidates, numbers
from assistant_core.engine.shape import shape
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
    """How the opinions are formed and weighed; fitted on requests held out of NL2Bash's training part.

    What near pairs and intents propose together weighs as much as both do, whether it is ranked or not.
    """

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
        known, opinions = Proposals(), list[tuple[float, Mapping[str, float]]]()
        if self._index.knows(request):
            near = self._index.nearest(request, self._blend.retrieved)
            asked = prompt.request(request, directory, _examples(near, self._blend.told))
            weight, known = self._known(request, near)
            opinions += [
                (weight, self._ranked(request, known)),
                (self._blend.made_up, self._made_up(request, asked, deadline_s)),
            ]
        talk = {line: share for line, score in chat() if (share := math.exp(score))}
        sure = min(sum(talk.values()), 1)
        if opinions or sure >= self._blend.sure:
            opinions.append((self._blend.chat * sure, talk))
        return [
            Answer(line, probability, _source(line, known, talk), self._answered(line, known))
            for line, probability in choose(mixed(opinions), count, partial(missing, request))
        ]

    def known(self, request: str) -> Proposals:
        """Return what near pairs and intents propose."""
        return self._known(request, self._index.nearest(request, self._blend.retrieved))[1]

    def _known(self, request: str, near: Sequence[Near]) -> tuple[float, Proposals]:
        """Return what `near` and the intents propose, and the weight of both."""
        blend, pairs = self._blend, dict[str, list[int]]()
        closeness = self._index.measured(request).closeness
        likely = self._index.intended(request, blend.shapes)
        sharpened = ((each, each.pair.weight * math.exp(blend.sharpness * (each.nearness - 1))) for each in near)
        found = _filled(request, pairs, sharpened)
        intended = _filled(request, pairs, ((each, each.nearness**blend.intents_sharpness) for each in likely))
        opinions = [(max(blend.found, closeness**blend.growth), found), (blend.intended, intended)]
        weight = sum(weight for weight, opinion in opinions if opinion)
        return weight, Proposals(mixed(opinions), found, intended, pairs)

    def _ranked(self, request: str, known: Proposals) -> Mapping[str, float]:
        """Return the lines that are known, each with its part of what the ranking gives its shape, if there is one."""
        if self._index.ranking is None or not known.lines:
            return known.lines
        of = candidates(request, known)
        shares = self._index.ranking.shares(numbers(request, of, self._index))
        worth = dict(zip(of.shapes, shares / of.shares, strict=True))
        return {line: share * worth[shape(line)] for line, share in known.lines.items() if shape(line) in worth}

    def _answered(self, line: str, known: Proposals) -> str:
        return self._index.pairs[known.pairs[line][0]].request if line in known.pairs else ""

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


def _source(line: str, known: Proposals, talk: Mapping[str, float]) -> Source:
    return "found" if line in known.pairs else "chat" if line in talk else "model"


def _examples(near: Iterable[Near], count: int) -> list[tuple[str, str]]:
    """Return the nearest requests with different lines, the nearest last."""
    lines: dict[str, str] = {}
    for each in near:
        lines.setdefault(each.pair.line, each.pair.request)
    return [(request, line) for line, request in islice(lines.items(), count)][::-1]


def _filled(request: str, pairs: dict[str, list[int]], said: Iterable[tuple[Near, float]]) -> dict[str, float]:
    """Return the lines of what is near with the values of `request`, each with the sum of its numbers.

    Which pairs propose each line is written into `pairs`.
    """
    opinion: defaultdict[str, float] = defaultdict(float)
    for near, number in said:
        line = fill(request, near.pair.request, near.pair.line)
        opinion[line] += number
        pairs.setdefault(line, []).append(near.place)
    return opinion
