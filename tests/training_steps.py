"""A short training run, also as a program, so that several processes can share one: FOLDER STEPS BATCH [STOP_AT]."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import torch
from versions import card

from assistant_core.engine.llm import FILE
from assistant_core.engine.progress import Decision
from assistant_core.engine.prompt import Piece
from assistant_core.settings import Paths, private_directory
from training import deploy, export, model, publicset, tokenizer, trainer
from training.examples import IGNORED, Packed, encode, pack
from training.model import CommandLlama
from training.trainer import Plan

VOCABULARY = 400

torch.set_num_threads(1)  # what is so small is slower on several


def contexts(count: int, seed: int = 0) -> Packed:
    """Return contexts of numbers that can be foreseen from those before; a quarter is not to be produced."""
    chance = np.random.default_rng(seed)
    start, step = chance.integers(10, 100, (count, 1)), chance.integers(1, 4, (count, 1))
    tokens = ((start + step * np.arange(256)) % (VOCABULARY - 10) + 10).astype(np.int32)
    labels = np.where(chance.random(tokens.shape) < 0.25, IGNORED, tokens).astype(np.int32)
    return Packed(tokens, labels)


def run(folder: Path, steps: int, batch: int, stop_at: int = 0) -> tuple[CommandLlama, Path | None]:
    """Train a tiny model; `stop_at` a step, as a watcher would."""
    torch.manual_seed(7)
    new = model.build("tiny", VOCABULARY)
    plan = Plan(steps=steps, batch=batch, warmup=2, save_every=4, seed=3)
    return new, trainer.train(
        new, contexts(48), contexts(4, 1), folder, plan, watcher=lambda step: step.done != stop_at
    )


def base(folder: Path, pieces: int = 600, steps: int = 20) -> Path:
    """Train a tiny command model on some public rows, until it has begun to answer; return the folder of its files."""
    rows = publicset.learning()[:300]
    words = tokenizer.train([text for row in rows for text in row.texts], folder / "tokenizer.model", pieces)
    torch.manual_seed(0)
    new = model.build("tiny", words.size)
    contexts = pack([example for row in rows for example in encode(row, words)], seed=0)
    plan = Plan(steps=steps, batch=8, learning_rate=5e-3, warmup=2, save_every=steps + 1)
    weights = trainer.train(new, contexts, None, folder / "base", plan)
    assert weights
    export.to_gguf(weights, words.file, folder / FILE)
    return folder


def use(paths: Paths, built: Path, version: str = "base", *, key: bytes | None = None, **scores: float) -> None:
    """Put what `base` made to use as a version of the user's own, sealed if there is a key."""
    folder = private_directory(paths.training / version)
    for name in (FILE, "tokenizer.model"):
        (folder / name).write_bytes((built / name).read_bytes())
    pieces = {"trained": tuple(piece.value for piece in Piece)}
    made = msgspec.structs.replace(card(version), scores=scores, pieces=pieces)
    decision = Decision(at_ns=0, kind="command", version=version, action="promote")
    deploy.promote(paths, folder, made, decision, os.environ, key=key)


def losses(folder: Path) -> list[float]:
    """Return the losses of a run that came to its end."""
    log = json.loads((folder / trainer.LOG).read_text())["steps"]
    return [entry[name] for entry in log for name in ("loss", "eval_loss") if name in entry]


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
