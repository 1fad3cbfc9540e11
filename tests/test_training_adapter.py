"""The user's own adapter, the whole way: real rows, real torch, a real chat model in llama.cpp, of a few kilobytes."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import chat_models
import personal_home
import pytest
import tiny_models
from chat_models import Chat
from versions import promote

from assistant_core.engine import chat, progress, registry, seal
from assistant_core.engine.adapted import FILE, Adapted
from assistant_core.engine.llm import Place as Where
from assistant_core.engine.progress import Progress
from assistant_core.errors import TrainingError
from assistant_core.records import Example
from assistant_core.settings import Models, Settings, Training
from assistant_core.store import Store
from training import adapter, commands, personal, publicset, safety
from training import seal as sealing
from training.job import Job, OutOfTimeError
from training.recipes import LINEAR, Recipe
from training.records import Row, Task
from training.workplace import User

# peft asks transformers for a name that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

LINE = "yak nap --by ~/barn"
QUICK = Recipe(
    rank=16,
    epochs=2,
    batch=8,
    accumulation=1,
    learning_rate=0.01,
    general=0.05,
    dropout=0.0,
    targets=LINEAR,
    save_every=1000,
)


class Home(personal_home.Place):
    """A home whose adapter is trained, one run after the other."""

    trains = staticmethod(adapter.run)

    def __init__(self, home: Path, model: Chat, *, encrypt: bool = False) -> None:
        training = Training(chat=str(model.folder), encrypt=encrypt)
        super().__init__(home, Settings(models=Models(chat=str(model.gguf)), training=training))

    def teach(self, count: int, first: int = 0, line: str = LINE) -> None:
        """Teach `count` requests, asked in different words."""
        with closing(Store(self.paths.history)) as store:
            for at in range(first, first + count):
                store.add_example(Example(at_ns=time.time_ns(), line=line, meaning=f"rest {at}"))

    def result(self, name: str = "r1") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(name) / adapter.RESULT).read_bytes())
        return {key: value for key, value in found.items() if key != "created"}

    def version(self) -> str | None:
        return registry.current("adapter", self.paths)

    def said(self, text: str) -> str:
        """What the chat model says with the adapter in use."""
        with closing(Adapted(self.paths, self.settings.models.chat, 1.0)) as adapted:
            return adapted.lines(chat.request(text), Where("/home/ann", "ann", "box")).lines[0][0]


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Learn faster than a real model can, and measure by less."""
    learning, fixed, items = publicset.learning()[:200], publicset.fixed()[:20], safety.items()[::8]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "RECIPE", QUICK)
        patch.setattr(publicset, "fixed", lambda: fixed)
        patch.setattr(publicset, "learning", lambda: learning)
        patch.setattr(safety, "items", lambda: items)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Chat:
    return chat_models.build(tmp_path_factory.mktemp("chat"), steps=40)


@pytest.fixture
def home(tmp_path: Path, model: Chat) -> Home:
    new = Home(tmp_path, model)
    new.teach(30)
    return new


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model: Chat) -> Home:
    """The same after one undisturbed run."""
    new = Home(tmp_path_factory.mktemp("trained"), model)
    new.teach(30)
    new.run()
    return new


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_from_what_was_taught_to_an_adapter_in_use(trained: Home, model: Chat) -> None:
    (decision,) = progress.decisions(trained.paths)
    assert (decision.action, decision.version, decision.before, len(decision.reasons)) == ("promote", "r1", None, 3)
    assert "on 6 lines of yours" in decision.reasons[0]
    found = registry.load("adapter", "r1", trained.paths)
    assert trained.version() == "r1"
    assert found.card.base == registry.described(model.gguf).sha256
    own, *others = ((each.source, each.licence, each.rows) for each in found.card.data)
    assert own == ("store", "private", 24)
    assert others
    assert found.card.scores["answered"] > found.card.scores["answered_before"]
    assert trained.said("rest 77") == LINE
    assert files(trained.folder().parent) == ["r1/adapter.json"]
    assert LINE not in (trained.folder() / "adapter.json").read_text()
    paths = [*trained.paths.training.rglob("*"), *trained.paths.models.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}


def test_what_is_no_better_than_the_adapter_in_use_stays_out(tmp_path: Path, trained: Home) -> None:
    home = _copy(trained, tmp_path)
    home.teach(2, first=30)
    home.run("r2")
    decision = progress.decisions(home.paths)[-1]
    assert (decision.action, decision.version, decision.before) == ("keep", "r2", "r1")
    assert decision.scores["own_before"] == decision.scores["own_after"]
    assert home.version() == "r1"
    assert registry.versions("adapter", home.paths) == ["r1"]
    assert files(home.folder("r2")) == ["adapter.json"]


def test_what_was_tried_is_not_tried_again(tmp_path: Path, trained: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home = _copy(trained, tmp_path)
    home.run("r2")
    assert "no new adapter: nothing was taught, corrected or called helpful since" in capsys.readouterr().err
    assert [decision.version for decision in progress.decisions(home.paths)] == ["r1"]
    assert home.version() == "r1"


def test_what_learnt_nothing_stays_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "RECIPE", QUICK._replace(learning_rate=0.0, epochs=1))
    home.run()
    assert progress.decisions(home.paths)[-1].action == "keep"
    assert home.version() is None


def test_an_adapter_of_another_chat_model_is_not_measured_by(home: Home, trained: Home, model: Chat) -> None:
    chat_models.install(home.paths, model.folder / "config.json", trained.paths.models / "adapter" / "r1" / FILE)
    home.run()
    assert home.version() == "r1"
    assert home.result()["scores"]["answered_before"] == trained.result()["scores"]["answered_before"]


