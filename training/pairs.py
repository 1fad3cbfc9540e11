"""The known requests that ship: pairs of our corpora, and the intents and the ranking learned from them.

In: the folder of the corpora, the embedding that ships. Out: assistant_core/models/pairs: pairs.jsonl.xz, intents.npz,
ranking.npz, card.json. What training.public holds out is left out here as well, and answers are scored on it.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

import msgspec

from assistant_core.engine import intents as engine
from assistant_core.engine import pairs as files
from assistant_core.engine import ranking as order
from assistant_core.engine import registry
from assistant_core.engine.answer import Answerer
from assistant_core.engine.embed import Embedding
from assistant_core.engine.intents import Intents
from assistant_core.engine.pairs import Index, Pair
from assistant_core.engine.ranking import Ranking
from assistant_core.engine.registry import Card, Data
from training import intents, publicset, ranking
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.evaluate import metrics
from training.evaluate.metrics import fold
from training.public import HELD_SHARE
from training.records import Row

# How far a source is to be believed. Requests that people wrote for whole lines count most; generated reference
# documentation is much and says little. Descriptions of options and subcommands are no texts to be shown.
WEIGHTS = {"TellinaTool/nl2bash": 1.0, "MicrosoftDocs/azure-docs-cli": 0.1, "aws/aws-cli": 0.1}
USUAL = 0.3
UNSHOWN = frozenset({"withfig/autocomplete", "carapace-sh/carapace-bin"})
EMBEDDING = registry.SHIPPED / "embedding"
COMMAND = "python -m training pairs CORPORA TARGET"
SCORED = (1, 3)  # how many of the answers are looked at: the first, and the best of those that are shown


def release(corpora: Path, target: Path, plan: intents.Plan | None = None) -> Card:
    """Write the pairs and what is learned from them to `target`, with their card."""
    rows = list(shown(split(clean(ours.read(corpora)), share=HELD_SHARE).learning))
    pairs = [pair(row) for row in rows]
    learn = partial(intents.train, plan=plan)
    target.mkdir(parents=True, exist_ok=True)
    files.write(pairs, target / files.FILE)
    engine.write(learn(pairs), target / engine.FILE)
    examples = ranking.examples(pairs, Embedding.open(EMBEDDING), learn)
    if len(examples) >= ranking.LEAST:
        order.write(ranking.train(examples), target / order.FILE)
    card = Card(
        kind="pairs",
        version=time.strftime("%Y-%m-%d", time.gmtime()),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files=_files(target),
        data=data(rows),
        scores=_scores(target, pairs),
        command=COMMAND,
        base=None,
        trained_on="CPU",
    )
    return _written(card, target)


def rank(released: Path, target: Path, learn: ranking.Learn = intents.train) -> Card:
    """Learn the ranking of what was `released` anew; write that and all else of it to `target`, with its card.

    `learn`: learns the intents of each part. Raises ModelError for files that are none of ours, TrainingError where
    there is too little to learn from.
    """
    card = msgspec.json.decode((released / registry.CARD).read_bytes(), type=Card)
    for name in (files.FILE, engine.FILE):
        shutil.copy(released / name, target / name)
    pairs = files.read(target / files.FILE)
    order.write(ranking.train(ranking.examples(pairs, Embedding.open(EMBEDDING), learn)), target / order.FILE)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    command = f"{COMMAND}; python -m training ranking TARGET"
    made = {"created": created, "files": _files(target), "scores": _scores(target, pairs), "command": command}
    return _written(msgspec.structs.replace(card, **made), target)


def _files(target: Path) -> dict[str, registry.File]:
    names = (files.FILE, engine.FILE, order.FILE)
    return {name: registry.described(target / name) for name in names if (target / name).exists()}


def _written(card: Card, target: Path) -> Card:
    (target / registry.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    for file in target.iterdir():
        file.chmod(0o644)  # installed with the program, for whoever runs it
    return card


def score(index: Index, asked: Sequence[Row]) -> dict[str, float]:
    """Return how many of `asked`, one or more, are answered without the command model, and the means of how well.

    `asked`: requests with all their lines. What is not answered counts as wrong; the measures are metrics.answers'.
    """
    answerer = Answerer(index)
    told = [[answer.line for answer in answerer.answer(row.texts[0], max(SCORED))] for row in asked]
    each = [metrics.answers(lines, row.texts[1:]) for lines, row in zip(told, asked, strict=True)]
    names = [f"{name}@{first}" for name in ("nlc2cmd", "program", "exact") for first in SCORED]
    means = {name: fmean(scores[name] for scores in each) for name in names}
    return {"requests": len(asked), "answered": sum(map(bool, told)), **means}


def _scores(folder: Path, pairs: Sequence[Pair]) -> dict[str, str | float]:
    """Return how well the fixed public set is answered by what is in `folder` and the embedding that ships."""
    card = msgspec.json.decode((EMBEDDING / registry.CARD).read_bytes(), type=Card)
    learned = folder / order.FILE
    index = Index(
        pairs,
        Embedding.open(EMBEDDING),
        Intents.open(folder / engine.FILE, len(pairs)),
        Ranking.open(learned) if learned.exists() else None,
    )
    return {"embedding": card.version, **score(index, publicset.fixed())}


def shown(rows: Iterable[Row]) -> Iterable[Row]:
    """Return the requests that may be shown to users."""
    return (row for row in rows if row.task == "request" and row.source not in UNSHOWN)


def pair(row: Row) -> Pair:
    """Return a request and its line."""
    request, line = map(fold, row.texts)
    return Pair(request, line, row.source, WEIGHTS.get(row.source, USUAL))


def data(rows: Iterable[Row]) -> tuple[Data, ...]:
    """Return what a card says of the rows' sources; the attributions stand in NOTICE."""
    counts = Counter((row.source, row.licence) for row in rows)
    return tuple(
        Data(source=source, licence=licence, rows=number, attribution="NOTICE")
        for (source, licence), number in sorted(counts.items())
    )
