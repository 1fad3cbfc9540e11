"""Weights to GGUF: llama.cpp answers as torch does, and reads text as SentencePiece does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import pytest
import sentencepiece
import tiny_models
import torch
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from assistant_core.engine.llama import Context
from assistant_core.engine.prompt import Piece, number
from assistant_core.engine.vocabulary import Vocabulary
from assistant_core.errors import ModelError, TrainingError
from training import export, fidelity
from training.examples import encode, pack
from training.records import Row
from training.tokenizer import Tokenizer


class Tiny(NamedTuple):
    folder: Path
    words: Tokenizer
    model: LlamaForCausalLM


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny")
    words = tiny_models.vocabulary(folder / "tokenizer.model")
    model = tiny_models.llama(words.size)
    model.save_pretrained(folder / "checkpoint")
    return Tiny(folder, words, model)


@pytest.fixture(scope="module")
def exact(tiny: Tiny) -> Iterator[Context]:
    export.to_gguf(tiny.folder / "checkpoint", tiny.words.file, tiny.folder / "exact.gguf", kind="f32")
    with closing(Context(tiny.folder / "exact.gguf", tokens=256, threads=1, exact=True)) as context:
        yield context


def rows(size: int) -> list[list[int]]:
    return [np.random.default_rng(seed).integers(0, size, length).tolist() for seed, length in enumerate((1, 40, 256))]


def test_the_logits_are_those_of_torch(tiny: Tiny, exact: Context) -> None:
    assert fidelity.logit_difference(tiny.model, exact, rows(tiny.words.size)) < 1e-3


@pytest.mark.parametrize(
    "others",
    [
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1, "head_dim": 32},
        {"tie_word_embeddings": False},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    ],
)
def test_other_shapes_are_exported_as_well(tiny: Tiny, tmp_path: Path, others: dict[str, Any]) -> None:
    model = tiny_models.llama(tiny.words.size, **others)
    model.save_pretrained(tmp_path)
    export.to_gguf(tmp_path, tiny.words.file, tmp_path / "new.gguf", kind="f32")
    with closing(Context(tmp_path / "new.gguf", tokens=256, threads=1, exact=True)) as context:
        assert fidelity.logit_difference(model, context, rows(tiny.words.size)) < 1e-3


def test_each_quantisation_is_smaller_and_costs_a_little_more(tiny: Tiny, tmp_path: Path) -> None:
    lines = [Row(task="line", texts=(line,), source="test", licence="MIT") for line in tiny_models.LINES]
    packed = pack((each for row in lines for each in encode(row, tiny.words)), seed=0)
    kinds: list[export.Kind] = ["f32", "f16", "q8_0", "q4_0"]
    sizes, losses = [], []
    for kind in kinds:
        export.to_gguf(tiny.folder / "checkpoint", tiny.words.file, tmp_path / kind, kind=kind)
        sizes.append((tmp_path / kind).stat().st_size)
        with closing(Context(tmp_path / kind, tokens=256, threads=1, exact=True)) as context:
            losses.append(fidelity.loss(context, packed))
    assert sizes == sorted(sizes, reverse=True)
    tokens, labels = (torch.from_numpy(each).long() for each in packed)
    assert losses[0] == pytest.approx(tiny.model(input_ids=tokens, labels=labels).loss.item(), abs=1e-4)
    assert [abs(loss - losses[0]) < most for loss, most in zip(losses, (1, 0.01, 0.05, 1), strict=True)] == [True] * 4


def odd_texts() -> list[str]:
    chance = random.Random(0)
    parts = [*" \t\n\r\x00\x02\x1b\x7f ab'\"<>|/{}-_0129", "\u2581", "\u00e9", "\u6f22", "\U0001f600", "e\u0301"]
    parts += [
        "\u200d",
        "\u00a0",
        "\u202e",
        "<s>",
        "</s>",
        "<unk>",
        "<pad>",
        "<|line|>",
        "<|",
        "|>",
        "<0x0A>",
        "git",
        "  ",
    ]
    return ["".join(chance.choices(parts, k=chance.randint(0, 30))) for _ in range(4000)]


def test_no_text_is_read_differently(tiny: Tiny, exact: Context) -> None:
    texts = [*tiny_models.LINES, *odd_texts(), "", " ", "  leading", "trailing  ", "a\tb", "a\nb", "x" * 3000]
    assert list(fidelity.read_differently(tiny.words, Vocabulary(exact), texts)) == []


@pytest.mark.parametrize("typed", ["<|line|>", "</s>", "<s>", "<unk>", "<pad>", "<|exit|>", "git <|request|> x"])
def test_a_control_piece_cannot_be_typed(exact: Context, typed: str) -> None:
    words = Vocabulary(exact)
    tokens = words.encode(typed)
    assert b"".join(words.pieces[token] for token in tokens) == typed.encode()
    assert min(tokens) > number(Piece.PREVIOUS)


def test_a_vocabulary_that_could_spell_a_control_piece_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["</b>s>", "<b>s>", "as>", "s>s>"] * 50),
        model_prefix=str(tmp_path / "bad"),
        model_type="bpe",
        vocab_size=tiny.words.size,
        hard_vocab_limit=False,
        byte_fallback=True,
        split_by_unicode_script=False,
        minloglevel=2,
    )
    words = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "bad.model"))
    tiny_models.llama(words.vocab_size()).save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match="join to '<s>'"):
        export.to_gguf(tmp_path, tmp_path / "bad.model", tmp_path / "out.gguf")


@pytest.mark.parametrize(
    ("piece", "pieces", "expected"),
    [
        ("ab", [], True),
        ("abc", ["ab"], True),
        ("abc", ["bc"], True),
        ("abc", ["abc"], False),
        ("abcd", ["ab", "cd"], True),
        ("abcd", ["ab", "bcd"], False),
        ("abcd", ["bc", "bcd"], True),
    ],
)
def test_what_merges_can_make(piece: str, pieces: list[str], *, expected: bool) -> None:
    assert export.spellable(piece, pieces) is expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "qwen2"}, "model_type is 'qwen2'; only 'llama' can be exported"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"vocab_size": 7}, "pieces and"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0}}, "rope_type is 'yarn'"),
        (
            {"num_attention_heads": None, "hidden_size": "64"},
            r"config\.json: hidden_size is '64', num_attention_heads is None; expected a number above 0",
        ),
    ],
)
def test_what_llama_cpp_would_answer_otherwise_is_refused(
    tiny: Tiny, tmp_path: Path, values: dict[str, object], message: str
) -> None:
    tiny.model.save_pretrained(tmp_path)
    tiny_models.changed(tmp_path / "config.json", **values)
    (tmp_path / "out.gguf").write_text("the one before")
    with pytest.raises(TrainingError, match=message):
        export.to_gguf(tmp_path, tiny.words.file, tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").read_text() == "the one before"
    assert list(tmp_path.glob(".export-*")) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("words", None, r"words is not a SentencePiece model \(.*\); name the vocabulary"),
        ("words", "no model", r"words is not a SentencePiece model \(.*\); name the vocabulary"),
        ("model.safetensors", None, r"model\.safetensors cannot be read \(.*\); name a folder that was saved whole"),
        ("model.safetensors", "half", r"model\.safetensors cannot be read \(.*\); name a folder that was saved whole"),
        ("config.json", "{}", "pieces and .* None; take the vocabulary"),
        ("config.json", "[]", r"config\.json holds no JSON object but \[\]; name a folder that was saved whole"),
    ],
)
def test_what_cannot_be_read_is_named(tiny: Tiny, tmp_path: Path, name: str, content: str | None, message: str) -> None:
    tiny.model.save_pretrained(tmp_path)
    (tmp_path / "words").write_bytes(tiny.words.file.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(TrainingError, match=message):
        export.to_gguf(tmp_path, tmp_path / "words", tmp_path / "out.gguf")


def test_a_folder_is_no_file_to_write(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=f"^{tmp_path} is a folder; name the file to write, such as {tmp_path}/mod"):
        export.to_gguf(tiny.folder / "checkpoint", tiny.words.file, tmp_path)


@pytest.mark.parametrize("rope", [None, {}, {"rope_type": "default"}])
def test_what_is_not_told_of_the_rotation_is_as_usual(
    tiny: Tiny, exact: Context, tmp_path: Path, rope: dict[str, object] | None
) -> None:
    tiny.model.save_pretrained(tmp_path)
    tiny_models.changed(tmp_path / "config.json", rope_parameters=rope)
    export.to_gguf(tmp_path, tiny.words.file, tmp_path / "out.gguf", kind="f32")
    with closing(Context(tmp_path / "out.gguf", tokens=256, threads=1, exact=True)) as context:
        assert np.array_equal(context.logits([1, 20, 30]), exact.logits([1, 20, 30]))


def test_a_folder_to_write_to_is_made(tiny: Tiny, tmp_path: Path) -> None:
    export.to_gguf(tiny.folder / "checkpoint", tiny.words.file, tmp_path / "new" / "out.gguf", kind="f16")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["out.gguf"]


def test_a_written_file_is_its_owners_alone(tiny: Tiny, exact: Context) -> None:
    assert exact.size == tiny.words.size
    assert (tiny.folder / "exact.gguf").stat().st_mode & 0o777 == 0o600


# --- adapters: that they answer as in torch is shown in test_training_lora.py ------------------------------------


def adapter(folder: Path, config: dict[str, object], tensors: dict[str, torch.Tensor]) -> Path:
    folder.mkdir()
    plain = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_dora": False, "bias": "none", "modules_to_save": None}
    (folder / "adapter_config.json").write_text("{}")
    tiny_models.changed(folder / "adapter_config.json", **{**plain, **config})
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def halves(module: str = "q_proj") -> dict[str, torch.Tensor]:
    name = f"base_model.model.model.layers.1.self_attn.{module}"
    a, b = torch.arange(256.0).reshape(4, 64), torch.arange(256.0).reshape(64, 4)
    return {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}


@pytest.mark.parametrize(("kind", "same"), [("llama", False), ("qwen2", True), ("qwen3", True)])
def test_only_llama_wants_the_rows_of_a_query_reordered(tiny: Tiny, tmp_path: Path, kind: str, *, same: bool) -> None:
    tiny.model.config.save_pretrained(tmp_path)
    tiny_models.changed(tmp_path / "config.json", model_type=kind)
    tensors = halves()
    export.adapter_to_gguf(adapter(tmp_path / "adapter", {}, tensors), tmp_path / "config.json", tmp_path / "out.gguf")
    written = {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(tmp_path / "out.gguf").tensors}
    a, b = (tensor.numpy() for tensor in tensors.values())
    assert np.array_equal(written["blk.1.attn_q.weight.lora_a"], a)
    assert np.array_equal(written["blk.1.attn_q.weight.lora_b"], b) is same
    assert np.array_equal(np.sort(written["blk.1.attn_q.weight.lora_b"], axis=0), b)


@pytest.mark.parametrize(("config", "alpha"), [({}, 8.0), ({"use_rslora": True}, 16.0)])
def test_alpha_says_what_is_added(tiny: Tiny, tmp_path: Path, config: dict[str, object], alpha: float) -> None:
    source = adapter(tmp_path / "adapter", config, halves())
    export.adapter_to_gguf(source, tiny.folder / "checkpoint" / "config.json", tmp_path / "out.gguf")
    field = gguf.GGUFReader(tmp_path / "out.gguf").get_field(gguf.Keys.Adapter.LORA_ALPHA)
    assert field is not None
    assert field.contents() == alpha


@pytest.mark.parametrize(
    ("config", "tensors", "message"),
    [
        ({"use_dora": True}, halves(), "use_dora is True"),
        ({"modules_to_save": ["lm_head"]}, halves(), "modules_to_save is .'lm_head'."),
        ({"bias": "all"}, halves(), "bias is 'all'"),
        ({"rank_pattern": {"q_proj": 2}}, halves(), "rank_pattern"),
        ({"peft_type": "IA3"}, halves(), "peft_type is 'IA3'"),
        ({}, {"base_model.model.model.embed_tokens.lora_embedding_A": torch.ones(4, 4)}, "lora_embedding_A"),
        ({}, halves("strange"), "strange has no name in GGUF"),
    ],
)
def test_what_an_adapter_cannot_say_is_refused(
    tiny: Tiny, tmp_path: Path, config: dict[str, object], tensors: dict[str, torch.Tensor], message: str
) -> None:
    source = adapter(tmp_path / "adapter", config, tensors)
    with pytest.raises(TrainingError, match=message):
        export.adapter_to_gguf(source, tiny.folder / "checkpoint" / "config.json", tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


@pytest.mark.parametrize(("config", "kind"), [('{"model_type": "gpt2"}', "gpt2"), ("{}", "")])
def test_an_adapter_of_an_unknown_architecture_is_refused(tmp_path: Path, config: str, kind: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(TrainingError, match=f"model_type is '{kind}'; adapters can be made for llama, qwen2, qwen3"):
        export.adapter_to_gguf(adapter(tmp_path / "a", {}, halves()), tmp_path / "config.json", tmp_path / "out.gguf")


@pytest.mark.parametrize("name", ["num_hidden_layers", "num_attention_heads", "num_key_value_heads"])
def test_an_adapter_of_a_model_half_described_is_refused(tiny: Tiny, tmp_path: Path, name: str) -> None:
    tiny.model.config.save_pretrained(tmp_path)
    tiny_models.changed(tmp_path / "config.json", **{name: None})
    with pytest.raises(TrainingError, match=rf"config\.json: {name} is None; expected a number above 0"):
        export.adapter_to_gguf(adapter(tmp_path / "a", {}, halves()), tmp_path / "config.json", tmp_path / "out.gguf")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"<html>not found</html>", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.gguf is not a model that llama\.cpp can load"):
        Context(tmp_path / "broken.gguf", tokens=256)
    assert capfd.readouterr() == ("", "")
