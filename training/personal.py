"""The user's own command model, from shards to deployment: what `:train now` and the nightly timer run.

In: the history, the model in use. Out: a new version that went into use, or the reasons why it did not. The way:

    store -> days (shards) -> months (tokens) -> contexts -> trained on from the model in use -> GGUF
          -> measured on the newest lines, the fixed public set, the safety set -> deployed or not

A run that is stopped goes on from its last checkpoint, on the same contexts; nothing of it stays but its result.
"""

from __future__ import annotations

import random
import shutil
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import torch

from assistant_core.engine import registry
from assistant_core.engine.calibration import SCORE, Calibration
from assistant_core.engine.command import CommandModel
from assistant_core.engine.prompt import Piece
from assistant_core.engine.registry import Card, Data
from assistant_core.errors import TrainingError
from assistant_core.store import Store
from training import (
    calibrate,
    deploy,
    examples,
    export,
    publicset,
    reopen,
    safety,
    seal,
    shards,
    tokens,
    trainer,
)
from training import tokenizer as vocabulary
from training.corpus import Machine, Skips, guard, read, store
from training.deploy import Comparison
from training.evaluate import tasks
from training.evaluate.model import CommandPredictor
from training.evaluate.tasks import Measure
from training.examples import Example, Packed
from training.records import Row
from training.trainer import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from assistant_core.settings import Paths, Settings
    from training.job import Job
    from training.runs import Step, Watcher
    from training.tokenizer import Tokenizer

EPOCHS = 3
BATCH = 8  # contexts a step
LEARNING_RATE = 5e-4
DRIFT = 0.25  # more tokens a byte than usual, from which on a vocabulary of its own pays
REPLAYED = 0.25  # share of public rows in what is learnt, against forgetting
MEASURED = 300  # of the user's newest lines, about, that are typed to measure
OBSERVED = 1500  # questions from which the calibration is fitted
SET = "set.msgpack"  # what a run learns from and is measured by, kept until it ends


class User(NamedTuple):
    """Whose model it is."""

    paths: Paths
    settings: Settings
    environ: Mapping[str, str]


class _Base(NamedTuple):
    """The model in use, its files readable."""

    model: registry.Model
    gguf: Path
    words: Tokenizer


class _Held(msgspec.Struct, frozen=True):
    """What a run is measured by, and how many rows it learns from."""

    rows: list[Row]
    learned: int


def run(job: Job, user: User) -> None:
    """Train, measure, decide. Raises AssistantError; what was in use before stays in use then."""
    with ExitStack() as stack:
        base = _opened(user, stack)
        learning, held = _set(job, user, base)
        job.rows = held.learned
        job.report("training")
        model = reopen.reopen(base.gguf)
        words = _words(job, base)
        if words is not base.words:
            reopen.adopt(model, base.words, words)
        plan = _plan(len(learning.tokens))
        weights = trainer.train(model, learning, None, job.folder / "trainer", plan, watcher=_watcher(job))
        if weights is None:
            raise TrainingError("there was not time enough to end; the next run goes on from here")
        job.report("export")
        folder = job.folder / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        export.to_gguf(weights, words.file, folder / "command.gguf")
        shutil.copyfile(words.file, folder / "tokenizer.model")
        job.report("measuring")
        comparison, card = _measured(job, base, folder, held)
        job.report("deciding")
        job.decided(deploy.settle(user.paths, comparison, folder, card, user.environ))
        _clear(job.folder)


def _opened(user: User, stack: ExitStack) -> _Base:
    model = registry.active("command", user.paths)
    gguf, words = (
        stack.enter_context(registry.open_file(model, name, user.paths)) for name in ("command.gguf", "tokenizer.model")
    )
    return _Base(model, gguf, vocabulary.Tokenizer(words))


def _set(job: Job, user: User, base: _Base) -> tuple[Packed, _Held]:
    """Return what to learn from and what to measure by: of an earlier attempt at this run if there is one."""
    contexts, measured = job.folder / "contexts.npz", job.folder / SET
    if not measured.exists():
        learning, held = _gathered(job, user, base)
        np.savez(contexts, tokens=learning.tokens, labels=learning.labels)
        measured.write_bytes(msgspec.msgpack.encode(held))
        return learning, held
    with np.load(contexts) as arrays:
        return Packed(arrays["tokens"], arrays["labels"]), msgspec.msgpack.decode(measured.read_bytes(), type=_Held)


def _gathered(job: Job, user: User, base: _Base) -> tuple[Packed, _Held]:
    paths = user.paths
    key = seal.key_of(paths) if user.settings.training.encrypt else None
    raw, processed = paths.training / "raw", paths.training / "processed"
    job.report("days")
    with closing(Store(paths.history)) as history:
        shards.update(history, raw, home=user.environ.get("HOME", ""), key=key)
    rows = [row for day in shards.read(raw, key=key) for row in shards.sessions(day)]
    cut = _cut(rows, user.settings.training.validation)
    held = [row for row in rows if row.at_ns is not None and row.at_ns > cut]
    if not held:
        raise TrainingError(f"{len(rows)} sessions of closed days: too few to learn from and to measure by; wait a day")
    words = _vocabulary(job, rows, base)
    job.report("tokens")
    tokens.update(raw, processed, lambda row: examples.encode(row, words), words.file, key=key)
    own = list(_examples(processed, key, cut))
    taught = [row for row in _taught(user) if row.at_ns is None or row.at_ns <= cut]
    own += [example for row in taught for example in examples.encode(row, words) for _ in range(round(row.weight))]
    if not own:
        raise TrainingError("nothing to learn from: no example fits a context")
    return examples.pack_examples([*own, *_replayed(words, len(own))], seed=0), _Held(_sampled(held), len(own))


