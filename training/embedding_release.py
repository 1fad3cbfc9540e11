"""The embedding as it ships: learnt from our corpora, with its papers.

In: the folder of the corpora. Out: assistant_core/models/embedding: embedding.npz, and card.json with what it learned
from and how well it finds the lines of pages that were held out, beside BM25.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
from training.evaluate.opponents import by_meaning, by_words
from training.public import HELD_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assistant_core.engine.pairs import Encoder
    from training.records import Row

    Nearness = Callable[[str], NDArray[np.float32]]

SCORED = (1, 10)  # ranks for which recall is told


def recall(nearness: Nearness, asked: Sequence[tuple[str, str]], lines: Sequence[str]) -> dict[str, float]:
    """Return the share of requests whose line is among the nearest 1 and 10 of `lines`, all of them different.

    `nearness`: of each of `lines` to a request. Where several are as near, the right one stands in their middle.
    """
    places = {line: at for at, line in enumerate(lines)}
    ranks = np.array([_rank(nearness(request), places[line]) for request, line in asked])
    return {f"recall@{first}": float(np.mean(ranks < first)) for first in SCORED}


def _rank(near: NDArray[np.float32], right: int) -> float:
    return float(np.count_nonzero(near > near[right]) + (np.count_nonzero(near == near[right]) - 1) / 2)


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
    """Return the recall for requests of the pages that were held out, among all lines for requests; BM25's beside it.

    BM25 counts the words that the embedding knows a text by: of the ways to cut lines into words, it does best so.
    """
    asked = [(row.texts[0], fold(row.texts[1])) for row in held if row.task == "request"]
    known = (fold(row.texts[1]) for row in learning if row.task == "request")
    lines = list(dict.fromkeys([*(line for _, line in asked), *known]))
    words = recall(by_words(lines, embed.words), asked, lines)
    return {
        "requests": len(asked),
        "lines": len(lines),
        **recall(by_meaning(lines, encoder), asked, lines),
        **{f"BM25 {name}": share for name, share in words.items()},
    }
