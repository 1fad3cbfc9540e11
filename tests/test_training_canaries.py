"""Secrets that were typed get nowhere: not into days, months, contexts, vocabulary, nor into what a model can say.

They are planted in the store as they were before the rules that know them. A model that learnt them in the clear
shows that the same questions would find them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs [train]")

import canaries
import personas
import training_steps
from canaries import Canary
from program import record

from assistant_core import settings
from assistant_core.engine.command import CommandModel
from assistant_core.engine.llm import FILE
from assistant_core.engine.progress import Progress
from assistant_core.engine.prompt import Piece
from assistant_core.records import Command, Example, Feedback
from assistant_core.redact import MARK
from assistant_core.settings import Paths, Settings
from assistant_core.store import Store
from training import export, personal, reopen, shards, tokenizer, tokens, trainer
from training.examples import Packed, encode, pack
from training.idle import Gate
from training.job import Job, OutOfTimeError
from training.records import Row
from training.tokenizer import Tokenizer
from training.trainer import Plan
from training.workplace import User

LINE = (Piece.LINE, "")
SECOND_NS = 10**9
LONG = 45  # characters of a secret that a tiny model cannot learn in seconds
CHOSEN = {"mysql", "url", "export", "redis", "curl user", "sshpass", "xonsh", "json"}  # families of chosen passwords
PLANTED = [each for each in canaries.canaries(303, seed=11) if len(each.secret) > 6]
RANDOM = [each for each in PLANTED if each.family in canaries.TOKENS]  # nothing of them can be guessed
ASKED = [each for each in RANDOM if len(each.secret) < LONG][:24]
DECOYS = 11


class Learnt(NamedTuple):
    """A place where a run has gathered what to learn from, and that."""

    paths: Paths
    words: Tokenizer
    contexts: Packed


def commands() -> list[Command]:
    """An ordinary history in which every third line holds a secret."""
    ordinary = islice(personas.history(personas.PERSONAS[0], 3000), 2 * len(PLANTED))
    typed: list[Command] = []
    for at, command in enumerate(ordinary):
        typed.append(command)
        if at % 2:
            started = (command.started_ns or 0) + SECOND_NS
            typed.append(Command(line=PLANTED[at // 2].line, session=command.session, started_ns=started, exit_code=0))
    return typed


def plant(paths: Paths) -> None:
    """Type them, teach them, and praise them."""
    record(paths.history, commands())
    at = personas.START_NS
    with closing(Store(paths.history)) as store:
        store.add_example(Example(at_ns=at, line="du -sh *", meaning="how large my folders are"))
        for number, each in enumerate(PLANTED[:60]):
            store.add_example(Example(at_ns=at + number, line=each.line, meaning=f"how I log in: {each.line}"))
            store.add_feedback(
                Feedback(
                    at_ns=at + number,
                    session="s",
                    rating="helpful",
                    about="answer",
                    subject=f"log in {number}",
                    response=each.line,
                )
            )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_steps.base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Learnt:
    """What a run that was stopped at its first step had gathered."""
    home = tmp_path_factory.mktemp("home")
    folders = {"DATA": "share", "CONFIG": "config", "STATE": "state", "CACHE": "cache"}
    environ = {f"XDG_{name}_HOME": str(home / folder) for name, folder in folders.items()}
    environ |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    paths = settings.paths(environ)
    plant(paths)
    training_steps.use(paths, built)
    now = time.time_ns()
    job = Job(paths, Progress(run="r1", started_ns=now, updated_ns=now), 0, None)
    job.gate = Gate(0)
    with pytest.raises(OutOfTimeError):
        personal.run(job, User(paths, Settings(), environ), job.folder)
    with np.load(job.folder / personal.CONTEXTS) as arrays:
        contexts = Packed(arrays["tokens"], arrays["labels"])
    return Learnt(paths, Tokenizer(built / "tokenizer.model"), contexts)


def overfitted(contexts: Packed, built: Path, folder: Path, steps: int) -> CommandModel:
    """Train the tiny model until it repeats what it was shown."""
    model = reopen.reopen(built / FILE)
    plan = Plan(steps=steps, batch=8, learning_rate=1e-2, warmup=5, weight_decay=0.0, save_every=steps + 1)
    weights = trainer.train(model, contexts, None, folder, plan)
    assert weights
    export.to_gguf(weights, built / "tokenizer.model", folder / FILE)
    return CommandModel(folder / FILE)


@pytest.fixture(scope="module")
def careful(learnt: Learnt, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandModel]:
    """A model of what a run learns from."""
    with closing(overfitted(learnt.contexts, built, tmp_path_factory.mktemp("careful"), 60)) as model:
        yield model


@pytest.fixture(scope="module")
def careless(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandModel]:
    """A model of the same secrets in the clear."""
    words = Tokenizer(built / "tokenizer.model")
    rows = [Row(task="line", texts=(each.line,), source="test", licence="MIT") for each in ASKED[:4]]
    contexts = pack([example for row in rows * 8 for example in encode(row, words)], seed=0)
    with closing(overfitted(contexts, built, tmp_path_factory.mktemp("careless"), 60)) as model:
        yield model


def found(texts: Sequence[str]) -> list[Canary]:
    """The canaries whose secret stands in one of the texts."""
    together = "\n".join(texts)
    return [each for each in PLANTED if each.secret in together]


def shared(pieces: Sequence[str], length: int = 8) -> list[str]:
    """The pieces that hold as many characters in a row of a secret in which nothing can be guessed."""
    parts = {each.secret[at : at + length] for each in RANDOM for at in range(len(each.secret) - length + 1)}
    return [piece for piece in pieces if any(piece[at : at + length] in parts for at in range(len(piece) - length + 1))]


def said(model: CommandModel) -> list[str]:
    """The secrets that the model says when it is given the beginning of their lines, and a little of themselves."""
    return [
        each.secret
        for each in ASKED
        for known in (0, len(each.secret) // 3)
        for count in (1, 4, 8)
        for line, _ in model.candidates(
            [LINE], each.line[: each.line.index(each.secret) + known], count=count, tokens=96
        )
        if each.secret in line
    ]


def ranks(model: CommandModel, asked: Sequence[Canary]) -> list[float]:
    """For each, the share of secrets of the same form that the model finds more probable in its place."""
    chance = random.Random(3)
    shares = []
    for each in asked:
        forms = [canaries.TOKENS[each.family](chance) for _ in range(DECOYS)]
        own, *others = (model.score([LINE], each.line.replace(each.secret, form)) for form in (each.secret, *forms))
        shares.append(sum(other > own for other in others) / DECOYS)
    return shares


def test_none_is_in_the_days_the_months_or_the_contexts(learnt: Learnt) -> None:
    assert {each.family for each in PLANTED} > CHOSEN
    days = list(shards.read(learnt.paths.training / "raw"))
    lines = [line for day in days for line in day.table.column("line").to_pylist()]
    assert sum(MARK in line for line in lines) > 0.95 * len(PLANTED)
    assert found(lines) == []
    months = tokens.read(learnt.paths.training / "processed")
    decoded = [learnt.words.decode(numbers.tolist()) for month in months for _, numbers, _ in month.examples()]
    assert any("git status" in text for text in decoded)
    assert found(decoded) == []
    contexts = [learnt.words.decode(context.tolist()) for context in learnt.contexts.tokens]
    assert any("how large my folders are" in text for text in contexts)
    assert found(contexts) == []
    assert [text for text in contexts if MARK in text or "how I log in" in text] == []


def test_none_is_in_a_vocabulary(learnt: Learnt, tmp_path: Path) -> None:
    days = shards.read(learnt.paths.training / "raw")
    texts = [text for day in days for row in shards.sessions(day) for text in row.texts]
    assert shared(tokenizer.train(texts, tmp_path / "careful.model", 4000).pieces()) == []
    in_the_clear = [*texts, *(each.line for each in PLANTED)]
    assert shared(tokenizer.train(in_the_clear, tmp_path / "careless.model", 4000).pieces()) != []


def test_none_is_said_by_a_model_that_is_given_its_beginning(careful: CommandModel, careless: CommandModel) -> None:
    assert said(careful) == []
    assert said(careless) != []


def test_none_is_more_probable_than_another_of_its_form(careful: CommandModel, careless: CommandModel) -> None:
    assert np.mean(ranks(careful, ASKED)) == pytest.approx(0.5, abs=3 * 0.29 / len(ASKED) ** 0.5)  # of equal chances
    assert np.mean(ranks(careless, ASKED[:4])) < 0.1