@pytest.mark.parametrize(
    ("taught", "said"),
    [
        (0, "are 0 rows to learn from and 0 to measure by; 20 and 5 are needed"),
        (24, "are 19 rows to learn from and 5 to measure by"),
    ],
)
def test_too_few_rows_are_told_and_no_failure(
    tmp_path: Path, model: Chat, capsys: pytest.CaptureFixture[str], taught: int, said: str
) -> None:
    home = Home(tmp_path, model)
    home.teach(taught)
    assert home.run().outcome("done", 0, "").decisions == ()
    assert said in capsys.readouterr().err
    assert files(home.folder()) == []


@pytest.mark.parametrize(
    ("chat_", "folder", "said"),
    [
        ("chat.gguf", "", ""),
        ("", "chat", "no adapter: training.chat is set and models.chat, the same model in GGUF, is empty"),
        ("", "", ""),
    ],
)
def test_without_the_model_in_both_forms_nothing_is_trained(
    home: Home, capsys: pytest.CaptureFixture[str], chat_: str, folder: str, said: str
) -> None:
    home.settings = Settings(models=Models(chat=chat_), training=Training(chat=folder))
    assert home.run().outcome("done", 0, "").decisions == ()
    told = capsys.readouterr().err
    assert said in told
    assert ("no adapter" in told) == bool(said)


# --- which rows ----------------------------------------------------------------------------------------------------


def rows(*texts: str, task: Task = "request") -> list[Row]:
    """Rows of one task, one after the other; "old" is when nobody knows."""
    return [
        Row(task=task, texts=(text, "ls"), source="test", licence="private", at_ns=None if text == "old" else at)
        for at, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("given", "share", "learning", "held"),
    [
        (rows("a", "b", "c", "d", "e"), 0.2, "abcd", "e"),
        (rows("a", "b", "c", "d", "e"), 0.4, "abc", "de"),
        (rows("a", "b"), 0.2, "ab", ""),
        (rows("old", "a", "b"), 0.99, ["old"], "ab"),
        (rows("a b", "c", "d", "B, a!", "E"), 0.4, ["c", "d"], ["B, a!", "E"]),  # the same words
        (rows("...", "..", "c", "..."), 0.25, ["..", "c"], ["..."]),
        ([*rows("a", "b", "c", task="fix"), *rows("a", "d", "e")], 0.34, ["a", "b", "a", "d"], ["c", "e"]),
        ([*rows("a", "b", task="fix"), *rows("b", "a")], 0.5, ["a", "b"], ["b", "a"]),  # each task by itself
        ([], 0.2, "", ""),
    ],
)
def test_the_newest_of_each_task_are_held_out(
    given: list[Row], share: float, learning: list[str] | str, held: list[str] | str
) -> None:
    found = adapter.split(given, share)
    assert [[row.texts[0] for row in part] for part in found] == [list(learning), list(held)]


def test_what_the_guard_would_stop_and_secrets_are_not_learnt(home: Home) -> None:
    home.teach(1, 30, "rm -rf /")
    home.teach(1, 31, "mysql --password=hunter2hunter2")
    home.teach(5, 32)  # which are held out
    with pytest.raises(OutOfTimeError):
        home.run(steps=1)
    chosen = (home.folder() / adapter.CHOSEN).read_bytes()
    assert [word in chosen for word in (b"rest 1", b"rm -rf", b"mysql")] == [True, False, False]


# --- stopped, cut off ----------------------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on_with_the_same_rows_as_if_it_had_not_been(home: Home, trained: Home) -> None:
    with pytest.raises(OutOfTimeError, match="the next run goes on from here"):
        home.run(steps=5)
    assert "lora/checkpoint-5/trainer_state.json" in files(home.folder())
    home.teach(10, first=30, line="okapi sleep")
    steps = 24 * 4 * QUICK.epochs // QUICK.batch
    with pytest.raises(OutOfTimeError):
        home.run(steps=steps, attempt=2)  # the last while it measures
    assert (home.folder() / "adapter" / FILE).exists()
    assert home.version() is None
    home.run(attempt=3)
    assert home.result() == trained.result()
    assert home.version() == "r1"


def test_a_version_that_was_put_to_use_is_not_made_again(tmp_path: Path, trained: Home) -> None:
    home = _copy(trained, tmp_path)
    before = progress.decisions(home.paths)
    assert home.run(attempt=2).outcome("done", 0, "").decisions == (before[-1],)
    assert progress.decisions(home.paths) == before


@pytest.mark.parametrize("earlier", [None, "a1"])
def test_a_version_cut_off_before_its_decision_was_written_down_is_in_use(
    tmp_path: Path, trained: Home, model: Chat, earlier: str | None
) -> None:
    home = _copy(trained, tmp_path)
    (home.paths.training / "decisions.jsonl").unlink()
    if earlier:
        chat_models.install(home.paths, model.gguf, trained.paths.models / "adapter" / "r1" / FILE, earlier)
    registry.use("adapter", "r1", home.paths)
    (decision,) = home.run(attempt=2).outcome("done", 0, "").decisions
    assert (decision.version, decision.action, decision.before) == ("r1", "promote", earlier)
    assert progress.decisions(home.paths)[-1] == decision


def _copy(trained: Home, folder: Path) -> Home:
    home = Home(folder, Chat(Path(trained.settings.training.chat), Path(trained.settings.models.chat)))
    shutil.copytree(trained.paths.data, home.paths.data)
    return home


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
    ("spoilt", "said"),
    [
        ({"folder": "/nowhere"}, "training.chat is '/nowhere', where config.json tells no shape"),
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
