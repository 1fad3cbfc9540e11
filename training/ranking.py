"""How good the proposals of the known pairs look: a small network, learned from pairs that were not known at the time.

In: pairs (assistant_core.engine.pairs), the embedding. Out: the arrays of assistant_core.engine.ranking. The trusted
pairs are divided into parts; pairs that share a line or a request are in one part. For each part the intents are
learned again without it, its requests are put to an index of all other pairs, and what that proposes is compared with
the lines of the part.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from assistant_core.engine import intents as engine
from assistant_core.engine.answer import Answerer
from assistant_core.engine.intents import Intents
from assistant_core.engine.pairs import Encoder, Index, Pair
from assistant_core.engine.proposals import NUMBERS, RANKED, Proposals, candidates, numbers
from assistant_core.engine.ranking import FARTHEST, INPUTS, Arrays, inputs
from assistant_core.engine.shape import Shape, agreements, shape
from assistant_core.errors import TrainingError
from training import intents

PARTS = 6
LEAST = 20  # lists of proposals to learn from
_MISSING = list(NUMBERS).index("missing")

Floats = NDArray[np.float32]
Learn = Callable[[Sequence[Pair]], engine.Arrays]


class Plan(NamedTuple):
    """How to learn."""

    hidden: int = 32
    epochs: int = 12
    batch: int = 32  # lists
    learning_rate: float = 2e-3
    decay: float = 1e-3
    dropout: float = 0.2
    lacking: float = 0.2  # agreement that a value of the request is worth which no line of a shape holds
    sharpness: float = 10.0  # what is to be said of a list is the softmax of so many times what its shapes are worth
    seed: int = 0


class Example(NamedTuple):
    """The candidates for a request that was not known."""

    numbers: Floats  # (n, numbers) as assistant_core.engine.proposals.numbers gives them
    agreement: Floats  # (n,) how far each agrees with the best line for the request, -1..1


def parts(pairs: Sequence[Pair]) -> list[int]:
    """Return the part of each pair, 0 ≤ part < PARTS; -1 for those that are not trusted (weight below 1)."""
    above: dict[tuple[str, str], tuple[str, str]] = {}

    def top(node: tuple[str, str]) -> tuple[str, str]:
        while (other := above.get(node, node)) != node:
            above[node] = above.get(other, other)
            node = other
        return node

    trusted = [pair.weight >= 1 for pair in pairs]
    for pair, counts in zip(pairs, trusted, strict=True):
        if counts:
            above[top(("q", pair.request.lower()))] = top(("l", pair.line))
    return [_part(top(("l", pair.line))) if counts else -1 for pair, counts in zip(pairs, trusted, strict=True)]


def _part(node: tuple[str, str]) -> int:
    return int.from_bytes(hashlib.sha256(repr(node).encode()).digest()[:4]) % PARTS


def examples(pairs: Sequence[Pair], encoder: Encoder, learn: Learn = intents.train) -> list[Example]:
    """Return what is proposed for the requests of each part by all other pairs, from which `learn` learns intents."""
    of = parts(pairs)
    found = list[Example]()
    for part in sorted(set(of) - {-1}):
        asked = [pair for pair, each in zip(pairs, of, strict=True) if each == part]
        known = [pair for pair, each in zip(pairs, of, strict=True) if each != part]
        found += of_part(Index(known, encoder, Intents(learn(known))), asked)
    return found


def of_part(index: Index, asked: Iterable[Pair]) -> list[Example]:
    """Return what `index` proposes for each request of pairs that it does not hold."""
    golds: defaultdict[str, list[Shape]] = defaultdict(list)
    for pair in asked:
        golds[pair.request].append(shape(pair.line))
    proposed = ((request, Answerer(index).known(request)) for request in golds)
    return [example(index, request, known, golds[request]) for request, known in proposed if known.lines]


def example(index: Index, request: str, known: Proposals, right: Sequence[Shape]) -> Example:
    """Return the candidates among what is `known` for `request`, beside what is `right`."""
    of = candidates(request, known)
    table = agreements([*of.shapes, *right])[: len(of.shapes), len(of.shapes) :]
    return Example(numbers(request, of, index), table.max(axis=1).astype(np.float32))


def train(found: Sequence[Example], plan: Plan | None = None) -> Arrays:
    """Learn from `found`. Raises TrainingError if these are too few."""
    if len(found) < LEAST:
        raise TrainingError(f"{len(found)} requests have proposals, expected {LEAST}; add trusted pairs")
    chosen = plan or Plan()
    torch.manual_seed(chosen.seed)
    lists = _lists(found, chosen.lacking)
    network = _Network(lists, chosen)
    steps = chosen.epochs * -(-len(found) // chosen.batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=chosen.learning_rate, weight_decay=chosen.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, chosen.learning_rate, total_steps=steps, pct_start=0.15)
    for _ in range(chosen.epochs):
        for batch in torch.split(torch.randperm(len(found)), chosen.batch):
            loss = network.loss(batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            optimizer.step()
            schedule.step()
    return network.arrays()


class _Lists(NamedTuple):
    inputs: torch.Tensor  # (lists, RANKED, inputs)
    shares: torch.Tensor  # (lists, RANKED) their logarithms
    worth: torch.Tensor  # (lists, RANKED) agreement, less what is lacking
    there: torch.Tensor  # (lists, RANKED) False behind the end of a list


def _lists(found: Sequence[Example], lacking: float) -> _Lists:
    size = (len(found), RANKED)
    lists = _Lists(torch.zeros(*size, INPUTS), torch.zeros(size), torch.zeros(size), torch.zeros(size).bool())
    for at, (told, agreement) in enumerate(found):
        rows = slice(len(agreement))
        lists.inputs[at, rows] = torch.from_numpy(inputs(told))
        lists.shares[at, rows] = torch.from_numpy(told[:, 0])
        lists.worth[at, rows] = torch.from_numpy(agreement - np.float32(lacking) * told[:, _MISSING])
        lists.there[at, rows] = True
    return lists


class _Network(nn.Module):
    def __init__(self, lists: _Lists, plan: Plan) -> None:
        super().__init__()
        self._lists, self._plan = lists, plan
        seen = lists.inputs[lists.there]
        self._mean, self._scale = seen.mean(dim=0), seen.std(dim=0) + 1e-3
        sizes = (INPUTS, plan.hidden, plan.hidden, 1)
        self._layers = [nn.Linear(*each) for each in pairwise(sizes)]
        self.all = nn.ModuleList(self._layers)
        self.prior = nn.Parameter(torch.tensor([0.7]))

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy of these lists."""
        told, shares, worth, there = (each[batch] for each in self._lists)
        seen = ((told - self._mean) / self._scale).clamp(-FARTHEST, FARTHEST)
        for layer in self._layers[:-1]:
            seen = nn.functional.dropout(torch.relu(layer(seen)), self._plan.dropout)
        scores = self._layers[-1](seen)[..., 0] + self.prior * shares
        said = scores.masked_fill(~there, -1e4).log_softmax(dim=-1)
        truth = (self._plan.sharpness * worth).masked_fill(~there, -1e4).softmax(dim=-1)
        return torch.as_tensor(-(truth * said).sum(dim=-1).mean())

    def arrays(self) -> Arrays:
        """Return what was learned."""
        layers = [torch.cat([each.weight.T, each.bias[None]]) for each in self._layers]
        found = [self._mean, self._scale, *layers, self.prior]
        return Arrays(*(np.asarray(each.detach().numpy(), np.float32) for each in found))
