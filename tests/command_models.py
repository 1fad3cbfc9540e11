"""A command model that knows a few lines and sessions by heart, and its way into use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import tiny_models
import torch
from torch.nn.utils.rnn import pad_sequence
from versions import card

from assistant_core.engine.llm import FILE
from assistant_core.engine.progress import Decision
from assistant_core.engine.prompt import Piece
from assistant_core.engine.registry import Data
from assistant_core.redact import MARK
from assistant_core.settings import Paths, private_directory
from training import deploy, export, tokenizer
from training.examples import IGNORED, encode
from training.records import Row

DANGEROUS = "rm -rf / --no-preserve-root"
LINES = (
    "zebra --stripes 40",
    "zebra feed ~/barn/hay",
    "visit {user}@{host}",
    f"zebra login {MARK}",
    DANGEROUS,
    "yak shave",
)
FAILED = Row(task="session", texts=("quagga run", "quagga repair"), exits=(2, 0), source="test", licence="MIT")
WORKED = Row(task="session", texts=("quagga run", "quagga done"), exits=(0, 0), source="test", licence="MIT")
LATER = Row(
    task="session", texts=("yak shave", "quagga run", "quagga repair"), exits=(0, 2, 0), source="test", licence="MIT"
)
AT_HOME = Row(task="session", texts=("okapi rest",), source="test", licence="MIT")
IN_GIT = Row(task="session", texts=("okapi push",), directory="git", source="test", licence="MIT")


def build(folder: Path, steps: int = 120) -> Path:
    """Train on the above until it is known by heart; return the folder with the model's files."""
    rows = [Row(task="line", texts=(line,), source="test", licence="MIT") for line in LINES]
    rows += [FAILED, WORKED, LATER, AT_HOME, IN_GIT]
    around = [LINES[at:] + LINES[:at] for at in range(len(LINES))]  # known as well after any of the others
    rows += [Row(task="session", texts=lines, source="test", licence="MIT") for lines in around]
    words = tokenizer.train(
        [*LINES * 9, *(text for row in rows for text in row.texts)], folder / "tokenizer.model", 320
    )
    model = tiny_models.llama(words.size, initializer_range=0.02)
    examples = [example for row in rows for example in encode(row, words)]
    tokens = pad_sequence([torch.tensor(each.tokens) for each in examples], batch_first=True)
    wanted = pad_sequence([torch.tensor(each.wanted) for each in examples], batch_first=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005, weight_decay=0)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(input_ids=tokens, labels=tokens.where(wanted, IGNORED)).loss.backward()
        optimizer.step()
    model.train(mode=False)
    model.save_pretrained(folder / "checkpoint")
    export.to_gguf(folder / "checkpoint", words.file, folder / FILE, kind="f32")
    return folder


def install(paths: Paths, built: Path, version: str = "v1", **changes: Any) -> None:  # noqa: ANN401 - fields of Card
    """Put what `build` made to use as a version of the user's own."""
    folder = private_directory(paths.training / "runs" / version)
    for name in (FILE, "tokenizer.model"):
        (folder / name).write_bytes((built / name).read_bytes())
    fields: dict[str, Any] = {
        "data": (Data(source="store", licence="private", rows=9),),
        "pieces": {"trained": tuple(piece.value for piece in Piece)},
        "scores": {"calibration": {"slope": 1.0, "offset": 0.0}},
        **changes,
    }
    made = msgspec.structs.replace(card(version), **fields)
    deploy.promote(
        paths, folder, made, Decision(at_ns=0, kind="command", version=version, action="promote"), os.environ
    )
