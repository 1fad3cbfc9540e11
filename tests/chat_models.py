"""A chat model that knows a few answers by heart, an adapter of it that knows others, and their way into use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import tiny_models
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoTokenizer, LlamaForCausalLM

from assistant_core.engine import registry
from assistant_core.engine.adapted import FILE
from assistant_core.engine.progress import Decision
from assistant_core.engine.registry import Card
from assistant_core.settings import Paths, private_directory
from training import deploy, export, lora
from training.examples import IGNORED
from training.recipes import LINEAR, Recipe
from training.records import Row

KNOWN = {"feed the zebra": "zebra feed ~/barn", "rest": "okapi sleep"}
ADAPTED = {"feed the zebra": "zebra feed --by {user}", "rest": "yak nap"}
RECIPE = Recipe(
    rank=16, epochs=120, batch=2, accumulation=1, learning_rate=0.01, general=0.0, dropout=0.0, targets=LINEAR
)


class Chat(NamedTuple):
    """A chat model in the two forms in which it comes."""

    folder: Path
    gguf: Path


def rows(pairs: Mapping[str, str]) -> list[Row]:
    """Return requests and their lines as what may be learnt."""
    return [Row(task="request", texts=pair, source="test", licence="MIT") for pair in pairs.items()]


def build(folder: Path, steps: int = 150) -> Chat:
    """Train a chat model on KNOWN until it is known by heart."""
    words = tiny_models.vocabulary(folder / "tokenizer.model")
    tiny_models.chat_folder(folder, words.size, [*KNOWN, *KNOWN.values(), *ADAPTED.values()])
    model, fast = LlamaForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    examples = [made for row in rows(KNOWN) if (made := lora.encode(row, fast, 256))]
    tokens = pad_sequence([torch.tensor(each.input_ids) for each in examples], batch_first=True)
    labels = pad_sequence([torch.tensor(each.labels) for each in examples], True, IGNORED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005, weight_decay=0)
    for _ in range(steps):
        optimizer.zero_grad()
        model(input_ids=tokens, labels=labels).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return Chat(folder, tiny_models.chat_gguf(folder, words.file, folder / "chat.gguf"))


def adapter(chat: Chat, folder: Path) -> Path:
    """Train an adapter on ADAPTED until it is known by heart; return its file."""
    trained = lora.train(chat.folder, rows(ADAPTED), (), folder, recipe=RECIPE)
    assert trained is not None
    export.adapter_to_gguf(trained, chat.folder / "config.json", folder / FILE)
    return folder / FILE


def install(paths: Paths, chat: Path, adapter: Path, version: str = "a1") -> None:
    """Put an adapter to use as a version of the user's own that was measured on the file `chat`."""
    folder = private_directory(paths.training / "runs" / version)
    (folder / FILE).write_bytes(adapter.read_bytes())
    card = Card(
        kind="adapter",
        version=version,
        created="2026-01-01T02:00:00Z",
        files={},
        data=(),
        scores={},
        command="python -m training run",
        base=registry.described(chat).sha256,
        trained_on="CPU",
    )
    decision = Decision(at_ns=0, kind="adapter", version=version, action="promote")
    deploy.promote(paths, folder, card, decision, os.environ)
