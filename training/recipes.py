"""How adapters are trained: the numbers and their usual values. Imports nothing, so that a help can name them."""

from __future__ import annotations

from typing import NamedTuple

ATTENTION = ("q_proj", "v_proj")
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Recipe(NamedTuple):
    """How to train an adapter. One step sees `batch * accumulation` examples."""

    rank: int = 8
    alpha: int = 32  # what the adapter says is added alpha / rank times
    dropout: float = 0.1
    targets: tuple[str, ...] = ATTENTION
    epochs: int = 3
    batch: int = 4
    accumulation: int = 4
    learning_rate: float = 2e-4
    general: float = 0.25  # share of the general rows among all
    longest: int = 512  # tokens of an example; longer ones are left out
    save_every: int = 100  # steps
    seed: int = 0


# "all" learns more and makes a model of 1.5 billion parameters about 30 % slower, "attention" up to 25 %.
RECIPES = {"attention": Recipe(), "all": Recipe(rank=16, dropout=0.05, targets=LINEAR)}
