"""The transformer: sizes by name, and a loss that never holds all logits at once.

In: a size and a vocabulary. Out: a Llama (Touvron et al., arXiv 2302.13971: RMSNorm, SwiGLU, RoPE) with grouped
key/value heads (arXiv 2305.13245), tied embeddings and no biases, as transformers has it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.nn.functional import linear_cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_outputs import CausalLMOutputWithPast

from assistant_core.engine.prompt import BOS, CONTEXT, EOS, PAD
from assistant_core.errors import TrainingError
from training.examples import IGNORED


class Shape(NamedTuple):
    """Size of a model; a head is `width / heads` wide."""

    layers: int
    heads: int
    kv_heads: int
    width: int
    inner: int  # width of the feed-forward layers


# Parameters with 8,192 pieces: 0.6, 6.5, 12.6, 28 and 110 million.
SIZES = {
    "tiny": Shape(2, 2, 1, 64, 192),
    "mini": Shape(6, 4, 2, 256, 704),
    "small": Shape(6, 6, 2, 384, 1024),
    "base": Shape(8, 8, 2, 512, 1536),
    "large": Shape(12, 12, 4, 768, 3072),
}


class CommandLlama(LlamaForCausalLM):  # type: ignore[no-untyped-call]  # transformers' own hook
    """A Llama whose loss is taken over the labelled positions alone, without the logits of the others."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | float | None = None,
        **others: Any,  # noqa: ANN401 - the parent's
    ) -> CausalLMOutputWithPast:
        """Return the logits, or the loss over `labels` (-100: not produced): its sum over the items, or its mean."""
        if labels is None:
            output: CausalLMOutputWithPast = super().forward(input_ids=input_ids, **others)
            return output
        hidden = self.model(input_ids=input_ids).last_hidden_state[:, :-1]
        targets = labels[:, 1:]
        wanted = targets != IGNORED
        total = linear_cross_entropy(hidden[wanted], self.lm_head.weight, targets[wanted], reduction="sum")
        return CausalLMOutputWithPast(loss=total / (wanted.sum() if num_items_in_batch is None else num_items_in_batch))


def build(size: str, vocabulary: int, *, dropout: float = 0.0) -> CommandLlama:
    """Return a new model of a size of SIZES for `vocabulary` pieces. Raises TrainingError for an unknown size."""
    if size not in SIZES:
        raise TrainingError(f"model size {size!r} is not one of {', '.join(SIZES)}")
    shape = SIZES[size]
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=CONTEXT,
        attention_dropout=dropout,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        use_cache=False,
    )
    model = CommandLlama(config)
    model.config.architectures = ["LlamaForCausalLM"]
    return model
