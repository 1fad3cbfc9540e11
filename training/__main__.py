"""The table of contents: `python -m training COMMAND`.

run         the user's own model, from the history to deployment; `:train now` and the timer call it
corpus      count what could be learnt from: rows, tokens, licences
prepare     our corpora -> vocabulary and contexts, for the model that ships
learn       contexts -> weights; under torchrun on as many processes as it starts
export      weights -> GGUF
lora        a chat model and JSON lines of requests -> an adapter
sizes       the sizes of models
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from assistant_core import settings
from assistant_core.errors import AssistantError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.job import Job
    from training.runs import Step

SHOWN = 20  # steps between two lines of progress where no terminal shows a bar


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="the user's own model, from the history to deployment")
    run.add_argument("--scheduled", action="store_true", help="wait until the machine is idle, or for another night")
    run.set_defaults(call=_run)

    corpus = commands.add_parser("corpus", help="count what could be learnt from")
    corpus.add_argument("places", nargs="*", metavar="SOURCE=PATH", help="default: what is the user's own")
    corpus.add_argument("--tokenizer", type=Path, help="count tokens of this vocabulary instead of characters")
    corpus.set_defaults(call=_corpus)

    prepare = commands.add_parser("prepare", help="our corpora to vocabulary and contexts")
    prepare.add_argument("corpora", type=Path)
    prepare.add_argument("folder", type=Path)
    prepare.add_argument("--pieces", type=int, default=8192)
    prepare.set_defaults(call=_prepare)

    learn = commands.add_parser("learn", help="contexts to weights")
    learn.add_argument("folder", type=Path, help="what `prepare` wrote to")
    learn.add_argument("--size", default="small")
    learn.add_argument("--steps", type=int, required=True)
    learn.add_argument("--batch", type=int, default=32, help="contexts a process and step")
    learn.add_argument("--accumulation", type=int, default=1)
    learn.add_argument("--learning-rate", type=float, default=2e-3)
    learn.add_argument("--warmup", type=int, default=100, help="steps")
    learn.add_argument("--seed", type=int, default=0)
    learn.set_defaults(call=_learn)

    export = commands.add_parser("export", help="weights to GGUF")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("tokenizer", type=Path)
    export.add_argument("out", type=Path)
    export.add_argument("--kind", choices=("f32", "f16", "q8_0", "q4_0"), default="q8_0")
    export.set_defaults(call=_export)

    lora = commands.add_parser("lora", help="a chat model and rows to an adapter")
    lora.add_argument("base", type=Path, help="folder of a chat model as transformers saves it")
    lora.add_argument("rows", type=Path, help="JSON lines of instruction, input, output")
    lora.add_argument("folder", type=Path)
    lora.add_argument("--recipe", choices=("attention", "all"), default="attention")
    lora.set_defaults(call=_lora)

    commands.add_parser("sizes", help="the sizes of models").set_defaults(call=_sizes)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from training import job, schedule  # noqa: PLC0415 - each command imports what it needs: torch takes seconds

    places = settings.paths(os.environ)
    current = settings.load(os.environ, places.settings)
    watch = schedule.watch(places, current) if arguments.scheduled else None
    if watch is not None and (reason := schedule.turn(places, current, watch)):
        sys.stdout.write(f"not now: {reason}\n")
        return 0

    def pipeline(under_way: Job) -> None:
        from training import personal  # noqa: PLC0415 - after `work` has set the number of threads

        personal.run(under_way, personal.User(places, current, os.environ))

    return job.work(places, current, pipeline, watch)


def _corpus(arguments: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415 - see _run

    from training import corpus  # noqa: PLC0415 - see _run
    from training.corpus.clean import clean  # noqa: PLC0415 - see _run
    from training.tokenizer import Tokenizer  # noqa: PLC0415 - see _run

    places: dict[str, list[Path]] = defaultdict(list)
    for place in arguments.places:
        name, _, path = place.partition("=")
        places[name].append(Path(path))
    skips = corpus.Skips()
    own = corpus.personal(settings.paths(os.environ), os.environ)
    rows = clean(corpus.read(places or own, corpus.Machine.here(os.environ), skips))
    encode = Tokenizer(arguments.tokenizer).encode if arguments.tokenizer else None
    console = Console()
    console.print(corpus.report(rows, encode))
    if skips.counts:
        console.print(skips.table())
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from training import public  # noqa: PLC0415 - see _run

    public.prepare(arguments.corpora, arguments.folder, pieces=arguments.pieces)
    return 0


def _learn(arguments: argparse.Namespace) -> int:
    from training import public  # noqa: PLC0415 - see _run
    from training.trainer import Plan  # noqa: PLC0415 - see _run

    fields = ("steps", "batch", "accumulation", "learning_rate", "warmup", "seed")
    plan = Plan(**{name: getattr(arguments, name) for name in fields})
    public.learn(arguments.folder, arguments.size, plan, _show)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from training import export  # noqa: PLC0415 - see _run

    export.to_gguf(arguments.checkpoint, arguments.tokenizer, arguments.out, kind=arguments.kind)
    return 0


def _lora(arguments: argparse.Namespace) -> int:
    from training import corpus, export, lora, publicset  # noqa: PLC0415 - see _run

    skips = corpus.Skips()
    rows = list(corpus.read({"instructions": [arguments.rows]}, corpus.Machine.here(os.environ), skips))
    recipe = lora.RECIPES[arguments.recipe]
    adapter = lora.train(arguments.base, rows, publicset.learning(), arguments.folder, recipe=recipe, watcher=_show)
    if adapter is not None:
        export.adapter_to_gguf(adapter, arguments.base / "config.json", arguments.folder / "adapter.gguf")
    return 0


def _sizes(_: argparse.Namespace) -> int:
    from training.model import SIZES  # noqa: PLC0415 - see _run

    for name, shape in SIZES.items():
        sys.stdout.write(
            f"{name:6} " + ", ".join(f"{value} {field}" for field, value in shape._asdict().items()) + "\n"
        )
    return 0


def _show(step: Step) -> bool:
    """Draw a progress bar with loss and speed; lines now and then where there is no terminal. Never ends a run."""
    loss = "" if step.loss is None else f" loss {step.loss:.3f}"
    text = f"{step.done}/{step.total}{loss} {step.tokens_per_s:,.0f} tokens/s"
    if sys.stderr.isatty():
        full = 30 * step.done // step.total
        sys.stderr.write(f"\r{'█' * full}{'·' * (30 - full)} {text} " + ("\n" if step.done == step.total else ""))
    elif step.done % SHOWN == 0 or step.done == step.total:
        sys.stderr.write(text + "\n")
    sys.stderr.flush()
    return True


if __name__ == "__main__":
    sys.exit(main())
