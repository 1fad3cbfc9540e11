"""What quantising a command model loses and gains, and what several answers in one batch cost. Prints JSON.

    python tests/bench/bench_llama.py CHECKPOINT TOKENIZER CONTEXTS.npz [--most 64] [--rounds 40]

CHECKPOINT: a folder with config.json and model.safetensors; TOKENIZER: its SentencePiece model; CONTEXTS: held-out
contexts as training.public packs them, of which --most are read. Loss is over the labelled tokens. Speed is that of
eight tokens after a prefix that is held, the kinds in turn; batches are of Q8_0. Times are milliseconds of
the processor's time of one thread, medians of --rounds; other programs change them less than the time that passes.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine import prompt
from assistant_core.engine.command import ROOM, CommandModel
from assistant_core.engine.llama import TRUNK, Context
from assistant_core.engine.prompt import CONTEXT, Piece
from training import export, fidelity
from training.examples import IGNORED, Packed

LINES = ["cd src", "git status", "git add -A"]
TYPED = "git commit -m "
TOKENS = 8  # of an answer
WIDTHS = (1, 2, 4, 8)  # sequences in a batch
BATCHED: export.Kind = "q8_0"  # what ships
Files = dict[export.Kind, Path]


def exported(checkpoint: Path, tokenizer: Path, folder: Path) -> Files:
    """Write the model in every kind."""
    files: Files = {kind: folder / f"{kind}.gguf" for kind in get_args(export.Kind)}
    for kind, file in files.items():
        export.to_gguf(checkpoint, tokenizer, file, kind=kind)
    return files


def produced(packed: Packed) -> NDArray[np.int32]:
    """Return the labelled tokens."""
    labels = packed.labels[:, 1:]
    found: NDArray[np.int32] = labels[labels != IGNORED]
    return found


def first(context: Context, packed: Packed) -> NDArray[np.intp]:
    """Return the most probable token in the place of each labelled one."""
    rows = [
        context.logits(tokens.tolist()).argmax(axis=1)[:-1][labels[1:] != IGNORED]
        for tokens, labels in zip(packed.tokens, packed.labels, strict=True)
    ]
    return np.concatenate(rows)


def losses(files: Files, packed: Packed) -> dict[str, dict[str, float]]:
    """Size, loss and agreement of each kind with the first."""
    found: dict[str, dict[str, float]] = {}
    exact: NDArray[np.intp] | None = None
    labels = produced(packed)
    for kind, file in files.items():
        context = Context(file, tokens=CONTEXT, exact=True)
        best, nats = first(context, packed), fidelity.loss(context, packed)
        size = sum(len(context.piece(int(token))) for token in labels)
        context.close()
        exact = best if exact is None else exact
        found[kind] = {
            "bytes": file.stat().st_size,
            "nats a token": round(nats, 4),
            "bits a byte": round(nats * len(labels) / math.log(2) / size, 4),
            "right": round(float((best == labels).mean()), 4),
            "same as the first": round(float((best == exact).mean()), 4),
        }
    return found


def speeds(files: Files, rounds: int) -> dict[str, float]:
    """Time eight tokens after a prefix that is held."""
    models = {kind: CommandModel(file) for kind, file in files.items()}
    parts = [*prompt.session((line, 0) for line in LINES), (Piece.LINE, "")]
    found = timed({kind: partial(it.candidates, parts, TYPED, tokens=TOKENS) for kind, it in models.items()}, rounds)
    for model in models.values():
        model.close()
    return found


def batches(file: Path, rounds: int) -> dict[str, float]:
    """Time eight steps of several sequences that have a prefix each, in one batch and one after another."""
    context = Context(file, tokens=ROOM, sequences=1 + max(WIDTHS))
    tokens = context.tokenise(" ".join(LINES))
    context.prefill(tokens)

    def together(width: int) -> None:
        branches = range(TRUNK + 1, TRUNK + 1 + width)
        for branch in branches:
            context.branch(TRUNK, branch)
        for step in range(TOKENS):
            context.step([tokens[step]] * width, len(tokens) + step, branches)
        for branch in branches:
            context.drop(branch)

    def apart(width: int) -> None:
        for _ in range(width):
            together(1)

    asked: dict[str, Callable[[], object]] = {}
    for width in WIDTHS:
        asked[f"{width} together"] = partial(together, width)
        asked[f"{width} apart"] = partial(apart, width)
    found = timed(asked, rounds)
    context.close()
    return found


def timed(asked: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Ask everyone in turn; return the medians in milliseconds of this thread."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(rounds + 2):  # the first two fill caches
        for name, ask in asked.items():
            start = time.thread_time()
            ask()
            found[name].append((time.thread_time() - start) * 1000)
    return {name: round(statistics.median(times[2:]), 3) for name, times in found.items()}


def main() -> None:
    """Export, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("contexts", type=Path)
    parser.add_argument("--most", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    with np.load(arguments.contexts) as arrays:
        packed = Packed(arrays["tokens"][: arguments.most], arrays["labels"][: arguments.most])
    with tempfile.TemporaryDirectory() as name:
        files = exported(arguments.checkpoint, arguments.tokenizer, Path(name))
        result = {
            "contexts": len(packed.tokens),
            "labelled": len(produced(packed)),
            "kinds": losses(files, packed),
            "eight tokens, ms": speeds(files, arguments.rounds),
            "eight steps, ms": batches(files[BATCHED], arguments.rounds),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
