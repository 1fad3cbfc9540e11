"""The model that ships: from our corpora to weights.

In: the folder of the corpora, a folder to work in. Out: `tokenizer.model`, `learning.npz` and `held.npz` (contexts),
`held.jsonl` (the rows that were held out), two files for training.publicset, then what the trainer writes.
"""

from __future__ import annotations

import gzip
import random
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from transformers import set_seed
from transformers.utils.logging import disable_progress_bar

from assistant_core.errors import TrainingError
from training import begun, examples, model, neighbours, publicset, tokenizer, trainer
from training.corpus import harmless, ours
from training.corpus.clean import clean
from training.corpus.split import Split, split
from training.examples import Packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from training.examples import Example
    from training.model import CommandLlama
    from training.records import Row, Task
    from training.runs import Watcher
    from training.tokenizer import Tokenizer
    from training.trainer import Plan

HELD_SHARE = 0.02  # of the pages and projects
# A request is the hardest to answer and a line alone the least to learn from: there are most of those.
EMPHASIS: dict[Task, float] = {"request": 2.5, "line": 0.5}
FIXED = 1000  # requests to score by at most: personal models differ by a point or two, chance by half a point
LEAST = 200  # and at least
NEEDED = ("tokenizer.model", "learning.npz", "held.npz")  # to learn, of what `prepare` writes
AGAIN = 1000  # rows of each task that ship, so that personal training does not forget them


def prepare(
    corpora: Path,
    folder: Path,
    *,
    pieces: int = tokenizer.SIZE,
    seed: int = 0,
    tell: Callable[[str], object] = str,
) -> None:
    """Read, clean and split the corpora; learn a vocabulary; pack contexts. `tell` is told what is done next."""
    folder.mkdir(parents=True, exist_ok=True)
    tell(f"reading {corpora}")
    learning, held = rows(corpora)
    tell(f"{len(learning):,} rows to learn from, {len(held):,} held out; learning the vocabulary")
    (folder / "held.jsonl").write_bytes(_lines(held))
    for name, shared in (
        (publicset.SCORED, fixed(learning, held, seed)),
        (publicset.LEARNT, _again(learning, seed)),
    ):
        (folder / name).write_bytes(gzip.compress(_lines(shared), mtime=0))
    words = tokenizer.train(_texts(learning, seed), folder / "tokenizer.model", pieces)
    for name, chosen in (("learning", learning), ("held", held)):
        tell(f"packing contexts: {name}")
        packed = examples.pack(_examples(chosen, words, seed), seed=seed)
        np.savez(folder / f"{name}.npz", tokens=packed.tokens, labels=packed.labels)


def rows(corpora: Path) -> Split:
    """Return what is learnt from and what is held out."""
    learning, held = split(clean(ours.read(corpora)), share=HELD_SHARE)
    return Split([*learning, *harmless.read()], held)


def learn(folder: Path, start: str | Path, plan: Plan, watcher: Watcher | None = None) -> Path | None:
    """Train on what `prepare` left in `folder`; return the folder of the weights, None if ended early.

    `start`: the size of a new model, or the folder of weights of the same vocabulary to go on from. Raises
    TrainingError if it is neither, if `prepare` left nothing there, or if the run there was begun with another start,
    plan, contexts or number of processes.
    """
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        before = f"run `python -m training prepare CORPORA {folder}` first"
        raise TrainingError(f"{folder} has no {', '.join(missing)}; {before}")
    set_seed(plan.seed)
    first = _first(start, tokenizer.Tokenizer(folder / "tokenizer.model"))
    learning, held = _load(folder, "learning"), _load(folder, "held")
    name, origin = (start, start) if isinstance(start, str) else ("more", str(start.resolve()))
    digests = {"contexts": begun.digest(learning.tokens.tobytes()), "labels": begun.digest(learning.labels.tobytes())}
    begun.check(folder / name, {"start": origin, **digests, **plan._asdict()})
    return trainer.train(first, learning, held, folder / name, plan, watcher=watcher)


def _first(start: str | Path, words: Tokenizer) -> CommandLlama:
    """Return the model that a run begins with."""
    if isinstance(start, str):
        return model.build(start, words.size)
    reason = "name the folder of weights that `learn` wrote, such as RUN/small/model"
    if not (start / "config.json").is_file():  # transformers would take it for a name on a server
        raise TrainingError(f"{start} has no config.json; {reason}")
    disable_progress_bar()  # type: ignore[no-untyped-call] # of each file of weights: it takes no time worth telling
    try:
        first = model.CommandLlama.from_pretrained(start, dtype=torch.float32)
    except Exception as error:  # whatever transformers and safetensors make of what is there
        raise TrainingError(f"{start} holds no weights ({error}); {reason}") from error
    if first.config.vocab_size != words.size:
        sizes = f"{start} has {first.config.vocab_size} pieces and {words.file} {words.size}"
        raise TrainingError(f"{sizes}; take weights of the same vocabulary")
    return first


def _examples(rows: Iterable[Row], words: Tokenizer, seed: int) -> Iterator[Example]:
    shown = list(examples.shown(rows, seed=seed, emphasis=EMPHASIS))
    yield from neighbours.chains((row for row in shown if row.task == "request"), words, seed=seed)
    for row in shown:
        if row.task != "request":
            yield from examples.encode(row, words)


def fixed(learning: Iterable[Row], held: Iterable[Row], seed: int) -> list[Row]:
    """Return requests that were held out and are asked nowhere else, each with all its lines, in random order.

    Raises TrainingError if there are too few.
    """
    known = {row.texts[0] for row in learning if row.task == "request"}
    asked: dict[str, list[Row]] = defaultdict(list)
    for row in held:
        if row.task == "request" and row.weight >= 1 and row.texts[0] not in known:
            asked[row.texts[0]].append(row)
    if len(asked) < LEAST:
        reason = f"the fixed public set needs {LEAST}; give more or larger corpora"
        raise TrainingError(f"{len(asked)} requests of weight 1 are held out, {reason}")
    chosen = random.Random(seed).sample(list(asked.values()), min(FIXED, len(asked)))  # noqa: S311 - a sample
    return [
        msgspec.structs.replace(rows[0], texts=(rows[0].texts[0], *(row.texts[1] for row in rows)), group="")
        for rows in chosen
    ]


def _again(learning: Iterable[Row], seed: int) -> list[Row]:
    """Return rows of each task, in random order."""
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in learning:
        if row.weight >= 1:
            by_task[row.task].append(row)
    again = [row for task, rows in sorted(by_task.items()) for row in chance.sample(rows, min(AGAIN, len(rows)))]
    chance.shuffle(again)
    return [msgspec.structs.replace(row, group="") for row in again]


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
