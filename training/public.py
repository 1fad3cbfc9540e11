"""The model that ships: from our corpora to weights.

In: the folder of the corpora, a folder to work in. Out: `tokenizer.model`, `learning.npz` and `held.npz` (contexts),
`held.jsonl` (the rows that were held out), `public.jsonl.gz` (for training.publicset), then what the trainer writes.
"""

from __future__ import annotations

import gzip
import random
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from transformers import set_seed

from training import examples, model, publicset, tokenizer, trainer
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.examples import Packed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from training.records import Row
    from training.runs import Watcher
    from training.trainer import Plan

HELD_SHARE = 0.02  # of the pages and projects
AGAIN = 1000  # rows of each task that ship, so that personal training does not forget them


def prepare(corpora: Path, folder: Path, *, pieces: int = tokenizer.SIZE, seed: int = 0) -> None:
    """Read, clean and split the corpora; learn a vocabulary; pack contexts."""
    folder.mkdir(parents=True, exist_ok=True)
    learning, held = split(clean(ours.read(corpora)), share=HELD_SHARE)
    (folder / "held.jsonl").write_bytes(_lines(held))
    (folder / "public.jsonl.gz").write_bytes(gzip.compress(_lines(_shared(learning, held, seed)), mtime=0))
    words = tokenizer.train(_texts(learning, seed), folder / "tokenizer.model", pieces)
    for name, rows in (("learning", learning), ("held", held)):
        packed = examples.pack(rows, words, seed=seed)
        np.savez(folder / f"{name}.npz", tokens=packed.tokens, labels=packed.labels)


def learn(folder: Path, size: str, plan: Plan, watcher: Watcher | None = None) -> Path | None:
    """Train a model of `size` on what `prepare` left in `folder`; return its weights, None if ended early."""
    set_seed(plan.seed)
    words = tokenizer.Tokenizer(folder / "tokenizer.model")
    new = model.build(size, words.size)
    return trainer.train(new, _load(folder, "learning"), _load(folder, "held"), folder / size, plan, watcher=watcher)


def _shared(learning: Iterable[Row], held: Iterable[Row], seed: int) -> list[Row]:
    """Return the rows for training.publicset: requests that were held out, then rows of each task to learn again."""
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    shared = chance.sample([row for row in held if row.task == "request" and row.weight >= 1], publicset.FIXED)
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in learning:
        if row.weight >= 1:
            by_task[row.task].append(row)
    again = [row for task, rows in sorted(by_task.items()) for row in chance.sample(rows, min(AGAIN, len(rows)))]
    chance.shuffle(again)
    return [msgspec.structs.replace(row, group="") for row in [*shared, *again]]


def _lines(rows: Iterable[Row]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _texts(rows: Iterable[Row], seed: int) -> list[str]:
    """Return the texts in random order, each with the chance that its row's weight gives it."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    texts = [text for row in rows for text in row.texts if chance.random() < row.weight]
    chance.shuffle(texts)
    return texts


def _load(folder: Path, name: str) -> Packed:
    with np.load(folder / f"{name}.npz") as arrays:
        return Packed(arrays["tokens"], arrays["labels"])
