"""The embedding: from pairs of texts that say the same to one row of numbers for every word.

In: rows (requests, explanations, repairs). Out: a vocabulary and a matrix, as assistant_core.engine.embed writes them.
Learnt with sentence-transformers: of all lines in a batch, a request's own is to be the nearest, and the other
way round (Henderson et al., Efficient Natural Language Response Suggestion for Smart Reply, 2017).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from assistant_core.engine import embed
from assistant_core.engine.embed import Vocabulary
from assistant_core.errors import TrainingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.records import Row

    Numbers = NDArray[np.int64]

TASKS = frozenset({"request", "explain", "fix"})  # whose rows are two texts that say the same
SPREAD = 0.1  # standard deviation of the numbers in the beginning
WARMUP = 20  # steps in which the learning rate rises
FEWEST = 8  # pairs of a batch that is worth a step
SIBLINGS = 0.5  # weight of two lines for one request, and of two requests for one line


class Plan(NamedTuple):
    """How it is learnt; tried out in training/NOTES.md."""

    words: int = 20_000  # most frequent ones that have a row of their own
    buckets: int = 4_000  # rows that all others share
    dimensions: int = 256
    epochs: int = 6
    batch: int = 2048  # pairs
    learning_rate: float = 0.02
    scale: float = 20.0  # of the cosines, before the softmax
    seed: int = 0
    threads: int = 2


class Pair(NamedTuple):
    """Two texts that say the same, and how many times an epoch shows them, on average."""

    one: str
    other: str
    weight: float


Watcher = Callable[[int, int, float], None]  # steps done, of how many about, mean loss of late


def pairs(rows: Iterable[Row]) -> list[Pair]:
    """Return what the rows pair, each pair once: request and line, line and line, request and request."""
    weights: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.task in TASKS:
            one, other = reversed(row.texts) if row.task == "explain" else row.texts
            weights[one, other] = max(row.weight, weights.get((one, other), 0))
    told = [Pair(*texts, weight) for texts, weight in weights.items()]
    return [*told, *_siblings(told, 0), *_siblings(told, 1)]


def _siblings(told: Sequence[Pair], side: int) -> Iterator[Pair]:
    """Yield neighbours among the texts that are paired with the same text on `side`."""
    for a, b in pairwise(sorted(told, key=lambda pair: pair[side])):
        if a[side] == b[side]:
            yield Pair(str(a[1 - side]), str(b[1 - side]), SIBLINGS * min(a.weight, b.weight))


def vocabulary(told: Iterable[Pair], plan: Plan) -> Vocabulary:
    """Return the most frequent words, by weight, as the vocabulary."""
    counts: Counter[str] = Counter()
    for pair in told:
        for word in (*embed.words(pair.one), *embed.words(pair.other)):
            counts[word] += pair.weight  # type: ignore[assignment] # Counter adds any numbers
    return Vocabulary([word for word, _ in counts.most_common(plan.words)], plan.buckets)


class _Texts:
    """Texts as numbers of words, prepared once."""

    def __init__(self, known: Vocabulary, texts: Iterable[str]) -> None:
        numbers = [known.numbers(text) for text in texts]
        self._flat = np.fromiter((number for each in numbers for number in each), np.int64)
        self._lengths = np.array([len(each) for each in numbers], np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths

    def features(self, chosen: Numbers) -> dict[str, torch.Tensor]:
        lengths = self._lengths[chosen]
        starts = np.cumsum(lengths) - lengths
        at = np.arange(lengths.sum()) - np.repeat(starts - self._starts[chosen], lengths)
        return {"input_ids": torch.from_numpy(self._flat[at]), "offsets": torch.from_numpy(starts)}


def learn(told: Sequence[Pair], plan: Plan, watcher: Watcher | None = None) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Return a vocabulary and a row for each of its numbers. Raises TrainingError if there are too few pairs."""
    if len(told) < FEWEST:
        raise TrainingError(
            f"the embedding has {len(told)} pairs to learn from, expected {FEWEST} or more; add sources"
        )
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    chance = np.random.default_rng(plan.seed)
    known = vocabulary(told, plan)
    start = SPREAD * torch.randn(known.size, plan.dimensions)
    static = StaticEmbedding(Tokenizer(WordLevel({})), embedding_weights=start)  # features come from our own words
    model = SentenceTransformer(modules=[static], device="cpu")
    loss = MultipleNegativesRankingLoss(
        model, scale=plan.scale, directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction"
    )
    optimizer = torch.optim.Adam(static.parameters())
    steps = max(1, round(sum(pair.weight for pair in told) / plan.batch * plan.epochs))
    losses: list[float] = []
    for left, right in _batches(told, known, plan, chance):
        optimizer.param_groups[0]["lr"] = plan.learning_rate * _share(len(losses), steps)
        value = loss([left, right], torch.empty(0))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
        if watcher is not None:
            watcher(len(losses), steps, float(np.mean(losses[-50:])))
    return known, static.embedding.weight.detach().numpy()


def _share(done: int, steps: int) -> float:
    """Return the share of the learning rate after `done` steps: up in a line, down as a cosine."""
    return min(1.0, (done + 1) / WARMUP) * max(0.02, (1 + math.cos(math.pi * min(1.0, done / steps))) / 2)


def _batches(
    told: Sequence[Pair], known: Vocabulary, plan: Plan, chance: np.random.Generator
) -> Iterator[tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]:
    """Yield pairs in random order, each as often as its weight says; no text twice in a batch, on neither side."""
    places = {text: at for at, text in enumerate(dict.fromkeys(text for pair in told for text in pair[:2]))}
    texts = _Texts(known, places)
    sides = np.array([[places[pair.one], places[pair.other]] for pair in told])
    weights = np.array([pair.weight for pair in told])
    for _ in range(plan.epochs):
        times = np.floor(weights + chance.random(len(told))).astype(np.int64)
        order = chance.permutation(np.repeat(np.arange(len(told)), times))
        for at in range(0, len(order), plan.batch):
            batch = sides[order[at : at + plan.batch]]
            for side in (0, 1):
                batch = batch[np.unique(batch[:, side], return_index=True)[1]]
            if len(batch) >= FEWEST:
                yield texts.features(batch[:, 0]), texts.features(batch[:, 1])
