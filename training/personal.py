"""The user's own command model, from shards to deployment: what `:train now` and the nightly timer run.

In: the history, what else the settings name, the model in use. Out: a new version that went into use, or the reasons
why it did not. The way:

    store -> days (shards) -> months (tokens) -> contexts -> trained on from the model in use -> GGUF
          -> measured on the newest lines, the fixed public set, the safety set -> deployed or not

A run that is stopped goes on from its last checkpoint, on the same contexts; nothing of it stays but its result.
"""

from __future__ import annotations

import io
import random
import shutil
import time
from collections import Counter
from contextlib import ExitStack, closing
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from assistant_core.engine import registry
from assistant_core.engine.calibration import SCORE
from assistant_core.engine.prompt import Piece
from assistant_core.engine.registry import Card, Data
from assistant_core.errors import TrainingError
from assistant_core.redact import MARK
from assistant_core.store import Store
from training import (
    corpus,
    deploy,
    examples,
    forgetting,
    measuring,
    publicset,
    reopen,
    seal,
    shards,
    tokens,
    trainer,
    workplace,
)
from training import tokenizer as vocabulary
from training.corpus import Machine, Skips, guard, read, store
from training.corpus.clean import clean
from training.deploy import Comparison
from training.evaluate import tasks
from training.examples import Example, Packed
from training.job import OutOfTimeError
from training.measuring import Steps
from training.records import Row
from training.trainer import Plan
from training.workplace import NotMadeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.job import Job
    from training.tokenizer import Tokenizer
    from training.workplace import User

EPOCHS = 3
BATCH = 8  # contexts a step
STEPS = 1000  # at the most: 2 million tokens, a quarter of an hour at the 2,500 tokens/s of one busy core
LEARNING_RATE = 5e-4
DRIFT = 0.5  # more tokens a byte than usual, from which on a vocabulary of its own pays; at .27 it did not
USUAL = "tokens_per_byte"  # of a card's scores: what the vocabulary needs for what it was learnt from
MEASURED = 300  # of the user's newest lines, about, that are typed to measure
VOCABULARY = "tokenizer.model"
OPEN = ("model", "weights", "trainer")  # folders of weights
CONTEXTS, SET = "contexts.npz", "set.msgpack"  # what a run learns from and is measured by, kept until it ends


class _Base(NamedTuple):
    """The model in use, its files readable."""

    model: registry.Model
    gguf: Path
    words: Tokenizer


class _Held(msgspec.Struct, frozen=True):
    """What a run is measured by, how many rows it learns from, and how well its vocabulary fits them."""

    base: str  # version that it goes on from
    own_words: bool  # whether the contexts are in a vocabulary of the run's own
    rows: list[Row]
    learned: int
    further: list[Data]  # what else is learned from
    tokens_per_byte: float | None


def run(job: Job, user: User, clear: Path) -> None:
    """Train, measure, decide; weights lie in `clear` (training.workplace) until then.

    Raises AssistantError, NotMadeError where there is too little to learn from; what was in use before stays in use.
    """
    if decision := deploy.settled(user.paths, "command", job.run, user.environ):
        job.decided(decision)
    else:
        _trained(job, user, clear)
    _forget(job.folder)
    _forget(clear)


def _trained(job: Job, user: User, clear: Path) -> None:
    with ExitStack() as stack:
        base = _opened(user, stack)
        learning, held = _set(job, user, base, clear)
        job.rows = held.learned
        job.report("training")
        model = reopen.reopen(base.gguf)
        words = vocabulary.Tokenizer(clear / VOCABULARY) if held.own_words else base.words
        if words is not base.words:
            reopen.adopt(model, base.words, words)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        plan, watch = _plan(len(learning.tokens)), workplace.watcher(job, "training")
        if trainer.train(model, learning, None, clear / "trainer", plan, watcher=watch) is None:
            raise OutOfTimeError(workplace.LATE)
        job.report("export")
        folder = clear / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copyfile(words.file, folder / VOCABULARY)
        learnt = forgetting.export_blend(model, before, base.gguf, words.file, folder, steps=_steps(job, "export"))
        job.report("measuring")
        comparison, card = _measured(job, base, folder, held, learnt)
        job.report("deciding")
        job.decided(deploy.settle(user.paths, comparison, folder, card, user.environ, key=user.key))


