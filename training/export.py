"""Weights to GGUF, the form that llama.cpp runs.

In: a Llama checkpoint as transformers saves it and its SentencePiece model; an adapter as peft saves it. Out: a GGUF
file, quantised if wanted, written whole or not at all. The gguf package names the tensors and writes the file;
llama.cpp itself quantises.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gguf
import numpy as np
import sentencepiece
from safetensors import SafetensorError
from safetensors.torch import load_file

from assistant_core.engine.llama import library
from assistant_core.engine.prompt import BOS, EOS, PAD, UNKNOWN
from assistant_core.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import torch
    from numpy.typing import NDArray

Kind = Literal["f32", "f16", "q8_0", "q4_0"]

THREADS = 4  # that quantise

# What is written has these values in the checkpoint's config.json; a model with others would answer differently.
EXPECTED = {"model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False}
# Numbers that are written as they are in it.
DESCRIBED = (
    "max_position_embeddings",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "rms_norm_eps",
)
ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
PLAIN_LORA = {"peft_type": "LORA", "use_dora": False, "bias": "none", "rank_pattern": {}, "alpha_pattern": {}}


def to_gguf(checkpoint: Path, tokenizer_file: Path, out: Path, *, kind: Kind = "q8_0") -> None:
    """Write the Llama in the folder `checkpoint` (config.json, model.safetensors) with its vocabulary to `out`.

    Q8_0 and Q4_0 hold 32 weights with one scale. Raises TrainingError if the checkpoint is no Llama as llama.cpp
    runs it, or does not fit the vocabulary.
    """
    config = _config(checkpoint / "config.json")
    for key, expected in EXPECTED.items():
        if config.get(key, expected) != expected:
            raise TrainingError(f"{checkpoint}: {key} is {config[key]!r}; only {expected!r} can be exported")
    pieces = _pieces(tokenizer_file)
    if pieces.vocab_size() != config.get("vocab_size"):
        found = f"{tokenizer_file} has {pieces.vocab_size()} pieces and {checkpoint} {config.get('vocab_size')}"
        raise TrainingError(f"{found}; take the vocabulary that the model was trained with")
    _check_numbers(checkpoint / "config.json", config, DESCRIBED)
    with _replaced(out) as new:
        if kind in {"f32", "f16"}:
            _write_model(checkpoint, config, pieces, new, kind)
        else:
            exact = new.with_name("exact.gguf")
            _write_model(checkpoint, config, pieces, exact, "f32")
            _quantise(exact, new, kind)


def adapter_to_gguf(adapter: Path, base_config: Path, out: Path) -> None:
    """Write the LoRA in the folder `adapter`, trained on the model with the config.json `base_config`, to `out`.

    llama.cpp scales by alpha / r; rank-stabilised LoRA (arXiv 2312.03732) means alpha / sqrt(r), so alpha is written
    times sqrt(r). Raises TrainingError for what GGUF cannot say (DoRA, whole modules, biases, ranks by layer), and
    for a base that is no Llama, Qwen2 or Qwen3.
    """
    config, lora = _config(base_config), _config(adapter / "adapter_config.json")
    kind = config.get("model_type", "")
    if kind not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise TrainingError(f"{base_config}: model_type is {kind!r}; adapters can be made for {known}")
    _check_lora(adapter, lora)
    _check_numbers(base_config, config, ("num_hidden_layers", "num_attention_heads", "num_key_value_heads"))
    architecture = ARCHITECTURES[kind]
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    with _replaced(out) as new:
        writer = gguf.GGUFWriter(new, gguf.MODEL_ARCH_NAMES[architecture])
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(
            gguf.Keys.Adapter.LORA_ALPHA,
            lora["lora_alpha"] * (math.sqrt(lora["r"]) if lora.get("use_rslora") else 1.0),
        )
        for key, tensor in _tensors(adapter / "adapter_model.safetensors").items():
            base, _, half = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".")
            if half not in {"lora_A", "lora_B"}:
                raise TrainingError(f"{adapter}: tensor {key} cannot be written; train linear layers alone")
            values = tensor.float().numpy()
            if half == "lora_B" and config["model_type"] == "llama":
                values = _permuted(base, values, config)
            writer.add_tensor(f"{_name(names, base)}.weight.{half.lower()}", np.ascontiguousarray(values))
        _finish(writer)


def spellable(piece: str, pieces: Collection[str]) -> bool:
    """Return whether merging neighbours, each time to one of `pieces`, could make `piece` out of single characters.

    llama.cpp merges to whatever piece has the name, so that typed text would become a control piece or a byte.
    """

    @cache
    def joins(text: str) -> bool:
        halves = ((text[:at], text[at:]) for at in range(1, len(text)))
        return len(text) == 1 or any(all(there(half) and joins(half) for half in pair) for pair in halves)

    def there(text: str) -> bool:
        return len(text) == 1 or text in pieces

    return joins(piece)


def _config(file: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{file} cannot be read ({error}); name a folder that was saved whole") from error
    if not isinstance(loaded, dict):
        raise TrainingError(f"{file} holds no JSON object but {loaded!r}; name a folder that was saved whole")
    return loaded


def _check_numbers(file: Path, config: Mapping[str, Any], names: Iterable[str]) -> None:
    wrong = [f"{name} is {config.get(name)!r}" for name in names if not _is_above_0(config.get(name))]
    if wrong:
        reason = "expected a number above 0; name a folder that was saved whole"
        raise TrainingError(f"{file}: {', '.join(wrong)}; {reason}")


def _is_above_0(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _check_lora(adapter: Path, lora: Mapping[str, Any]) -> None:
    for key, expected in PLAIN_LORA.items():
        if lora.get(key) not in (expected, None):
            raise TrainingError(f"{adapter}: {key} is {lora[key]!r}, which GGUF cannot hold; train with {expected!r}")
    if lora.get("modules_to_save"):
        raise TrainingError(
            f"{adapter}: modules_to_save is {lora['modules_to_save']!r}, which an adapter in GGUF cannot hold; "
            "train with none"
        )


def _pieces(file: Path) -> sentencepiece.SentencePieceProcessor:
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as error:
        reason = "name the vocabulary that the model was trained with"
        raise TrainingError(f"{file} is not a SentencePiece model ({error}); {reason}") from error


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{file} cannot be read ({error}); name a folder that was saved whole") from error


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """Give a file to write, which takes the place of `out` when it is whole; readable by its owner alone."""
    if out.is_dir():
        raise TrainingError(f"{out} is a folder; name the file to write, such as {out / 'model.gguf'}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        new = Path(folder) / "new.gguf"
        yield new
        new.chmod(0o600)
        os.replace(new, out)  # noqa: PTH105 - the same call, and its name says what it does


def _write_model(
    checkpoint: Path, config: Mapping[str, Any], pieces: sentencepiece.SentencePieceProcessor, out: Path, kind: Kind
) -> None:
    writer = gguf.GGUFWriter(out, "llama")
    _describe(writer, checkpoint, config)
    _add_vocabulary(writer, pieces)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for key, tensor in _tensors(checkpoint / "model.safetensors").items():
        values = _permuted(key.removesuffix(".weight"), tensor.float().numpy(), config)
        exact = kind == "f32" or values.ndim == 1  # norms stay as they are
        writer.add_tensor(_name(names, key), values.astype(np.float32 if exact else np.float16))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if kind == "f32" else gguf.LlamaFileType.MOSTLY_F16)
    _finish(writer)


def _name(names: gguf.TensorNameMap, key: str) -> str:
    name = names.get_name(key, (".weight",))
    if name is None:
        raise TrainingError(f"tensor {key} has no name in GGUF; export a checkpoint that transformers saved")
    return name


def _describe(writer: gguf.GGUFWriter, checkpoint: Path, config: Mapping[str, Any]) -> None:
    rope = {"rope_theta": config.get("rope_theta", 10000.0)} | (config.get("rope_parameters") or {})
    if rope.get("rope_type", "default") != "default":
        raise TrainingError(f"{checkpoint}: rope_type is {rope['rope_type']!r}; only 'default' can be exported")
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    for add in (writer.add_rope_dimension_count, writer.add_key_length, writer.add_value_length):
        add(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])


def _add_vocabulary(writer: gguf.GGUFWriter, pieces: sentencepiece.SentencePieceProcessor) -> None:
    kinds = [_kind(pieces, at) for at in range(pieces.vocab_size())]
    texts = [pieces.id_to_piece(at) for at in range(len(kinds))]
    for text, kind in zip(texts, kinds, strict=True):
        if kind != gguf.TokenType.NORMAL and spellable(text, texts):
            raise TrainingError(
                f"the vocabulary has pieces that llama.cpp would join to {text!r}; train one without them"
            )
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_scores([pieces.get_score(at) for at in range(len(kinds))])
    writer.add_token_types(kinds)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
    writer.add_add_space_prefix(value=False)


def _kind(pieces: sentencepiece.SentencePieceProcessor, at: int) -> gguf.TokenType:
    if pieces.is_unknown(at):
        return gguf.TokenType.UNKNOWN
    if pieces.is_control(at):
        return gguf.TokenType.CONTROL
    return gguf.TokenType.BYTE if pieces.is_byte(at) else gguf.TokenType.NORMAL


def _permuted(key: str, values: NDArray[np.float32], config: Mapping[str, Any]) -> NDArray[np.float32]:
    """Reorder the rows of q and k: llama.cpp turns neighbouring pairs of a head, transformers its two halves."""
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    count = heads.get(key.rpartition(".")[2])
    if count is None:
        return values
    rows, *rest = values.shape
    return values.reshape(count, 2, rows // count // 2, *rest).swapaxes(1, 2).reshape(values.shape)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _quantise(exact: Path, out: Path, kind: Kind) -> None:
    llama = library()
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = {"q8_0": llama.LLAMA_FTYPE_MOSTLY_Q8_0, "q4_0": llama.LLAMA_FTYPE_MOSTLY_Q4_0}[kind]
    parameters.nthread = THREADS
    if llama.llama_model_quantize(os.fsencode(exact), os.fsencode(out), ctypes.byref(parameters)):
        raise TrainingError(f"{exact} could not be quantised to {kind}; is there room on the disk of {out.parent}?")
