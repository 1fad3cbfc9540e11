"""The embedding as it ships: learnt from our corpora, with its papers.

In: the folder of the corpora. Out: assistant_core/models/embedding: embedding.npz, and card.json with what it learned
from and how well it finds the lines of pages that were held out. `python -m training.embedding_release CORPORA FOLDER`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from assistant_core.engine import embed, registry
from assistant_core.engine.embed import Embedding
from training import embedding
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.embedding import TASKS, Plan, Watcher
from training.evaluate.metrics import fold
from training.public import HELD_SHARE

if TYPE_CHECKING:
    from training.records import Row

SCORED = (1, 10)  # ranks for which recall is told


def recall(encoder: embed.Encoder, asked: Sequence[tuple[str, str]], lines: Iterable[str]) -> dict[str, float]:
    """Return the share of requests whose line is among the nearest 1 and 10 of `lines` and all asked for."""
    candidates = list(dict.fromkeys([*(fold(line) for _, line in asked), *map(fold, lines)]))
    places = {line: at for at, line in enumerate(candidates)}
    rows, queries = encoder.encode(candidates), encoder.encode([request for request, _ in asked])
    near = ((rows @ query, places[fold(line)]) for query, (_, line) in zip(queries, asked, strict=True))
    ranks = np.array([np.count_nonzero(cosines > cosines[right]) for cosines, right in near])
    return {f"recall@{first}": float(np.mean(ranks < first)) for first in SCORED}


def release(corpora: Path, target: Path, plan: Plan, command: str, watcher: Watcher | None = None) -> registry.Card:
    """Learn from our corpora and write what ships to `target`: embedding.npz and card.json."""
    rows = (row for row in ours.read(corpora) if row.task in TASKS)
    learning, held = split(clean(rows), share=HELD_SHARE)
    known, matrix = embedding.learn(embedding.pairs(learning), plan, watcher)
    target.mkdir(parents=True, exist_ok=True)
    embed.write(target / embed.FILE, known, matrix)
    counts = Counter((row.source, row.licence) for row in learning)
    card = registry.Card(
        kind="embedding",
        version=time.strftime("%Y-%m-%d", time.gmtime()),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files={embed.FILE: registry.described(target / embed.FILE)},
        data=tuple(
            registry.Data(source=source, licence=licence, rows=count, attribution="NOTICE")
            for (source, licence), count in sorted(counts.items())
        ),
        scores=_scores(Embedding.open(target), learning, held),
        command=command,
        base=None,
        trained_on=f"CPU, {plan.threads} threads",
    )
    (target / registry.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    return card


def _scores(encoder: embed.Encoder, learning: Iterable[Row], held: Iterable[Row]) -> dict[str, float]:
    """Return the recall for requests of the pages that were held out, among all lines for requests."""
    asked = [(row.texts[0], row.texts[1]) for row in held if row.task == "request"]
    return recall(encoder, asked, (row.texts[1] for row in learning if row.task == "request"))


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m training.embedding_release CORPORA FOLDER`."""
    parser = argparse.ArgumentParser("python -m training.embedding_release", description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("folder", type=Path, help="assistant_core/models/embedding, or a folder to try")
    for name, default in Plan._field_defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    arguments = vars(parser.parse_args(argv))
    corpora, folder = arguments.pop("corpora"), arguments.pop("folder")
    plan = Plan(**arguments)
    changed = [
        f"--{name.replace('_', '-')} {value}"
        for name, value in arguments.items()
        if value != Plan._field_defaults[name]
    ]
    command = " ".join(["python -m training.embedding_release CORPORA", folder.name, *changed])
    card = release(corpora, folder, plan, command, _tell)
    sys.stderr.write(f"\n{card.scores}\n")


def _tell(done: int, steps: int, loss: float) -> None:
    sys.stderr.write(f"\rstep {done} of about {steps}, loss {loss:.3f}")


if __name__ == "__main__":
    main()