def _opened(user: User, stack: ExitStack) -> _Base:
    model = registry.active("command", user.paths)
    gguf, words = (
        stack.enter_context(registry.open_file(model, name, user.paths)) for name in ("command.gguf", VOCABULARY)
    )
    return _Base(model, gguf, vocabulary.Tokenizer(words))


def _set(job: Job, user: User, base: _Base, clear: Path) -> tuple[Packed, _Held]:
    """Return what to learn from and what to measure by: of an earlier attempt at this run if it had the same base."""
    key = user.key
    if (job.folder / SET).exists() and seal.agrees(job.folder / SET, key):
        with seal.opened(job.folder / SET, key) as plain:
            held = msgspec.msgpack.decode(plain.read_bytes(), type=_Held)
        if held.base == base.model.version and held.own_words == (clear / VOCABULARY).exists():
            with seal.opened(job.folder / CONTEXTS, key) as plain, np.load(plain) as arrays:
                return Packed(arrays["tokens"], arrays["labels"]), held
    _forget(job.folder)
    _forget(clear)
    learning, held = _gathered(job, user, base, clear)
    written = io.BytesIO()
    np.savez(written, tokens=learning.tokens, labels=learning.labels)
    seal.write(job.folder / CONTEXTS, written.getbuffer(), key)
    seal.write(job.folder / SET, msgspec.msgpack.encode(held), key)  # last: it makes the run one to go on with
    return learning, held


def _gathered(job: Job, user: User, base: _Base, clear: Path) -> tuple[Packed, _Held]:
    paths, key = user.paths, user.key
    raw, processed = paths.training / "raw", paths.training / "processed"
    job.report("days")
    with closing(Store(paths.history)) as history:
        shards.update(history, raw, home=user.environ.get("HOME", ""), key=key)
    rows = [row for day in shards.read(raw, key=key) for row in shards.sessions(day)]
    cut = _cut(rows, user.settings.training.validation)
    held = [row for row in rows if row.at_ns is not None and row.at_ns > cut]
    if not held:
        found = f"{len(rows)} sessions of closed days"
        raise NotMadeError(f"no command model: {found}: too few to learn from and to measure by; wait a day")
    words, fit = _vocabulary(clear, [row for row in rows if row.at_ns is None or row.at_ns <= cut], base)
    job.report("tokens")
    tokens.update(raw, processed, lambda row: examples.encode(row, words), words.file, key=key)
    own = list(_examples(processed, key, cut))
    taught = [row for row in _taught(user) if row.at_ns is None or row.at_ns <= cut]
    own += [example for row in taught for example in examples.encode(row, words) for _ in range(round(row.weight))]
    known = {text for row in held for text in row.texts}
    offered = [row for row in _offered(job, user) if known.isdisjoint(row.texts)]
    further = _further(offered, words, sum(len(example.tokens) for example in own))
    if not own:
        raise NotMadeError("no command model: nothing to learn from, no example fits a context")
    all_own = [*own, *(example for _, example in further)]
    learning = examples.pack([*all_own, *forgetting.replayed(words, sum(len(each.tokens) for each in all_own))], seed=0)
    counted = Counter((row.source, row.licence) for row, _ in further)
    sources = [Data(source=source, licence=licence, rows=rows) for (source, licence), rows in counted.items()]
    return learning, _Held(base.model.version, words is not base.words, _sampled(held), len(own), sources, fit)


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
    """Yield what the user taught, corrected and judged, and variants of lines with rare programs; no secret was in any.

    Sessions come from the shards.
    """
    places = {store.NAME: [user.paths.history], guard.NAME: [user.paths.guard_corrections]}
    rows = read(places, Machine.here(user.environ), Skips(), seed=0)
    return (row for row in rows if row.task != "session" and MARK not in "".join(row.texts))


