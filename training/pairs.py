"""The pairs as they ship: requests of our corpora and the lines that answer them, to be looked up.

In: the folder of the corpora. Out: assistant_core/models/pairs: pairs.jsonl.xz and card.json. Pages and projects that
are held out of training are left out here as well.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import msgspec

from assistant_core.engine import pairs, registry
from assistant_core.engine.pairs import Pair
from assistant_core.engine.registry import Card, Data
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.public import HELD_SHARE

LEAST = 0.5  # weight of a row: the reference documentation of cloud services is left to their own manuals


def release(corpora: Path, target: Path) -> Card:
    """Write the pairs to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    learning, _ = split(clean(ours.read(corpora)), share=HELD_SHARE)
    rows = [row for row in learning if row.task == "request" and row.weight > LEAST]
    pairs.write([Pair(row.texts[0], row.texts[1], row.source) for row in rows], target / pairs.FILE)
    counts = Counter((row.source, row.licence) for row in rows)
    card = Card(
        kind="pairs",
        version=time.strftime("%Y-%m-%d", time.gmtime()),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files={pairs.FILE: registry.described(target / pairs.FILE)},
        data=tuple(
            Data(source=source, licence=licence, rows=count, attribution="NOTICE")
            for (source, licence), count in sorted(counts.items())
        ),
        scores={},
        command="python -m training.pairs CORPORA assistant_core/models/pairs",
        base=None,
        trained_on="",
    )
    (target / registry.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    return card


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m training.pairs", description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    release(arguments.corpora, arguments.target)
