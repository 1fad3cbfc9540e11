"""The known requests that ship: pairs of our corpora, and the intents learned from them.

In: the folder of the corpora. Out: assistant_core/models/pairs: pairs.jsonl.xz, intents.npz, card.json. What
training.public holds out is left out here as well, so that answers can be scored on it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from assistant_core.engine import intents as engine
from assistant_core.engine import pairs as files
from assistant_core.engine import registry
from assistant_core.engine.pairs import Pair
from assistant_core.engine.registry import Card, Data
from training import intents
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.evaluate.metrics import fold
from training.public import HELD_SHARE
from training.records import Row

# How far a source is to be believed. Requests that people wrote for whole lines count most; generated reference
# documentation is much and says little. Descriptions of options and subcommands are no texts to be shown.
WEIGHTS = {"TellinaTool/nl2bash": 1.0, "MicrosoftDocs/azure-docs-cli": 0.1, "aws/aws-cli": 0.1}
USUAL = 0.3
UNSHOWN = frozenset({"withfig/autocomplete", "carapace-sh/carapace-bin"})


def release(corpora: Path, target: Path, plan: intents.Plan | None = None) -> Card:
    """Write the pairs and what is learned from them to `target`, with their card."""
    rows = list(shown(split(clean(ours.read(corpora)), share=HELD_SHARE).learning))
    pairs = [pair(row) for row in rows]
    target.mkdir(parents=True, exist_ok=True)
    files.write(pairs, target / files.FILE)
    engine.write(intents.train(pairs, plan), target / engine.FILE)
    card = Card(
        kind="pairs",
        version=time.strftime("%Y-%m-%d", time.gmtime()),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files={name: registry.described(target / name) for name in (files.FILE, engine.FILE)},
        data=data(rows),
        scores={},
        command="python -m training pairs CORPORA TARGET",
        base=None,
        trained_on="CPU",
    )
    (target / registry.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    for file in target.iterdir():
        file.chmod(0o644)  # installed with the program, for whoever runs it
    return card


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