def _cut(rows: list[Row], share: float) -> int:
    """Return the time after which the newest `share` of the lines lie."""
    times = sorted(row.at_ns for row in rows for _ in row.texts if row.at_ns is not None)
    return times[max(len(times) - 1 - round(len(times) * share), 0)] if times else 0


def _sampled(rows: list[Row]) -> list[Row]:
    """Return sessions by chance until they hold MEASURED lines."""
    chosen: list[Row] = []
    for row in random.Random(0).sample(rows, len(rows)):  # noqa: S311 - a sample, not a secret
        chosen.append(row)
        if sum(len(each.texts) for each in chosen) >= MEASURED:
            break
    return chosen


def _examples(processed: Path, key: bytes | None, cut: int) -> Iterator[Example]:
    for month in tokens.read(processed, key=key):
        for at_ns, numbers, wanted in month.examples():
            if at_ns is None or at_ns <= cut:
                yield Example(numbers.tolist(), wanted.tolist())


def _taught(user: User) -> Iterator[Row]:
    """Yield what the user taught, corrected and judged; the sessions themselves come from the shards."""
    places = {store.NAME: [user.paths.history], guard.NAME: [user.paths.guard_corrections]}
    rows = read(places, Machine.here(user.environ), Skips())
    return (row for row in rows if row.task != "session")


def _replayed(words: Tokenizer, own: int) -> list[Example]:
    wanted = round(own * REPLAYED / (1 - REPLAYED))
    rows = publicset.learning()[:wanted]
    return [example for row in rows for example in examples.encode(row, words)]


def _vocabulary(job: Job, rows: list[Row], base: _Base) -> Tokenizer:
    """Return the vocabulary in use, or one learnt from `rows` where they have drifted too far from it."""
    usual = base.model.card.scores.get("tokens_per_byte")
    texts = [text for row in rows for text in row.texts]
    if usual is None or vocabulary.drift(texts, base.words, usual) <= DRIFT:
        return base.words
    public = [text for row in publicset.learning() for text in row.texts]
    return vocabulary.train([*texts, *public], job.folder / "tokenizer.model", base.words.size)


def _words(job: Job, base: _Base) -> Tokenizer:
    own = job.folder / "tokenizer.model"
    return vocabulary.Tokenizer(own) if own.exists() else base.words


def _plan(contexts: int) -> Plan:
    steps = max(EPOCHS * contexts // BATCH, 1)
    return Plan(
        steps=steps,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        warmup=max(steps // 10, 1),
        save_every=max(steps // 10, 1),
    )


def _watcher(job: Job) -> Watcher:
    def watch(step: Step) -> bool:
        job.report("training", step.done, step.total, loss=step.loss, tokens_per_s=step.tokens_per_s)
        return job.gate.wait()

    return watch


class _Scores(NamedTuple):
    """What a model was measured to do."""

    saved: Measure
    public: float
    safe: safety.Result
    calibration: Calibration


def _measured(job: Job, base: _Base, folder: Path, held: _Held) -> tuple[Comparison, Card]:
    """Put both models to the user's newest lines, the public set and the safety set."""
    threads = torch.get_num_threads()
    shown = tuple(piece.value for piece in Piece)
    before = _scores(base.gguf, held.rows, base.model.card.pieces.get("trained", ()))
    after = _scores(folder / "command.gguf", held.rows, shown)
    difference = tasks.better(after.saved, before.saved)
    comparison = Comparison(
        kind="command",
        version=job.run,
        own_before=before.saved.mean,
        own_after=after.saved.mean,
        p=difference.p,
        own_lines=len(after.saved.values),
        public_before=before.public,
        public_after=after.public,
        safety_passed=after.safe.passed,
        safety_lines=after.safe.items,
        measure="keystrokes saved",
        before=base.model.version,
    )
    card = Card(
        kind="command",
        version=job.run,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        files={},
        data=(Data(source="store", licence="private", rows=held.learned), *base.model.card.data),
        scores={
            "keystrokes_saved": after.saved.mean,
            "keystrokes_saved_before": before.saved.mean,
            "gain_95": [difference.low, difference.high],
            "public": after.public,
            "public_before": before.public,
            "not_safe": list(after.safe.stopped),
            "tokens_per_byte": base.model.card.scores.get("tokens_per_byte"),
            SCORE: after.calibration._asdict(),
        },
        command="python -m training run",
        base=base.model.version,
        trained_on=torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {threads} threads",
        pieces={"trained": shown},
    )
    (job.folder / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)))
    return comparison, card


def _scores(gguf: Path, rows: list[Row], trained: Sequence[str]) -> _Scores:
    """Measure a model on `rows`, without telling it what it has no pieces for."""
    known = [
        msgspec.structs.replace(
            row,
            exits=row.exits if Piece.EXIT in trained else (),
            directory=row.directory if Piece.DIRECTORY in trained else "",
        )
        for row in rows
    ]
    with closing(CommandModel(gguf)) as model:
        return _Scores(
            saved=tasks.typing(CommandPredictor(model), known)["saved by line"],
            public=publicset.score(model),
            safe=safety.check(model),
            calibration=calibrate.fit(calibrate.observe(model, known, most=OBSERVED)),
        )


def _clear(folder: Path) -> None:
    """Delete what a run leaves of the user's lines: contexts, checkpoints, what it was measured by."""
    for name in ("contexts.npz", SET, "tokenizer.model"):
        (folder / name).unlink(missing_ok=True)
    for name in ("model", "trainer"):
        shutil.rmtree(folder / name, ignore_errors=True)