def _offered(job: Job, user: User) -> Iterator[Row]:
    """Yield what else the user wants learned from, clean; a source that gives nothing is told."""
    for each in user.settings.training.sources:
        skips = Skips()
        try:
            rows = list(clean(read(corpus.places([each]), Machine.here(user.environ), skips)))
        except TrainingError as error:
            job.note(f"training.sources: {error}; it is left out")
            continue
        if not rows:
            reasons = "; ".join(dict.fromkeys(reason for _, reason in skips.counts)) or "no commands in it"
            job.note(f"training.sources: {each!r} gives nothing to learn from: {reasons}")
        yield from rows


def _further(offered: list[Row], words: Tokenizer, most: int) -> list[tuple[Row, Example]]:
    """Return examples of what is offered by chance, up to `most` tokens."""
    found = [(row, example) for row in offered for example in examples.encode(row, words)]
    random.Random(0).shuffle(found)  # noqa: S311 - a sample, not a secret
    lengths = accumulate(len(example.tokens) for _, example in found)
    return [pair for pair, length in zip(found, lengths, strict=True) if length <= most]


def _vocabulary(clear: Path, rows: list[Row], base: _Base) -> tuple[Tokenizer, float | None]:
    """Return the vocabulary in use, or one learnt from `rows` where they have drifted too far from it.

    And its usual tokens a byte, None where they are unknown.
    """
    usual = base.model.card.scores.get(USUAL)
    texts = [text for row in rows for text in row.texts]
    if usual is None or vocabulary.drift(texts, base.words, usual) <= DRIFT:
        return base.words, usual
    public = [text for row in publicset.learning() for text in row.texts]
    own = vocabulary.train([*texts, *public], clear / VOCABULARY, base.words.size)
    return own, 1 + vocabulary.drift(texts, own, 1)


def _plan(contexts: int) -> Plan:
    steps = min(max(EPOCHS * contexts // BATCH, 1), STEPS)
    return Plan(
        steps=steps,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        warmup=max(steps // 10, 1),
        save_every=max(steps // 10, 1),
        compile=False,  # which needs a C++ compiler
    )


def _steps(job: Job, phase: str) -> Steps:
    return Steps(lambda done, total: job.report(phase, done, total))


def _measured(job: Job, base: _Base, folder: Path, held: _Held, learnt: float) -> tuple[Comparison, Card]:
    """Put both models to the user's newest lines, the public set and the safety set."""
    shown = tuple(piece.value for piece in Piece)
    steps = _steps(job, "measuring")
    steps.expect(2 * measuring.expected(held.rows))
    before = measuring.scores(base.gguf, held.rows, base.model.card.pieces.get("trained", ()), steps)
    after = measuring.scores(folder / "command.gguf", held.rows, shown, steps)
    difference = tasks.better(after.saved, before.saved)
    public = max(before.public, base.model.card.scores.get(deploy.PUBLIC, 0))  # else a point might be lost each night
    comparison = Comparison(
        kind="command",
        version=job.run,
        own_before=before.saved.mean,
        own_after=after.saved.mean,
        p=difference.p,
        own_lines=len(after.saved.values),
        public_before=public,
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
        data=_sources(base, held),
        scores={
            "keystrokes_saved": after.saved.mean,
            "keystrokes_saved_before": before.saved.mean,
            "gain_95": [difference.low, difference.high],
            "learnt": learnt,
            "public": after.public,
            deploy.PUBLIC: public,
            "not_safe": list(after.safe.stopped),
            USUAL: held.tokens_per_byte,
            SCORE: after.calibration._asdict(),
        },
        command="python -m training run",
        base=base.model.version,
        trained_on=workplace.hardware(),
        pieces={"trained": shown},
    )
    seal.write(job.folder / "result.json", msgspec.json.format(msgspec.json.encode(card)))
    return comparison, card


def _sources(base: _Base, held: _Held) -> tuple[Data, ...]:
    """Return what the new model has learned from, and what the one before had."""
    own = (Data(source=store.NAME, licence="private", rows=held.learned), *held.further)
    named = {each.source for each in own}
    return (*own, *(each for each in base.model.card.data if each.source not in named))


def _forget(folder: Path) -> None:
    """Delete what a run leaves of the user's lines: contexts, checkpoints, what it was measured by."""
    for name in (SET, CONTEXTS, VOCABULARY):  # the first of them makes the others count
        (folder / name).unlink(missing_ok=True)
    for name in OPEN:
        shutil.rmtree(folder / name, ignore_errors=True)
