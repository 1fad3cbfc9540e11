"""A command model that is in use, as weights again: what personal training goes on from.

In: a GGUF that training.export wrote, of any kind of quantisation. Out: the model in torch. What quantisation took
away is gone: with Q8_0 about a thousandth of each weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import torch
from gguf import quants
from transformers import LlamaConfig

from assistant_core.engine.prompt import BOS, EOS, PAD
from assistant_core.errors import ModelError
from training.model import CommandLlama

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.tokenizer import Tokenizer


def reopen(file: Path) -> CommandLlama:
    """Return the model in `file`. Raises ModelError if it is not one of ours."""
    try:
        reader = gguf.GGUFReader(file)
        config = _config(reader)
    except (OSError, ValueError, LookupError) as error:
        raise ModelError(f"{file} is not a command model ({error!r}); deploy another version") from error
    model = CommandLlama(config)
    model.config.architectures = ["LlamaForCausalLM"]
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    state = {}
    for key, parameter in model.state_dict().items():
        tied = key == "lm_head.weight" and config.tie_word_embeddings
        name = names.get_name("model.embed_tokens.weight" if tied else key, (".weight",))
        if name not in tensors:
            raise ModelError(f"{file}: {key} is missing; deploy another version")
        values = quants.dequantize(tensors[name].data, tensors[name].tensor_type).reshape(parameter.shape)
        state[key] = torch.from_numpy(_restored(key, values, config).copy())
    model.load_state_dict(state)
    return model


def adopt(model: CommandLlama, before: Tokenizer, after: Tokenizer) -> None:
    """Give `model` the vocabulary `after`: kept pieces keep theirs, new ones begin as the mean of their parts."""
    old = model.model.embed_tokens.weight.detach().clone()
    places = {piece: at for at, piece in enumerate(before.pieces())}
    new = torch.empty(after.size, old.shape[1])
    for at, piece in enumerate(after.pieces()):
        if piece in places:
            new[at] = old[places[piece]]
        else:
            new[at] = old[before.encode(after.decode([at])) or [0]].mean(dim=0)
    model.resize_token_embeddings(after.size)
    model.model.embed_tokens.weight.data.copy_(new)


def _config(reader: gguf.GGUFReader) -> LlamaConfig:
    def value(key: str) -> Any:  # noqa: ANN401 - whatever the file holds
        return reader.fields[key].contents()

    return LlamaConfig(
        vocab_size=value("llama.vocab_size"),
        hidden_size=value("llama.embedding_length"),
        intermediate_size=value("llama.feed_forward_length"),
        num_hidden_layers=value("llama.block_count"),
        num_attention_heads=value("llama.attention.head_count"),
        num_key_value_heads=value("llama.attention.head_count_kv"),
        head_dim=value("llama.attention.key_length"),
        max_position_embeddings=value("llama.context_length"),
        rms_norm_eps=value("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("llama.rope.freq_base")},
        tie_word_embeddings=all(tensor.name != "output.weight" for tensor in reader.tensors),
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        use_cache=False,
    )


def _restored(key: str, values: NDArray[np.float32], config: LlamaConfig) -> NDArray[np.float32]:
    """Undo the order that training.export gives the rows of q and k."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = heads.get(key.removesuffix(".weight").rpartition(".")[2])
    if count is None:
        return values
    rows, *rest = values.shape
    return values.reshape(count, rows // count // 2, 2, *rest).swapaxes(1, 2).reshape(values.shape)
