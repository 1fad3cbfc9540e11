"""What the commands of `python -m training` do: arguments in, an exit code out.

Each imports what it needs when it is called: torch takes seconds, and most commands do without.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant_core import settings
from assistant_core.errors import TrainingError
from training.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from assistant_core.settings import Paths, Settings
    from training.job import Job
    from training.runs import Step

SHOWN = 20  # steps between two lines of progress where no terminal shows a bar


def run(arguments: argparse.Namespace) -> int:
    """Train the user's own models; tell why not if the machine is not idle. Raises TrainingError in private mode."""
    from training import job, schedule  # noqa: PLC0415 - see the head of this file

    places = settings.paths(os.environ)
    current = settings.load(os.environ, places.settings)
    watch = schedule.watch(places, current) if arguments.scheduled else None
    if watch is not None and (reason := schedule.turn(places, current, watch)):
        sys.stdout.write(f"not now: {reason}\n")
        return 0
    if current.record.private:
        raise TrainingError("private mode is on and nothing is learned; `assistant private off` ends it")
    return job.work(places, current, lambda under_way: learn_own(under_way, places, current, os.environ), watch)


def learn_own(job: Job, paths: Paths, current: Settings, environ: Mapping[str, str]) -> None:
    """Train the command model, then the adapter. Raises AssistantError; what the other came to stays then."""
    from training import adapter, personal, workplace  # noqa: PLC0415 - after `work` has set the number of threads

    user = workplace.User(paths, current, environ)
    reasons: list[str] = []
    with workplace.opened(job, user) as clear:
        for train in (personal.run, adapter.run):
            try:
                train(job, user, clear)
            except workplace.NotMadeError as error:
                reasons.append(str(error))
    if reasons:
        raise TrainingError("; ".join(reasons))


def corpus(arguments: argparse.Namespace) -> int:
    """Print what could be learnt from, as a table."""
    from rich.console import Console  # noqa: PLC0415 - see the head of this file

    from training import corpus  # noqa: PLC0415 - see the head of this file
    from training.corpus.clean import clean  # noqa: PLC0415 - see the head of this file
    from training.tokenizer import Tokenizer  # noqa: PLC0415 - see the head of this file

    skips = corpus.Skips()
    own = corpus.personal(settings.paths(os.environ), os.environ)
    rows = clean(corpus.read(corpus.places(arguments.places) or own, corpus.Machine.here(os.environ), skips))
    encode = Tokenizer(arguments.tokenizer).encode if arguments.tokenizer else None
    console = Console()
    console.print(corpus.report(rows, encode))
    if skips.counts:
        console.print(skips.table())
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    """Write vocabulary and contexts."""
    from training import public  # noqa: PLC0415 - see the head of this file

    with _whole(arguments.folder) as folder:
        public.prepare(arguments.corpora, folder, pieces=arguments.pieces, tell=_note)
    return 0


def learn(arguments: argparse.Namespace) -> int:
    """Train on what `prepare` wrote."""
    from training import public  # noqa: PLC0415 - see the head of this file
    from training.trainer import Plan  # noqa: PLC0415 - see the head of this file

    fields = ("steps", "batch", "accumulation", "learning_rate", "warmup", "seed")
    plan = Plan(**{name: getattr(arguments, name) for name in fields})
    weights = public.learn(arguments.folder, arguments.start or arguments.size, plan, show)
    return 0 if weights is None else draw(weights.parent)


def export(arguments: argparse.Namespace) -> int:
    """Write weights as GGUF."""
    from training import export  # noqa: PLC0415 - see the head of this file

    export.to_gguf(arguments.checkpoint, arguments.tokenizer, arguments.out, kind=arguments.kind)
    return 0


def release(arguments: argparse.Namespace) -> int:
    """Write the command model that ships."""
    from training import release  # noqa: PLC0415 - see the head of this file

    made = release.Made(
        version=arguments.version,
        command=arguments.made_by,
        trained_on=arguments.trained_on,
        rows=release.learned(arguments.corpora),
    )
    with _whole(arguments.target) as target:
        return _tell(release.release(arguments.weights, arguments.folder, target, made).scores)


def pairs(arguments: argparse.Namespace) -> int:
    """Write the known requests that ship."""
    from training import pairs  # noqa: PLC0415 - see the head of this file

    with _whole(arguments.target) as target:
        return _tell(pairs.release(arguments.corpora, target).scores)


