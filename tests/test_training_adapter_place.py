"""Where an adapter is trained: sealed, beside the command model, with the wrong model."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import adapter_home
import pytest
import tiny_models
from adapter_home import LINE, Home, files
from chat_models import Chat
from versions import promote

from assistant_core.engine import adapted, seal
from assistant_core.engine.adapted import FILE
from assistant_core.engine.progress import Progress
from assistant_core.errors import TrainingError
from assistant_core.settings import Models, Settings, Training
from training import adapter, commands, personal
from training import seal as sealing
from training.job import Job, OutOfTimeError
from training.workplace import User

# peft asks transformers for a name that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

small, model, home, trained = adapter_home.small, adapter_home.model, adapter_home.home, adapter_home.trained


# --- sealed ----------------------------------------------------------------------------------------------------------


def test_whatever_holds_rows_or_was_made_of_them_is_sealed(
    tmp_path: Path, model: Chat, trained: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)  # the user's own is none of ours
    home = Home(tmp_path, model, encrypt=True)
    home.teach(30)
    monkeypatch.setattr(Home, "trains", staticmethod(_both))
    promote(home.paths, "r1")  # the command model of this run is settled
    with pytest.raises(OutOfTimeError):
        home.run(steps=5)
    assert files(home.folder()) == [adapter.CHOSEN]
    assert seal.is_sealed(home.folder() / adapter.CHOSEN)
    in_memory = sealing.in_memory(home.paths)
    assert "r1/lora/checkpoint-5/trainer_state.json" in files(in_memory)
    home.run(attempt=2)
    assert not in_memory.exists()
    assert home.result()["scores"] == trained.result()["scores"]
    assert seal.is_sealed(home.paths.models / "adapter" / "r1" / FILE)
    assert home.said("rest 77") == trained.said("rest 77")
    found = [file for folder in (home.paths.training, home.paths.models) for file in folder.rglob("*")]
    assert [file for file in found if file.is_file() and LINE.encode() in file.read_bytes()] == []


def _both(job: Job, user: User, clear: Path) -> None:
    personal.run(job, user, clear)
    adapter.run(job, user, clear)


def test_a_run_that_is_no_longer_to_be_sealed_begins_anew(
    tmp_path: Path, model: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs [seal]")
    monkeypatch.setitem(sys.modules, "keyring", None)
    home = Home(tmp_path, model, encrypt=True)
    home.teach(30)
    with pytest.raises(OutOfTimeError):
        home.run(steps=1)
    home.settings = home.settings._replace(training=home.settings.training._replace(encrypt=False))
    with pytest.raises(OutOfTimeError):
        home.run(steps=1, attempt=2)
    assert not sealing.place_in_memory(home.paths).exists()
    assert not seal.is_sealed(home.folder() / adapter.CHOSEN)
    assert "lora/checkpoint-1/trainer_state.json" in files(home.folder())


# --- beside the command model ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "said", "version"),
    [
        ("{chat}", "no command model: 0 sessions of closed days: too few .*; wait a day$", "r1"),
        ("chat", "no command model: .*; wait a day; no adapter: training.chat is 'chat', which is another one", None),
    ],
)
def test_what_was_taught_is_learnt_by_those_who_typed_nothing_yet(
    home: Home, model: Chat, folder: str, said: str, version: str | None
) -> None:
    training = Training(chat=folder.format(chat=model.folder))
    home.settings = home.settings._replace(training=training)
    now = time.time_ns()
    job = Job(home.paths, Progress(run="r1", started_ns=now, updated_ns=now), time.monotonic() + 600, None)
    with pytest.raises(TrainingError, match=said):
        commands.learn_own(job, home.paths, home.settings, home.environ)
    assert [each.version for each in job.outcome("failed", 0, "").decisions] == [version] * bool(version)
    assert home.version() == version
    assert files(home.folder()) == [adapter.RESULT] * bool(version)


# --- the wrong model -------------------------------------------------------------------------------------------------


def test_another_model_is_told_before_it_learns_and_the_command_model_is_in_use(
    home: Home, model: Chat, tmp_path: Path
) -> None:
    other = shutil.copytree(model.folder, tmp_path / "other")
    tiny_models.changed(other / "config.json", hidden_size=32)
    home.settings = home.settings._replace(training=Training(chat=str(other)))
    decision = promote(home.paths, "r1")
    now = time.time_ns()
    job = Job(home.paths, Progress(run="r1", started_ns=now, updated_ns=now), time.monotonic() + 600, None)
    with pytest.raises(
        TrainingError, match=r"no adapter: models\.chat .+ is not the model in .+: hidden_size 64, not 32"
    ):
        commands.learn_own(job, home.paths, home.settings, home.environ)
    assert [each.version for each in job.outcome("failed", 0, "").decisions] == [decision.version]
    assert not (home.folder() / adapter.CHECKPOINTS).exists()


@pytest.mark.parametrize(
    ("name", "megabytes", "width", "bf16", "said"),
    [
        ("big.gguf", 2000, "float32", False, "big.gguf needs 2.0 GB of memory, and 1.0 GB are available"),
        ("model-2.safetensors", 1200, "float32", False, "other needs 1.2 GB of memory, and 1.0 GB are available"),
        ("model-2.safetensors", 1200, "float32", True, ""),
        ("model-2.safetensors", 600, "bfloat16", False, "other needs 1.2 GB"),
        ("model-2.safetensors", 600, "bfloat16", True, ""),
        ("model-2.safetensors", 600, None, False, ""),
        ("other.safetensors", 2000, "float32", True, ""),
    ],
)
def test_what_memory_does_not_hold_is_not_learnt(  # noqa: PLR0913, PLR0917 - fixtures and a row of the table
    home: Home,
    model: Chat,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    megabytes: int,
    width: str | None,
    bf16: bool,  # noqa: FBT001 - a cell of the table
    said: str,
) -> None:
    other = shutil.copytree(model.folder, tmp_path / "other")
    tiny_models.changed(other / "config.json", dtype=width)
    (other / name).touch()
    os.truncate(other / name, megabytes * 10**6)
    models = Models(chat=str(other / name)) if name.endswith(".gguf") else home.settings.models
    home.settings = home.settings._replace(models=models, training=Training(chat=str(other)))
    (tmp_path / "meminfo").write_text("MemAvailable: 976562 kB\n")
    monkeypatch.setattr(adapted, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(adapter, "has_bf16", lambda: bf16)
    with pytest.raises(TrainingError if said else OutOfTimeError, match=said or "not time enough"):
        home.run(steps=1)


def test_a_template_that_refuses_is_told_before_it_learns_and_nothing_that_was_taught(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_models, "TEMPLATE", "{{ raise_exception('not ' + messages[1].content) }}")
    words = tiny_models.vocabulary(tmp_path / "tokenizer.model")
    folder = tiny_models.chat_folder(tmp_path / "other", words.size)
    gguf = tiny_models.chat_gguf(folder, words.file, tmp_path / "other" / "chat.gguf")
    home.settings = Settings(models=Models(chat=str(gguf)), training=Training(chat=str(folder)))
    with pytest.raises(TrainingError, match=r"no adapter: .*its chat template cannot be used") as raised:
        home.run()
    assert "rest 1" not in str(raised.value)
    assert files(home.folder()) == []


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"folder": "/nowhere"}, "training.chat is '/nowhere', where config.json tells no shape"),
        ({"folder": "chat"}, "training.chat is 'chat', which is another one in every folder; name it from / or ~ on"),
        ({"config": "[]"}, "where config.json tells no shape of a model"),
        ({"config": "{"}, "where config.json tells no shape of a model"),
        ({"config": '{"hidden_size": 64}'}, "KeyError.'num_hidden_layers'"),
        ({"gguf": "/nowhere.gguf"}, "models.chat is '/nowhere.gguf': there is no such file"),
        ({"gguf": "/etc/passwd"}, "/etc/passwd"),
    ],
)
def test_what_is_no_chat_model_is_named(
    home: Home, model: Chat, tmp_path: Path, spoilt: dict[str, str], said: str
) -> None:
    (tmp_path / "config.json").write_text(spoilt.get("config", "{}"))
    models = Models(chat=spoilt.get("gguf", str(model.gguf)))
    home.settings = Settings(models=models, training=Training(chat=spoilt.get("folder", str(tmp_path))))
    with pytest.raises(TrainingError, match=f"no adapter: .*{said}"):
        home.run()
