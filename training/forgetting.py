"""What keeps a model that learns one user's lines from forgetting everybody's.

In: the public rows that ship, a model before and after training, whom to tell. Out: rows to learn again beside the
user's own; the trained model, as far on its way from what it was as it forgets little. How far is tried on public
requests that are neither learnt again nor those that the decision is made by.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from itertools import cycle
from typing import TYPE_CHECKING

import torch

from training import deploy, examples, export, neighbours, publicset
from training.corpus import harmless
from training.measuring import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from training.examples import Example
    from training.measuring import Steps
    from training.model import CommandLlama
    from training.records import Row
    from training.tokenizer import Tokenizer

REPLAYED = 0.5  # share of the tokens learnt that are public; the same share of rows would be a tenth of the tokens
KEPT_BACK = 3  # every third request is kept back to try by
PARTS = (1.0, 0.7, 0.5, 0.35, 0.25)  # of the way from the weights before to the trained ones, to choose from
TOLERATED = deploy.TOLERATED / 2  # loss on what was kept back: half, for the fixed set is another sample


def replayed(words: Tokenizer, own: int) -> Iterator[Example]:
    """Yield public examples to go with `own` tokens, as many tokens of each task; each once before any comes again."""
    by_task: defaultdict[str, list[Example]] = defaultdict(list)
    kept_back = set(_kept_back())
    rows = [*harmless.read(), *(row for row in publicset.learning() if row not in kept_back)]
    for row in rows:
        if row.task != "request":
            by_task[row.task] += examples.encode(row, words)
    by_task["request"] += neighbours.chains((row for row in rows if row.task == "request"), words, seed=0)
    for found in by_task.values():
        left = own * REPLAYED / (1 - REPLAYED) / len(by_task)
        for example in cycle(found):
            if left <= 0:
                break
            left -= len(example.tokens)
            yield example


def export_blend(  # noqa: PLR0913 - the model before and after, where it goes, and who is told
    model: CommandLlama, before: Mapping[str, torch.Tensor], base: Path, words: Path, folder: Path, *, steps: Steps
) -> float:
    """Write `folder`/command.gguf, and return which part of the way from `before` to `model` it went.

    It is the largest that forgets little against the GGUF `base`, the smallest if none does. Weights between two
    models of one descent keep most of what either can: Wortsman et al., Robust fine-tuning of zero-shot models
    (arXiv 2109.01903). Leaves its weights in `model` and in `folder`/../weights.
    """
    known = _remembered(base, steps)
    after = {name: value.detach().clone() for name, value in model.named_parameters()}
    for part in PARTS:
        for name, value in model.named_parameters():
            value.data.copy_(torch.lerp(before[name].to(value.device), after[name], part))
        weights = folder.with_name("weights")
        model.save_pretrained(weights)
        export.to_gguf(weights, words, folder / "command.gguf")
        if _remembered(folder / "command.gguf", steps) >= known - TOLERATED:
            break
    return part


def _remembered(gguf: Path, steps: Steps) -> float:
    rows = _kept_back()
    steps.expect(len(rows))
    with closing(Asked(gguf, steps.one)) as model:
        return publicset.score(model, rows)


def _kept_back() -> list[Row]:
    return [row for row in publicset.learning() if row.task == "request"][::KEPT_BACK]
