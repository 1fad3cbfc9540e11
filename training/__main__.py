"""The table of contents: `python -m training COMMAND`.

run         the user's own models, from the history to deployment; `:train now` and the timer call it
corpus      count what could be learnt from: rows, tokens, licences

What ships, from our corpora:
prepare     corpora -> vocabulary and contexts
learn       contexts -> weights; under torchrun on as many processes as it starts
release     weights -> the command model, with its card
pairs       corpora -> the known requests, with their card
ranking     known requests -> how their proposals are ordered, learned anew
embedding   corpora -> the embedding, with its card
evaluate    models, what was held out -> scores beside n-gram and retrieval, as one JSON

export      weights -> GGUF
lora        a chat model and JSON lines of requests -> an adapter
sizes       the sizes of models
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from assistant_core.engine.registry import SHIPPED
from assistant_core.errors import AssistantError
from training import commands, options
from training.recipes import LINEAR, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Add = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]

SOURCES = (
    "what to read instead of what is the user's own; SOURCE is one of store, guard, manuals, documents, wiki, "
    "tldr, instructions and ours"
)
CORPORA = (
    "folder of our corpora, JSON lines whose rows name source and licence, plain or as .zst: nl2cmd_train.jsonl, "
    "nl2cmd_weak, explain, flags, subcommands, cmdlines, sequences, corrections, or some of them"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; what is wrong is said in one line, with exit code 2."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.call(arguments))
    except (AssistantError, OSError) as error:
        sys.stderr.write(f"training: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m training", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    table = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str, call: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = table.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(call=call)
        return command

    _personal(add)
    _prepare_and_learn(add)
    _releases(add)
    _evaluate(add)
    _others(add)
    return parser


def _personal(add: Add) -> None:
    run = add("run", "the user's own models, from the history to deployment", commands.run)
    run.add_argument("--scheduled", action="store_true", help="wait until the machine is idle, or for another night")

    corpus = add("corpus", "count what could be learnt from", commands.corpus)
    corpus.add_argument("places", nargs="*", metavar="SOURCE=PATH", help=SOURCES)
    corpus.add_argument("--tokenizer", type=Path, help="count tokens of this vocabulary instead of characters")


def _prepare_and_learn(add: Add) -> None:
    prepare = add("prepare", "our corpora to vocabulary and contexts", commands.prepare)
    _corpora(prepare)
    prepare.add_argument("folder", type=Path, help="to work in; made if need be")
    pieces = "of the vocabulary; fewer where the texts hold too little (%(default)s)"
    prepare.add_argument("--pieces", type=options.whole(1, options.TOKENS), default=8192, help=pieces)

    learn = add("learn", "contexts to weights", commands.learn)
    learn.add_argument("folder", type=Path, help="what `prepare` wrote to")
    begin = learn.add_mutually_exclusive_group()
    begin.add_argument("--size", default="small", help="of a new model, as `sizes` lists them (%(default)s)")
    begin.add_argument("--start", type=Path, help="weights to go on from, of the same vocabulary")
    count = options.whole(1)
    learn.add_argument("--steps", type=count, required=True, help="of the whole run; a run that was cut off goes on")
    learn.add_argument("--batch", type=count, default=32, help="contexts that a process takes at once (%(default)s)")
    learn.add_argument("--accumulation", type=count, default=1, help="batches of a step (%(default)s)")
    learn.add_argument("--learning-rate", type=options.rate, default=2e-3, help="after the warm-up (%(default)s)")
    learn.add_argument("--warmup", type=options.whole(0), default=100, help="steps of a rising rate (%(default)s)")
    _seed(learn, "of new weights and of the order of contexts")


def _releases(add: Add) -> None:
    release = add("release", "weights to the command model that ships: GGUF, vocabulary, card", commands.release)
    _corpora(release)
    release.add_argument("folder", type=Path, help="what `prepare` wrote to")
    release.add_argument("weights", type=Path, help="what `learn` wrote: config.json, model.safetensors")
    _target(release, "command")
    release.add_argument("--made-by", required=True, help="the commands that made the weights, for the card")
    release.add_argument("--trained-on", required=True, help='for the card, such as "GPU NVIDIA H100"')
    release.add_argument("--version", default=time.strftime("%Y-%m-%d", time.gmtime()), help="default: today's date")

    pairs = add("pairs", "our corpora to the known requests that ship, with their card", commands.pairs)
    _corpora(pairs)
    _target(pairs, "pairs")

    ranking = add("ranking", "the known requests to how their proposals are ordered, learned anew", commands.ranking)
    _target(ranking, "pairs")

    embedding = add("embedding", "our corpora to the embedding that ships, with its card", commands.embedding)
    _corpora(embedding)
    _target(embedding, "embedding")
    embedding.add_argument(
        "changes", nargs="*", metavar="NAME=VALUE", help="in training.embedding.Plan, such as epochs=3"
    )


def _evaluate(add: Add) -> None:
    evaluate = add("evaluate", "models beside n-gram and retrieval on what was held out, as JSON", commands.evaluate)
    _corpora(evaluate)
    evaluate.add_argument("--requests", type=Path, help="requests of your own: JSON lines of nl, cmd, perhaps cmd_alt")
    for kind in ("command", "pairs", "embedding"):
        evaluate.add_argument(
            f"--{kind}", type=Path, default=SHIPPED / kind, metavar="FOLDER", help="default: the one that ships"
        )
    most = "rows held out that are asked, of each task"
    evaluate.add_argument("--most", type=options.whole(1), default=300, help=most)
    _seed(evaluate, "of their choice and of the bootstrap")
    evaluate.add_argument("--out", type=Path, help="file for the JSON; default: it is printed")


def _others(add: Add) -> None:
    export = add("export", "weights to GGUF", commands.export)
    export.add_argument("checkpoint", type=Path, help="folder of a Llama: config.json, model.safetensors")
    export.add_argument("tokenizer", type=Path, help="its vocabulary, such as RUN/tokenizer.model")
    export.add_argument("out", type=Path, help="GGUF file to write")
    kinds = "bits of a weight: as in training, 16, or about 8 or 4 (default: %(default)s)"
    export.add_argument("--kind", choices=("f32", "f16", "q8_0", "q4_0"), default="q8_0", help=kinds)

    lora = add("lora", "a chat model and rows to an adapter", commands.lora)
    lora.add_argument("base", type=Path, help="folder of a chat model as transformers saves it")
    lora.add_argument("rows", type=Path, help="JSON lines of instruction, input, output")
    lora.add_argument("folder", type=Path, help="to work in; adapter.gguf is written there")
    layers = "which layers learn, and the values that are not given (default: %(default)s)"
    lora.add_argument("--recipe", choices=tuple(RECIPES), default="attention", help=layers)
    _recipe(lora)

    add("sizes", "the sizes of models", commands.sizes)


def _recipe(parser: argparse.ArgumentParser) -> None:
    """Add an option for each number of a recipe, with the names that peft and others use."""
    count = options.whole(1)
    table: tuple[tuple[str, str, Callable[[str], object], str], ...] = (
        ("--r", "rank", count, "rank of the matrices that are learnt"),
        ("--lora-alpha", "alpha", count, "what they say is added alpha / r times"),
        ("--lora-dropout", "dropout", options.share, "share of their inputs that is left out while they learn"),
        ("--target-modules", "targets", options.names(LINEAR), "layers that learn, with commas between them"),
        ("--num-epochs", "epochs", count, "times that each row is shown"),
        ("--batch-size", "batch", count, "rows at once"),
        ("--gradient-accumulation-steps", "accumulation", count, "batches of a step"),
        ("--learning-rate", "learning_rate", options.rate, "after the warm-up"),
    )
    for option, name, read, text in table:
        parser.add_argument(option, dest=name, type=read, metavar="VALUE", help=f"{text} (default: {_usual(name)})")


def _usual(name: str) -> str:
    """Return the value that each recipe has for `name`, or the one that all have."""
    values = {each: getattr(recipe, name) for each, recipe in RECIPES.items()}
    shown = {each: ",".join(value) if isinstance(value, tuple) else str(value) for each, value in values.items()}
    if len(set(shown.values())) == 1:
        return shown.popitem()[1]
    return "; ".join(f"{value} with {each}" for each, value in shown.items())


def _seed(parser: argparse.ArgumentParser, of: str) -> None:
    parser.add_argument("--seed", type=options.whole(0, options.SEEDS), default=0, help=of)


def _corpora(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpora", type=Path, help=CORPORA)


def _target(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("target", type=Path, help=f"assistant_core/models/{kind}, or a folder to try")


if __name__ == "__main__":
    sys.exit(main())
