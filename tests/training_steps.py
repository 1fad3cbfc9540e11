"""A short training run, also as a program, so that several processes can share one: FOLDER STEPS BATCH [STOP_AT]."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from training import model, trainer
from training.examples import IGNORED, Packed
from training.model import CommandLlama
from training.trainer import Plan

VOCABULARY = 400


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


def losses(folder: Path) -> list[float]:
    """Return the losses of a run that came to its end."""
    log = json.loads((folder / trainer.LOG).read_text())["steps"]
    return [entry[name] for entry in log for name in ("loss", "eval_loss") if name in entry]


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