def ranking(arguments: argparse.Namespace) -> int:
    """Learn anew how the proposals of the known requests are ordered."""
    from training import pairs  # noqa: PLC0415 - see the head of this file

    with _whole(arguments.target) as target:
        return _tell(pairs.rank(arguments.target, target).scores)


def embedding(arguments: argparse.Namespace) -> int:
    """Write the embedding that ships."""
    from training import embedding_release  # noqa: PLC0415 - see the head of this file

    end = "\r" if sys.stderr.isatty() else "\n"

    def watch(done: int, steps: int, loss: float) -> None:
        if done % SHOWN == 0:
            sys.stderr.write(f"step {done} of about {steps}, loss {loss:.3f}{end}")

    with _whole(arguments.target) as target:
        return _tell(embedding_release.release(arguments.corpora, target, arguments.changes, watch).scores)


def evaluate(arguments: argparse.Namespace) -> int:
    """Score models beside their opponents; one JSON."""
    from training.evaluate import models, report  # noqa: PLC0415 - see the head of this file

    folders = models.Folders(arguments.command, arguments.pairs, arguments.embedding)
    result = models.evaluate(
        arguments.corpora, folders, requests=arguments.requests, most=arguments.most, seed=arguments.seed
    )
    if arguments.out is None:
        sys.stdout.buffer.write(report.encoded(result))
    else:
        report.write(result, arguments.out)
    return 0


def lora(arguments: argparse.Namespace) -> int:
    """Train an adapter."""
    from training import corpus, export, lora, publicset  # noqa: PLC0415 - see the head of this file
    from training.corpus.clean import clean  # noqa: PLC0415 - see the head of this file

    skips = corpus.Skips()
    rows = list(clean(corpus.read({"instructions": [arguments.rows]}, corpus.Machine.here(os.environ), skips)))
    if not rows:
        found = "; ".join(f"{reason} ({', '.join(places)})" for (_, reason), places in skips.places.items())
        expected = "expected JSON lines of instruction, input, output"
        raise TrainingError(f"{arguments.rows} holds nothing to learn from: {found or 'no rows'}; {expected}")
    changed = {name: value for name in Recipe._fields if (value := getattr(arguments, name, None)) is not None}
    recipe = RECIPES[arguments.recipe]._replace(**changed)
    adapter = lora.train(arguments.base, rows, publicset.learning(), arguments.folder, recipe=recipe, watcher=show)
    if adapter is None:
        return 0
    export.adapter_to_gguf(adapter, arguments.base / "config.json", arguments.folder / "adapter.gguf")
    return draw(arguments.folder)


def sizes(_: argparse.Namespace) -> int:
    """Print the sizes of models."""
    from training.model import SIZES  # noqa: PLC0415 - see the head of this file

    for name, shape in SIZES.items():
        sys.stdout.write(
            f"{name:6} " + ", ".join(f"{value} {field}" for field, value in shape._asdict().items()) + "\n"
        )
    return 0


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a folder to write to; what is in it takes the place of what is in `target` when all of it is there."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".new-") as new:
        yield Path(new)
        for file in Path(new).iterdir():
            file.replace(target / file.name)


def draw(folder: Path) -> int:
    """Draw the curves of the run in `folder`."""
    from training import curves, trainer  # noqa: PLC0415 - see the head of this file

    if _is_first():
        log = json.loads((folder / trainer.LOG).read_bytes())
        drawn = curves.terminal(log["steps"])
        sys.stdout.write(f"{drawn}\n" * bool(drawn) + f"{folder / 'curves.html'}\n")
    return 0


def _is_first() -> bool:
    """Return whether this is the only process of a run, or the one of several that speaks for all."""
    return os.environ.get("RANK", "0") == "0"


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")


def _tell(scores: dict[str, object]) -> int:
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in scores.items()))
    return 0


def show(step: Step) -> bool:
    """Draw a progress bar with loss and speed; lines now and then where there is no terminal. Never ends a run."""
    if not _is_first():
        return True
    loss = "" if step.loss is None else f" loss {step.loss:.3f}"
    text = f"{step.done}/{step.total}{loss} {step.tokens_per_s:,.0f} tokens/s"
    if sys.stderr.isatty():
        full = 30 * step.done // step.total
        sys.stderr.write(f"\r{'█' * full}{'·' * (30 - full)} {text} " + ("\n" if step.done == step.total else ""))
    elif step.done % SHOWN == 0 or step.done == step.total:
        sys.stderr.write(text + "\n")
    sys.stderr.flush()
    return True
