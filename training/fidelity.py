"""Whether llama.cpp answers as torch does.

In: a model in torch and the same in GGUF, rows of tokens, texts. Out: the greatest difference of logits, the texts
that the two tokenizers read differently, and the loss that is left after quantising.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.examples import IGNORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assistant_core.engine.llama import Context
    from assistant_core.engine.vocabulary import Vocabulary
    from training.examples import Packed
    from training.tokenizer import Tokenizer


def logit_difference(model: torch.nn.Module, context: Context, rows: Iterable[Sequence[int]]) -> float:
    """Return the greatest absolute difference of any logit after any token of `rows`."""
    return max(float(np.abs(_logits(model, row) - context.logits(list(row))).max()) for row in rows)


def read_differently(tokenizer: Tokenizer, vocabulary: Vocabulary, texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts to which llama.cpp's vocabulary gives other tokens than SentencePiece."""
    return (text for text in texts if vocabulary.encode(text) != tokenizer.encode(text))


def loss(context: Context, packed: Packed) -> float:
    """Return the mean loss of llama.cpp over the labelled tokens of `packed`, in nats a token."""
    total, count = 0.0, 0
    for tokens, labels in zip(packed.tokens, packed.labels, strict=True):
        wanted = np.flatnonzero(labels[1:] != IGNORED)
        if len(wanted):
            rows = context.logits(tokens[: wanted[-1] + 1].tolist())[wanted]
            total += float((np.logaddexp.reduce(rows, axis=1) - rows[np.arange(len(rows)), labels[1:][wanted]]).sum())
            count += len(wanted)
    return total / count


@torch.inference_mode()
def _logits(model: torch.nn.Module, row: Sequence[int]) -> NDArray[np.float32]:
    logits: NDArray[np.float32] = model(input_ids=torch.tensor([row])).logits[0].float().numpy()
    return logits
