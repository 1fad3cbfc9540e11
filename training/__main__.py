"""The table of contents: `python -m training COMMAND`.

run         the user's own model, from the history to deployment; `:train now` and the timer call it
corpus      count what could be learnt from: rows, tokens, licences

What ships, from our corpora:
prepare     corpora -> vocabulary and contexts
learn       contexts -> weights; under torchrun on as many processes as it starts
release     weights -> the command model, with its card
pairs       corpora -> the known requests, with their card
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
from training import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Add = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


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
    run = add("run", "the user's own model, from the history to deployment", commands.run)
    run.add_argument("--scheduled", action="store_true", help="wait until the machine is idle, or for another night")

    corpus = add("corpus", "count what could be learnt from", commands.corpus)
    corpus.add_argument("places", nargs="*", metavar="SOURCE=PATH", help="default: what is the user's own")
    corpus.add_argument("--tokenizer", type=Path, help="count tokens of this vocabulary instead of characters")


def _prepare_and_learn(add: Add) -> None:
    prepare = add("prepare", "our corpora to vocabulary and contexts", commands.prepare)
    _corpora(prepare)
    prepare.add_argument("folder", type=Path, help="to work in; made if need be")
    prepare.add_argument("--pieces", type=int, default=8192, help="of the vocabulary")

    learn = add("learn", "contexts to weights", commands.learn)
    learn.add_argument("folder", type=Path, help="what `prepare` wrote to")
    begin = learn.add_mutually_exclusive_group()
    begin.add_argument("--size", default="small", help="of a new model")
    begin.add_argument("--start", type=Path, help="weights to go on from, of the same vocabulary")
    learn.add_argument("--steps", type=int, required=True)
    learn.add_argument("--batch", type=int, default=32, help="contexts a process and step")
    learn.add_argument("--accumulation", type=int, default=1)
    learn.add_argument("--learning-rate", type=float, default=2e-3)
    learn.add_argument("--warmup", type=int, default=100, help="steps")
    learn.add_argument("--seed", type=int, default=0)


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
    evaluate.add_argument("--most", type=int, default=300, help="rows held out that are asked, of each task")
    evaluate.add_argument("--seed", type=int, default=0, help="of their choice and of the bootstrap")
    evaluate.add_argument("--out", type=Path, help="file for the JSON; default: it is printed")


def _others(add: Add) -> None:
    export = add("export", "weights to GGUF", commands.export)
    export.add_argument("checkpoint", type=Path)
    export.add_argument("tokenizer", type=Path)
    export.add_argument("out", type=Path)
    export.add_argument("--kind", choices=("f32", "f16", "q8_0", "q4_0"), default="q8_0")

    lora = add("lora", "a chat model and rows to an adapter", commands.lora)
    lora.add_argument("base", type=Path, help="folder of a chat model as transformers saves it")
    lora.add_argument("rows", type=Path, help="JSON lines of instruction, input, output")
    lora.add_argument("folder", type=Path)
    lora.add_argument("--recipe", choices=("attention", "all"), default="attention")

    add("sizes", "the sizes of models", commands.sizes)


def _corpora(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpora", type=Path, help="folder of the files that training.corpus.ours reads")


def _target(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("target", type=Path, help=f"assistant_core/models/{kind}, or a folder to try")


if __name__ == "__main__":
    sys.exit(main())
