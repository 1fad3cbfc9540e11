"""Which utilities and options a request wants: a linear reading of its words, learned from pairs.

In: pairs (assistant_core.engine.pairs). Out: the arrays of assistant_core.engine.intents. A shape is the sum of the
vectors of its labels (utilities, options, neighbours), so that what is learned of an option in one line counts in
all others. All shapes compete for a request (softmax). Rare terms, labels and shapes are left out: they would only
tell the requests of training apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from assistant_core.engine.intents import LENGTH, Arrays, quantised
from assistant_core.engine.pairs import Pair
from assistant_core.engine.shape import Shape, shape
from assistant_core.engine.wording import features
from assistant_core.errors import TrainingError


class Plan(NamedTuple):
    """How to learn; the weight of a pair says how often an epoch shows it, on average."""

    readers: int = 4
    width: int = 64
    epochs: int = 8
    batch: int = 256
    learning_rate: float = 5e-3
    forgotten: float = 0.3  # share of a request's terms that is left out each time
    dropout: float = 0.2  # of the reading
    smoothing: float = 0.05  # probability that goes to all shapes alike
    least_requests: int = 4  # that a term must be in
    least_pairs: int = 2  # that a label or a shape must be in
    seed: int = 0


class Data(NamedTuple):
    """Pairs as numbers."""

    terms: list[str]
    rarity: NDArray[np.float32]
    requests: list[NDArray[np.int64]]  # terms of each pair's request
    labels: int
    holds: list[NDArray[np.int64]]  # labels of each shape
    of_pair: NDArray[np.int64]  # shape of each pair, -1 where it is left out
    weights: NDArray[np.float64]  # of each pair


def train(pairs: Sequence[Pair], plan: Plan | None = None) -> Arrays:
    """Learn from `pairs`. Raises TrainingError if nothing in them is common enough."""
    chosen = plan or Plan()
    data = prepare(pairs, chosen)
    if not data.terms or not data.labels or not (data.of_pair >= 0).any():
        raise TrainingError(f"{len(pairs)} pairs have no terms, or no lines, in common; add more of them")
    networks = [_taught(data, chosen._replace(seed=chosen.seed + number)) for number in range(chosen.readers)]
    vectors = [quantised(network.terms.weight.detach().numpy()) for network in networks]
    sums = [network.shapes().detach().numpy() for network in networks]
    shapes = [quantised(each[:, :-1]) for each in sums]
    return Arrays(
        terms=np.frombuffer("\n".join(data.terms).encode(), np.uint8),
        rarity=data.rarity.astype(np.float16),
        vectors=np.stack([numbers for numbers, _ in vectors]),
        vector_scales=np.stack([scales for _, scales in vectors]),
        hidden=np.stack([network.layer() for network in networks]),
        shapes=np.stack([numbers for numbers, _ in shapes]),
        shape_scales=np.stack([scales for _, scales in shapes]),
        common=np.stack([each[:, -1] for each in sums]).astype(np.float16),
        of_pair=data.of_pair.astype(np.int32),
    )


def prepare(pairs: Sequence[Pair], plan: Plan) -> Data:
    """Return `pairs` with numbers for what is common enough; every shape of a trusted pair (weight 1) is."""
    texts = [features(pair.request) for pair in pairs]
    lines = [shape(pair.line) for pair in pairs]
    told = Counter(term for text in texts for term in text)
    terms = _numbered(told, plan.least_requests)
    trusted = {line for line, pair in zip(lines, pairs, strict=True) if pair.weight >= 1}
    shapes = {
        each: number
        for number, each in enumerate(
            each for each, times in Counter(lines).items() if each and (times >= plan.least_pairs or each in trusted)
        )
    }
    marks = [list(labels(each)) for each in shapes]
    of_pair = np.array([shapes.get(line, -1) for line in lines], np.int64)
    names = _numbered(Counter(label for at in of_pair if at >= 0 for label in marks[at]), plan.least_pairs)
    return Data(
        terms=list(terms),
        rarity=np.log(len(texts) / (np.array([told[term] for term in terms]) + 1)).clip(0.1).astype(np.float32),
        requests=[np.array([terms[term] for term in text if term in terms], np.int64) for text in texts],
        labels=len(names),
        holds=[np.array([names[label] for label in each if label in names], np.int64) for each in marks],
        of_pair=of_pair,
        weights=np.where(of_pair >= 0, [pair.weight for pair in pairs], 0),
    )


def labels(of: Shape) -> Iterator[str]:
    """Yield what is told apart in a shape."""
    for at, (name, options) in enumerate(of):
        yield f"utility {name}"
        yield f"after {of[at - 1].name if at else ''} {name}"
        yield from (f"option {name} {option}" for option in sorted(options) or ("none",))
    yield f"length {len(of)}"
    yield f"last {of[-1].name}"


class _Network(nn.Module):
    def __init__(self, data: Data, plan: Plan) -> None:
        super().__init__()
        self._data, self._plan = data, plan
        self._chance = np.random.default_rng(plan.seed)
        self.terms = nn.EmbeddingBag(len(data.terms), plan.width, mode="sum")
        self.hidden = nn.Linear(plan.width, plan.width)
        self.labels = nn.Parameter(torch.randn(data.labels, plan.width + 1) * 0.05)  # the last: how common it is
        nn.init.normal_(self.terms.weight, std=0.05)
        nn.init.eye_(self.hidden.weight)
        nn.init.zeros_(self.hidden.bias)
        self._holds, self._starts = _flat(data.holds)

    def shapes(self) -> torch.Tensor:
        """Return the sum of each shape's labels (s, width + 1)."""
        return nn.functional.embedding_bag(self._holds, self.labels, self._starts, mode="sum")

    def layer(self) -> NDArray[np.float32]:
        """Return the hidden layer as Arrays has it."""
        parts = [self.hidden.weight.T, self.hidden.bias[None]]
        return np.asarray(torch.cat(parts).detach().numpy(), np.float32)

    def loss(self, pairs: NDArray[np.int64]) -> torch.Tensor:
        """Return the cross entropy of the shapes of these pairs, given some of the terms of their requests."""
        requests = (self._data.requests[at] for at in pairs)
        read = self._read([each[self._chance.random(len(each)) >= self._plan.forgotten] for each in requests])
        shapes = self.shapes()
        scores = nn.functional.dropout(read, self._plan.dropout) @ shapes[:, :-1].T + shapes[:, -1]
        truth = torch.from_numpy(self._data.of_pair[pairs])
        return nn.functional.cross_entropy(scores, truth, label_smoothing=self._plan.smoothing)

    def _read(self, requests: Sequence[NDArray[np.int64]]) -> torch.Tensor:
        rarity = [self._data.rarity[each] for each in requests]
        weights = np.concatenate([each * (LENGTH / max(float(np.linalg.norm(each)), 1e-6)) for each in rarity])
        terms, starts = _flat(requests)
        sums = self.terms(terms, starts, per_sample_weights=torch.from_numpy(weights.astype(np.float32)))
        return torch.as_tensor(sums + torch.relu(self.hidden(sums)))


def _taught(data: Data, plan: Plan) -> _Network:
    torch.manual_seed(plan.seed)
    network = _Network(data, plan)
    steps = max(round(data.weights.sum() * plan.epochs / plan.batch), 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, total_steps=steps, pct_start=0.1)
    chance = np.random.default_rng(plan.seed)
    shares = data.weights / data.weights.sum()
    for _ in range(steps):
        loss = network.loss(chance.choice(len(shares), plan.batch, p=shares))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimizer.step()
        schedule.step()
    return network


def _numbered(counts: Counter[str], least: int) -> dict[str, int]:
    common: Iterable[str] = (name for name, times in counts.items() if times >= least)
    return {name: number for number, name in enumerate(common)}


def _flat(lists: Sequence[NDArray[np.int64]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all numbers end to end, and where each list begins."""
    starts = np.cumsum([0, *(len(each) for each in lists[:-1])])
    return torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *lists])), torch.from_numpy(starts)
