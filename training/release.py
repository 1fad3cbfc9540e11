"""The command model as it ships: weights and vocabulary with their papers.

In: the folder that training.public worked in. Out: assistant_core/models/command: command.gguf (Q8_0),
tokenizer.model, card.json with what it learned from and how well it does on what was held out.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from assistant_core.engine import calibration, registry
from assistant_core.engine.command import CommandModel
from assistant_core.engine.prompt import Piece
from assistant_core.engine.registry import Card, Data
from training import calibrate, export, public, publicset, safety
from training.records import Row
from training.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

# Exit codes stand in our corpora only behind a line to be repaired, never within a session.
TRAINED = tuple(piece.value for piece in Piece if piece is not Piece.EXIT)
ASKED = 5000  # questions from held-out sessions, for the calibration


class Made(NamedTuple):
    """How the weights came about."""

    version: str
    command: str
    trained_on: str
    rows: Counter[tuple[str, str]]  # learned from, by source and licence


def release(weights: Path, folder: Path, target: Path, made: Made) -> Card:
    """Write the model to `target`; `folder` has tokenizer.model and held.jsonl."""
    target.mkdir(parents=True, exist_ok=True)
    words = Tokenizer(folder / "tokenizer.model")
    export.to_gguf(weights, words.file, target / "command.gguf")
    shutil.copyfile(words.file, target / "tokenizer.model")
    for file in target.iterdir():
        file.chmod(0o644)  # installed with the program, for whoever runs it
    held = [msgspec.json.decode(line, type=Row) for line in (folder / "held.jsonl").read_bytes().splitlines()]
    card = Card(
        kind="command",
        version=made.version,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files={name: registry.described(target / name) for name in ("command.gguf", "tokenizer.model")},
        data=tuple(
            Data(source=source, licence=licence, rows=rows, attribution="NOTICE")
            for (source, licence), rows in sorted(made.rows.items())
        ),
        scores=_scores(target / "command.gguf", words, held),
        command=made.command,
        base=None,
        trained_on=made.trained_on,
        pieces={"trained": TRAINED},
    )
    (target / registry.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    return card


def learned(corpora: Path) -> Counter[tuple[str, str]]:
    """Count the rows that training.public learns from, by source and licence."""
    return Counter((row.source, row.licence) for row in public.rows(corpora).learning)


def _scores(gguf: Path, words: Tokenizer, held: list[Row]) -> dict[str, Any]:
    texts = [text for row in held for text in row.texts]
    sessions = [row for row in held if row.task == "session"]
    with closing(CommandModel(gguf)) as model:
        observed = calibrate.observe(model, sessions, most=ASKED)
        fitted = calibrate.fit(observed)
        safe = safety.check(model)
        return {
            calibration.SCORE: fitted._asdict(),
            "calibration_error": calibrate.error(fitted, observed),
            "tokens_per_byte": sum(len(words.encode(text)) for text in texts)
            / sum(len(text.encode()) for text in texts),
            "public": publicset.score(model),
            "safety": f"{safe.passed} of {safe.items}",
        }
