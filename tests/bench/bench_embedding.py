"""How fast the shipped embedding is, and how often it finds the right line for a request; BM25 beside it.

    python tests/bench/bench_embedding.py REQUESTS.jsonl [LINES.jsonl …] [--beside MODEL]

REQUESTS: {"nl", "cmd", "cmd_alt"?}, one a line; requests of the same words are asked once, with all their lines right.
LINES: {"cmd"}, more lines among which the right ones are to be found. MODEL: a sentence-transformers model on this
disk. Prints JSON: ms a line, alone (median of all lines) and together (best of five times all), and recall@1 and @10
and MRR by each way.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant_core.engine.bm25 import BM25
from assistant_core.engine.embed import Embedding, Transformer
from assistant_core.engine.registry import SHIPPED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assistant_core.engine.pairs import Encoder

    Scores = Callable[[str], NDArray[np.float32]]

ROUNDS = 5
MOST, FEW = 5000, 200  # lines that are timed: of ours, of a slower model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("requests", type=Path)
    parser.add_argument("lines", type=Path, nargs="*")
    parser.add_argument("--beside", default="")
    arguments = parser.parse_args()
    right: dict[str, set[str]] = {}
    for row in rows(arguments.requests):
        right.setdefault(row["nl"], set()).update(fold(row[key]) for key in ("cmd", "cmd_alt") if row.get(key))
    more = (fold(row["cmd"]) for file in arguments.lines for row in rows(file))
    lines = list(dict.fromkeys([*(line for each in right.values() for line in each), *more]))
    started = time.perf_counter()
    ours = Embedding.open(SHIPPED / "embedding")
    load_ms = (time.perf_counter() - started) * 1e3
    result = {
        "requests": len(right),
        "lines": len(lines),
        "import_ms": import_ms(),
        "load_ms": round(load_ms, 1),
        "ours": {**recall(right, lines, by_meaning(ours, lines)), **speed(ours, lines[:MOST])},
        "bm25": recall(right, lines, by_words(lines)),
    }
    if arguments.beside:
        other = Transformer(arguments.beside)
        result["beside"] = {**recall(right, lines, by_meaning(other, lines)), **speed(other, lines[:FEW])}
    print(json.dumps(result, indent=2))


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def fold(line: str) -> str:
    return " ".join(line.split())


def import_ms() -> float:
    """Return the time to import what the embedding needs into a fresh process, without Python's own start."""
    code = "import time; t = time.perf_counter(); import assistant_core.engine.embed; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    return round(min(runs) * 1e3, 1)


def speed(encoder: Encoder, lines: list[str]) -> dict[str, float]:
    alone, together = [], []
    for line in lines:
        started = time.perf_counter()
        encoder.encode([line])
        alone.append(time.perf_counter() - started)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        encoder.encode(lines)
        together.append(time.perf_counter() - started)
    return {
        "encode_ms_alone": round(float(np.median(alone)) * 1e3, 4),
        "encode_ms_together": round(min(together) / len(lines) * 1e3, 4),
    }


def by_meaning(encoder: Encoder, lines: list[str]) -> Scores:
    known = encoder.encode(lines)
    return lambda request: np.asarray(known @ encoder.encode([request])[0])


def by_words(lines: list[str]) -> Scores:
    index = BM25([re.findall(r"\w+", line.lower()) for line in lines])
    return lambda request: index.scores(re.findall(r"\w+", request.lower()))


def recall(right: dict[str, set[str]], lines: list[str], scores: Scores) -> dict[str, float]:
    places = {line: at for at, line in enumerate(lines)}
    ranks = []
    for request, golds in right.items():
        found = scores(request)
        best = max(found[places[gold]] for gold in golds)
        ranks.append(np.count_nonzero(found > best) + (np.count_nonzero(found == best) - 1) // 2)  # ties: in the middle
    told = np.array(ranks)
    result = {f"recall@{first}": float(np.mean(told < first)) for first in (1, 10)} | {
        "mrr": float(np.mean(1 / (told + 1)))
    }
    return {name: round(value, 3) for name, value in result.items()}


if __name__ == "__main__":
    main()
