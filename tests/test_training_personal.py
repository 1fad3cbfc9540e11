"""The user's own model, the whole way: real history, real torch, real llama.cpp, of a size that takes seconds."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs [train]")

import personal_home
import personas
import training_process
from personal_home import COMMANDS, PLAIN, Place, install
from program import record

from assistant_core.engine import progress, registry, seal
from assistant_core.engine.llm import FILE
from assistant_core.engine.progress import Outcome
from assistant_core.errors import ModelError, SealError, TrainingError
from assistant_core.records import Command
from assistant_core.settings import Paths, Settings, Training
from training import deploy, job, personal, reopen, tokenizer, workplace
from training import seal as sealing
from training.job import OutOfTimeError

LONG = 14  # characters of a line that nothing else of ours would hold
SEALED = Settings(training=Training(encrypt=True))
small, built = personal_home.small, personal_home.built


@pytest.fixture
def place(tmp_path: Path, built: Path) -> Place:
    """A history of six days and a tiny model in use."""
    new = Place(tmp_path)
    record(new.paths.history, COMMANDS)
    install(new, built)
    return new


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Place:
    """The same after one undisturbed run."""
    new = Place(tmp_path_factory.mktemp("trained"))
    record(new.paths.history, COMMANDS)
    install(new, built)
    (new.folder("cut") / "trainer").mkdir(parents=True)
    (new.folder("cut") / "contexts.npz").write_bytes(b"of a run that was never gone on with")
    new.run()
    return new


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_from_the_history_to_a_model_in_use(trained: Place) -> None:
    (_, decision) = progress.decisions(trained.paths)
    assert (decision.action, decision.before, len(decision.reasons)) == ("promote", "base", 3)
    model = trained.model()
    assert (model.version, model.card.base) == ("r1", "base")
    assert [each.source for each in model.card.data].count("store") == 1
    assert model.card.scores["keystrokes_saved"] > model.card.scores["keystrokes_saved_before"]
    assert any(line.startswith("git ") for line in trained.completed("git "))
    found = [*trained.paths.training.rglob("*"), *trained.paths.models.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in found if path.is_file()} == {0o600}


def test_nothing_of_the_users_lines_stays_in_a_runs_folder(trained: Place) -> None:
    assert files(trained.folder().parent) == ["r1/result.json"]
    text = (trained.folder() / "result.json").read_text()
    assert [line for line in {command.line for command in COMMANDS} if len(line) > LONG and line in text] == []


def test_what_is_no_better_is_not_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal, "LEARNING_RATE", 0.0)
    place.run()
    assert progress.decisions(place.paths)[-1].action == "keep"
    assert place.model().version == "base"
    assert registry.versions("command", place.paths) == ["base"]
    assert files(place.folder()) == ["result.json"]


def test_a_run_that_is_out_of_time_goes_on_and_ends_as_if_it_had_not_been(place: Place, trained: Place) -> None:
    with pytest.raises(OutOfTimeError, match="the next run goes on from here"):
        place.run(steps=5)
    assert "trainer/checkpoint-5/trainer_state.json" in files(place.folder())
    assert place.model().version == "base"
    record(place.paths.history, [Command(line="echo later", session="s", started_ns=personas.START_NS)])
    place.run(attempt=2)
    assert place.result() == trained.result()
    assert place.model().card.files == trained.model().card.files


def test_another_model_put_to_use_meanwhile_is_what_is_gone_on_from(place: Place, built: Path) -> None:
    with pytest.raises(OutOfTimeError):
        place.run(steps=2)
    install(place, built, "other")
    place.run(attempt=2)
    assert place.result()["base"] == "other"
    assert progress.decisions(place.paths)[-1].before == "other"


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ((), "0 sessions of closed days: too few"),
        (COMMANDS[:4], "1 sessions of closed days: too few"),
        ([Command(line="ls", session="s")] * 9, "1 sessions of closed days: too few"),
        ([Command(line="ls", session="s", started_ns=time.time_ns())] * 9, "0 sessions of closed days: too few"),
    ],
)
def test_too_few_days_are_said(tmp_path: Path, built: Path, commands: list[Command], said: str) -> None:
    new = Place(tmp_path)
    record(new.paths.history, commands)
    install(new, built)
    with pytest.raises(TrainingError, match=said + r" .*; wait a day"):
        new.run()
    assert files(new.folder()) == []
    assert new.model().version == "base"


def test_without_time_a_run_is_stopped_and_not_failed(environ: dict[str, str], paths: Paths, tmp_path: Path) -> None:
    fake = training_process.install(environ, tmp_path)
    with training_process.begin({**fake, "LATE": "1"}) as process:
        assert b"too late" in process.communicate()[0]
    last = progress.read(paths, Outcome)
    assert last
    assert (process.returncode, last.state, last.error) == (job.INTERRUPTED, "stopped", "too late")
    assert job.resumable(paths)


# --- a vocabulary that no longer fits ------------------------------------------------------------------------


Rows = np.ndarray[Any, np.dtype[np.float32]]


def embedding(place: Place, version: str) -> dict[str, Rows]:
    """The row of each piece."""
    model = registry.load("command", version, place.paths)
    weights = reopen.reopen(model.files[FILE]).model.embed_tokens.weight.detach().numpy()
    return dict(zip(tokenizer.Tokenizer(model.files["tokenizer.model"]).pieces(), weights, strict=True))


def recognised(old: list[Rows], new: list[Rows]) -> float:
    """The share of the new rows that are nearer to their own old one than to any other."""
    apart = np.linalg.norm(np.stack(new)[:, None] - np.stack(old)[None], axis=2)
    return float((apart.argmin(axis=1) == np.arange(len(old))).mean())


def test_a_vocabulary_that_drifted_is_learnt_anew_and_what_was_known_is_kept(tmp_path: Path, built: Path) -> None:
    place = Place(tmp_path)
    record(place.paths.history, COMMANDS)
    install(place, built, tokens_per_byte=0.2)
    texts = [command.line for command in COMMANDS]
    assert tokenizer.drift(texts, tokenizer.Tokenizer(built / "tokenizer.model"), 0.2) > personal.DRIFT
    place.run()
    model = place.model()
    assert model.version == "r1"
    assert any(line.startswith("git ") for line in place.completed("git "))
    before, after = embedding(place, "base"), embedding(place, "r1")
    kept = sorted(before.keys() & after.keys())
    assert after.keys() - before.keys()
    assert recognised([before[piece] for piece in kept], [after[piece] for piece in kept]) > 0.9
    own = tokenizer.Tokenizer(model.files["tokenizer.model"])
    assert tokenizer.drift(texts, own, model.card.scores["tokens_per_byte"]) == pytest.approx(0, abs=personal.DRIFT / 2)


# --- sealed --------------------------------------------------------------------------------------------------


def test_whatever_holds_lines_or_was_made_of_them_is_sealed(
    tmp_path: Path, built: Path, trained: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)  # the user's own is none of ours
    place = Place(tmp_path, SEALED)
    record(place.paths.history, COMMANDS)
    install(place, built)
    with pytest.raises(OutOfTimeError):
        place.run(steps=5)
    folders = (place.paths.training / "raw", place.paths.training / "processed", place.folder())
    data = [file for folder in folders for file in folder.iterdir() if file.is_file() and file.suffix != ".json"]
    assert {file.suffix for file in data} == {".arrow", ".bin", ".npz", ".msgpack"}
    assert [file for file in data if not seal.is_sealed(file)] == []
    assert files(place.folder()) == ["contexts.npz", "set.msgpack"]
    in_memory = sealing.in_memory(place.paths)
    assert "r1/trainer/checkpoint-5/model.safetensors" in files(in_memory)
    place.run(attempt=2)
    assert not in_memory.exists()
    model = place.model()
    assert model.version == "r1"
    assert [name for name, file in model.files.items() if not seal.is_sealed(file)] == []
    lines = {command.line.encode() for command in COMMANDS if len(command.line) > LONG}
    found = [file for folder in (place.paths.training, place.paths.models) for file in folder.rglob("*")]
    assert [file for file in found if file.is_file() and any(line in file.read_bytes() for line in lines)] == []
    assert place.completed("git ") == trained.completed("git ")
    (place.paths.state / "seal.key").unlink()
    with pytest.raises(ModelError, match="there is no key"):
        registry.load("command", "r1", place.paths)


@pytest.mark.parametrize(("first", "then"), [(PLAIN, SEALED), (SEALED, PLAIN)])
def test_a_run_that_is_to_be_sealed_or_no_longer_begins_anew_and_leaves_nothing_open(  # noqa: PLR0913, PLR0917 - a table and fixtures
    tmp_path: Path, built: Path, trained: Place, monkeypatch: pytest.MonkeyPatch, first: Settings, then: Settings
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)
    place = Place(tmp_path, first)
    record(place.paths.history, COMMANDS)
    install(place, built)
    with pytest.raises(OutOfTimeError):
        place.run(steps=5)
    place.settings = then
    with pytest.raises(OutOfTimeError):
        place.run(steps=2, attempt=2)
    left = {name: place.folder() / name for name in files(place.folder())}
    if then is SEALED:
        assert [name for name, file in left.items() if not seal.is_sealed(file)] == []
    else:
        assert not sealing.place_in_memory(place.paths).exists()
    place.run(attempt=3)
    assert place.completed("git ") == trained.completed("git ")
    assert not sealing.place_in_memory(place.paths).exists()


def test_a_sealed_run_that_fails_leaves_nothing_in_memory(
    tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)
    place = Place(tmp_path, SEALED)
    record(place.paths.history, COMMANDS[:4])
    install(place, built)
    with pytest.raises(TrainingError, match="wait a day"):
        place.run()
    assert not sealing.place_in_memory(place.paths).exists()
    monkeypatch.setattr(workplace, "MEMORY", 2**60)
    with pytest.raises(SealError, match=r"MB free, expected 1,099,511,627,776 MB .*--shm-size"):
        place.run("r2")


def test_a_sealed_run_whose_memory_is_gone_begins_anew(
    tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)
    place = Place(tmp_path, SEALED)
    record(place.paths.history, COMMANDS)
    install(place, built, tokens_per_byte=0.2)  # so the contexts are in a vocabulary that is gone, too
    with pytest.raises(OutOfTimeError):
        place.run(steps=5)
    shutil.rmtree(sealing.in_memory(place.paths))
    place.run(attempt=2)
    assert place.model().version == "r1"
    assert any(line.startswith("git ") for line in place.completed("git "))


# --- cut off while it deployed -------------------------------------------------------------------------------


def test_a_version_that_was_put_to_use_is_not_made_again(trained: Place) -> None:
    before = progress.decisions(trained.paths)
    again = trained.run(attempt=2)
    assert again.outcome("done", 0, "").decisions == (before[-1],)
    assert progress.decisions(trained.paths) == before
    assert trained.model().version == "r1"


def test_a_version_cut_off_before_its_decision_was_written_down_is_in_use(place: Place) -> None:
    log = place.paths.training / "decisions.jsonl"
    log.unlink()
    again = place.run("base", attempt=2)
    (decision,) = progress.decisions(place.paths)
    assert again.outcome("done", 0, "").decisions == (decision,)
    assert (decision.version, decision.action, decision.before) == ("base", "promote", None)


@pytest.mark.parametrize("card", [False, True])
def test_a_version_cut_off_on_its_way_into_use_is_made_again(
    place: Place,
    trained: Place,
    card: bool,  # noqa: FBT001 - a cell of the table
) -> None:
    left = place.paths.models / "command" / "r1"
    shutil.copytree(trained.paths.models / "command" / "r1", left)
    if not card:
        (left / registry.CARD).unlink()
    assert deploy.settled(place.paths, "command", "r1", os.environ) is None
    assert not left.exists()
    assert place.model().version == "base"
