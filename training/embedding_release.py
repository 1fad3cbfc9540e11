"""The embedding as it ships: learnt from our corpora, with its papers.

In: the folder of the corpora. Out: assistant_core/models/embedding: embedding.npz, and card.json with what it learned
from and how well it finds the lines of pages that were held out.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from assistant_core.engine import embed, registry
from assistant_core.engine.embed import Embedding
from assistant_core.errors import TrainingError
from training import embedding
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.embedding import TASKS, Plan, Watcher
from training.evaluate.metrics import fold
from training.public import HELD_SHARE

if TYPE_CHECKING:
    from assistant_core.engine.pairs import Encoder
    from training.records import Row

SCORED = (1, 10)  # ranks for which recall is told


def recall(encoder: Encoder, asked: Sequence[tuple[str, str]], lines: Iterable[str]) -> dict[str, float]:
    """Return the share of requests whose line is among the nearest 1 and 10 of `lines` and all asked for."""
    candidates = list(dict.fromkeys([*(fold(line) for _, line in asked), *map(fold, lines)]))
    places = {line: at for at, line in enumerate(candidates)}
    rows, queries = encoder.encode(candidates), encoder.encode([request for request, _ in asked])
    near = ((rows @ query, places[fold(line)]) for query, (_, line) in zip(queries, asked, strict=True))
    ranks = np.array([np.count_nonzero(cosines > cosines[right]) for cosines, right in near])
    return {f"recall@{first}": float(np.mean(ranks < first)) for first in SCORED}


def planned(changes: Iterable[str]) -> Plan:
    """Return the plan with `changes`, each NAME=VALUE. Raises TrainingError for what is no such number of a plan."""
    defaults, fields = Plan._field_defaults, {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            fields[name] = type(defaults[name])(value)
        except (KeyError, ValueError) as error:
            names = ", ".join(defaults)
            raise TrainingError(f"{change!r} changes no plan; expected NAME=NUMBER, NAME one of {names}") from error
    return Plan(**fields)


def release(corpora: Path, target: Path, changes: Sequence[str] = (), watcher: Watcher | None = None) -> registry.Card:
    """Learn from our corpora and write what ships to `target`: embedding.npz and card.json.

    `changes`: in the plan, as `planned` takes them.
    """
    plan = planned(changes)
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
        command=" ".join(["python -m training embedding CORPORA TARGET", *changes]),
        base=None,
        trained_on=f"CPU, {plan.threads} threads",
    )
    (target / registry.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    for file in target.iterdir():
        file.chmod(0o644)  # installed with the program, for whoever runs it
    return card


def _scores(encoder: Encoder, learning: Iterable[Row], held: Iterable[Row]) -> dict[str, float]:
    """Return the recall for requests of the pages that were held out, among all lines for requests."""
    asked = [(row.texts[0], row.texts[1]) for row in held if row.task == "request"]
    return recall(encoder, asked, (row.texts[1] for row in learning if row.task == "request"))
