"""How good the models that ship are, beside those that they have to be better than. Prints JSON.

    python tests/bench/bench_models.py CORPORA [--requests DEV.jsonl] [--command FOLDER] [--pairs FOLDER]
        [--embedding FOLDER] [--most 300] [--seed 0] [--out RESULT.json]

CORPORA: the folder of the corpora. What training.public holds out of it (pages and projects) is what is asked;
everything else is what the opponents know: an n-gram model over the command model's own tokens, BM25 and, with
--embedding, the nearest meaning. `--requests`: further requests, JSON lines of nl, cmd and perhaps cmd_alt. At most
`--most` rows are asked of each task, chosen by --seed. Each score stands beside the others, with the difference, its
95 % interval and p by the paired bootstrap.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assistant_core.engine import embed, pairs, registry
from assistant_core.engine.answer import Answerer
from assistant_core.engine.command import CommandModel
from assistant_core.engine.pairs import Index
from training import examples, public
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.split import split
from training.evaluate import tasks
from training.evaluate.model import AnswerPredictor, CommandPredictor
from training.evaluate.ngram import NGram
from training.evaluate.opponents import Nearest, NGramPredictor, by_meaning, by_words
from training.evaluate.report import report, write
from training.evaluate.tasks import Measures
from training.records import Row
from training.tokenizer import Tokenizer


class Known(NamedTuple):
    """What may be used to answer, and what is asked."""

    learning: list[Row]
    held: dict[str, list[Row]]  # by task
    dev: list[Row]


def known(arguments: argparse.Namespace) -> Known:
    """Read and split as the training of the command model does."""
    learning, rows = split(clean(ours.read(arguments.corpora)), share=public.HELD_SHARE)
    random.Random(arguments.seed).shuffle(rows)
    held: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if len(held[row.task]) < arguments.most:
            held[row.task].append(row)
    lines = arguments.requests.read_text().splitlines() if arguments.requests else []
    return Known(learning, held, [row for line in lines for row in asked(json.loads(line))])


def asked(fields: Mapping[str, str]) -> list[Row]:
    """Return a row for each line that is right for a request."""
    golds = [fields["cmd"], fields.get("cmd_alt") or ""]
    return [
        Row(task="request", texts=(fields["nl"], gold), source="dev", licence="", group=fields["cmd"])
        for gold in golds
        if gold
    ]


def scored(data: Known, arguments: argparse.Namespace) -> dict[str, dict[str, Measures]]:
    """Put every task to everyone who can do it."""
    command = CommandModel(arguments.command / "command.gguf")
    model, ngram = CommandPredictor(command), counted(data.learning, arguments.command)
    runs: dict[str, Any] = {"model": model, "n-gram": ngram}
    lines = [*data.held["session"], *data.held["line"]]
    known_lines = [row for row in data.learning if row.task == "explain"]
    explained = Nearest([row.texts[1] for row in known_lines], by_words([row.texts[0] for row in known_lines]))
    every = [row for rows in data.held.values() for row in rows]
    results = {
        "next line": each(runs, lambda who: tasks.next_line(who, data.held["session"])),
        "typing": each(runs, lambda who: tasks.typing(who, lines)),
        "bits per byte": each(runs, lambda who: tasks.bits(who, every)),
        "explanation": each(
            {"model": model, "BM25": explained}, lambda who: tasks.explanations(who, data.held["explain"])
        ),
    }
    answering = {"model": model} | retrieving(data.learning, arguments, command)
    for name, rows in (("request", data.held["request"]), ("request, dev", data.dev)):
        if rows:
            results[name] = each(answering, lambda who, rows=rows: tasks.requests(who, rows))  # type: ignore[misc] # who
    return results


def each(predictors: Mapping[str, Any], ask: Callable[[Any], Measures]) -> dict[str, Measures]:
    """Ask everyone the same."""
    return {name: ask(predictor) for name, predictor in predictors.items()}


def counted(rows: list[Row], folder: Path) -> NGramPredictor:
    """Count the n-grams of all rows, in the model's own tokens."""
    tokenizer = Tokenizer(folder / "tokenizer.model")
    tokens = (example.tokens for row in rows for example in examples.encode(row, tokenizer))
    return NGramPredictor(NGram(tokens, tokenizer.size), tokenizer)


def retrieving(rows: list[Row], arguments: argparse.Namespace, command: CommandModel) -> dict[str, Any]:
    """Return those who look requests up, alone and together with the model."""
    requests = [row for row in rows if row.task == "request"]
    texts, lines = [row.texts[0] for row in requests], [row.texts[1] for row in requests]
    found: dict[str, Any] = {"BM25": Nearest(lines, by_words(texts))}
    if arguments.embedding:
        found["embedding"] = Nearest(lines, by_meaning(texts, embed.Embedding.open(arguments.embedding)))
    if arguments.pairs:
        index = Index(pairs.read(arguments.pairs / pairs.FILE))
        found["answers without model"] = AnswerPredictor(Answerer(index))
        found["answers"] = AnswerPredictor(Answerer(index, command))
    return found


def main() -> None:
    """Score, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--requests", type=Path)
    parser.add_argument("--command", type=Path, default=registry.SHIPPED / "command")
    parser.add_argument("--pairs", type=Path, default=registry.SHIPPED / "pairs")
    parser.add_argument("--embedding", type=Path)
    parser.add_argument("--most", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    files = {reader.name: file for reader in ours.TABLE for file in arguments.corpora.glob(f"{reader.name}.jsonl*")}
    files |= {"requests": arguments.requests} if arguments.requests else {}
    card = json.loads((arguments.command / registry.CARD).read_bytes())
    result = report(scored(known(arguments), arguments), files=files, model=card, seed=arguments.seed)
    if arguments.out:
        write(result, arguments.out)
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


if __name__ == "__main__":
    main()
