"""GGUF to weights again: what is trained on is the model in use, and a new vocabulary keeps what the old one knew."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import pytest
import tiny_models
import torch
from transformers import LlamaForCausalLM

from assistant_core.engine.llama import Context
from assistant_core.engine.prompt import Piece, number
from assistant_core.errors import ModelError
from training import export, fidelity, model, reopen, tokenizer
from training.tokenizer import Tokenizer


class Tiny(NamedTuple):
    words: Tokenizer
    model: LlamaForCausalLM
    folder: Path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny")
    words = tiny_models.vocabulary(folder / "tokenizer.model")
    return Tiny(words, saved(tiny_models.llama(words.size), folder), folder)


def saved(new: LlamaForCausalLM, folder: Path) -> LlamaForCausalLM:
    new.save_pretrained(folder / "checkpoint")
    return new


def exported(words: Tokenizer, folder: Path, kind: export.Kind) -> Path:
    export.to_gguf(folder / "checkpoint", words.file, folder / kind, kind=kind)
    return folder / kind


def rows(size: int) -> list[list[int]]:
    return [np.random.default_rng(seed).integers(0, size, length).tolist() for seed, length in enumerate((1, 40, 256))]


@torch.inference_mode()
def difference(one: LlamaForCausalLM, other: LlamaForCausalLM) -> float:
    """The greatest one of any logit."""
    read = (torch.tensor([row]) for row in rows(one.config.vocab_size))
    return max(float((one(input_ids=row).logits - other(input_ids=row).logits).abs().max()) for row in read)


@pytest.mark.parametrize(("kind", "most"), [("f32", 1e-6), ("f16", 0.02), ("q8_0", 0.2), ("q4_0", 3.0)])
def test_the_logits_are_those_of_what_was_exported(tiny: Tiny, kind: export.Kind, most: float) -> None:
    assert difference(tiny.model, reopen.reopen(exported(tiny.words, tiny.folder, kind))) < most


def test_what_was_quantised_is_what_llama_cpp_answers_with(tiny: Tiny) -> None:
    file = exported(tiny.words, tiny.folder, "q8_0")
    with closing(Context(file, tokens=256, threads=1, exact=True)) as context:
        assert fidelity.logit_difference(reopen.reopen(file), context, rows(tiny.words.size)) < 0.2


def test_nothing_is_lost_between_one_night_and_the_next(tiny: Tiny, tmp_path: Path) -> None:
    first = exported(tiny.words, tiny.folder, "q8_0")
    saved(reopen.reopen(first), tmp_path)
    second = exported(tiny.words, tmp_path, "q8_0")
    once, twice = (
        {each.name: gguf.dequantize(each.data, each.tensor_type) for each in gguf.GGUFReader(file).tensors}
        for file in (first, second)
    )
    assert once.keys() == twice.keys()
    assert max(float(np.abs(once[name] - twice[name]).max()) for name in once) < 1e-6


@pytest.mark.parametrize(
    "others",
    [
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1, "head_dim": 32},
        {"tie_word_embeddings": False},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    ],
)
def test_other_shapes_are_opened_as_well(tiny: Tiny, tmp_path: Path, others: dict[str, Any]) -> None:
    shaped = saved(tiny_models.llama(tiny.words.size, **others), tmp_path)
    assert difference(shaped, reopen.reopen(exported(tiny.words, tmp_path, "f32"))) < 1e-6


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model " * 1000])
def test_what_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "command.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=r"command\.gguf is not a command model .* deploy another version"):
        reopen.reopen(tmp_path / "command.gguf")


def test_a_model_of_another_kind_is_named(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "bert")
    writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"other\.gguf is not a command model"):
        reopen.reopen(tmp_path / "other.gguf")


# --- another vocabulary --------------------------------------------------------------------------------------

OTHERS = ("zebra --stripes 40", "quagga repair ~/barn/hay", "git status", "okapi push ~/barn/hay")


def test_kept_pieces_keep_their_rows_and_new_ones_begin_as_their_parts(tmp_path: Path) -> None:
    before = tiny_models.vocabulary(tmp_path / "before.model")
    after = tokenizer.train(OTHERS * 3, tmp_path / "after.model", 380)
    torch.manual_seed(1)
    adopted = model.build("tiny", before.size)
    old = adopted.model.embed_tokens.weight.detach().clone()
    reopen.adopt(adopted, before, after)
    rows = adopted.model.embed_tokens.weight.detach()
    assert rows.shape == (after.size, old.shape[1])
    assert adopted.config.vocab_size == after.size
    assert adopted.lm_head.weight is adopted.model.embed_tokens.weight
    kept = {piece: at for at, piece in enumerate(before.pieces())}
    new = [at for at, piece in enumerate(after.pieces()) if piece not in kept]
    assert new
    assert [number(piece) for piece in Piece if not rows[number(piece)].equal(old[number(piece)])] == []
    assert all(rows[at].equal(old[kept[piece]]) for at, piece in enumerate(after.pieces()) if piece in kept)
    for at in new:
        assert torch.allclose(rows[at], old[before.encode(after.decode([at]))].mean(dim=0))


@torch.inference_mode()
def test_what_is_spelt_with_kept_pieces_is_answered_as_before(tmp_path: Path) -> None:
    before = tiny_models.vocabulary(tmp_path / "before.model")
    after = tokenizer.train(OTHERS * 3, tmp_path / "after.model", 380)
    torch.manual_seed(1)
    adopted = model.build("tiny", before.size)
    adopted.train(mode=False)
    kept = [piece for piece in before.pieces() if piece in set(after.pieces())]
    old, new = ([words.pieces().index(piece) for piece in kept] for words in (before, after))
    first = adopted(input_ids=torch.tensor([old])).logits[0][:, old]
    reopen.adopt(adopted, before, after)
    assert torch.allclose(first, adopted(input_ids=torch.tensor([new])).logits[0][:, new], atol=1e-5)
