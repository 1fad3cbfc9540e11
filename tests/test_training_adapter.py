"""The user's own adapter, from what they taught to use, and the way there cut off."""

from __future__ import annotations

from pathlib import Path

import adapter_home
import chat_models
import pytest
from adapter_home import LINE, QUICK, Home, copy, files
from chat_models import Chat

from assistant_core.engine import progress, registry
from assistant_core.engine.adapted import FILE
from assistant_core.settings import Models, Settings, Training
from training import adapter, begun, publicset
from training.job import OutOfTimeError
from training.recipes import Recipe
from training.records import Row, Task

# peft asks transformers for a name that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

small, model, home, trained = adapter_home.small, adapter_home.model, adapter_home.home, adapter_home.trained


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
    home = copy(trained, tmp_path)
    home.teach(2, first=30)
    home.run("r2")
    decision = progress.decisions(home.paths)[-1]
    assert (decision.action, decision.version, decision.before) == ("keep", "r2", "r1")
    assert decision.scores["own_before"] == decision.scores["own_after"]
    assert home.version() == "r1"
    assert registry.versions("adapter", home.paths) == ["r1"]
    assert files(home.folder("r2")) == ["adapter.json"]


def test_what_was_tried_is_not_tried_again(tmp_path: Path, trained: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home = copy(trained, tmp_path)
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
    home = copy(trained, tmp_path)
    before = progress.decisions(home.paths)
    assert home.run(attempt=2).outcome("done", 0, "").decisions == (before[-1],)
    assert progress.decisions(home.paths) == before


@pytest.mark.parametrize("earlier", [None, "a1"])
def test_a_version_cut_off_before_its_decision_was_written_down_is_in_use(
    tmp_path: Path, trained: Home, model: Chat, earlier: str | None
) -> None:
    home = copy(trained, tmp_path)
    (home.paths.training / "decisions.jsonl").unlink()
    if earlier:
        chat_models.install(home.paths, model.gguf, trained.paths.models / "adapter" / "r1" / FILE, earlier)
    registry.use("adapter", "r1", home.paths)
    (decision,) = home.run(attempt=2).outcome("done", 0, "").decisions
    assert (decision.version, decision.action, decision.before) == ("r1", "promote", earlier)
    assert progress.decisions(home.paths)[-1] == decision


@pytest.mark.parametrize(
    ("recipe", "public", "damaged"),
    [(QUICK._replace(alpha=16), slice(None), False), (QUICK, slice(100), False), (QUICK, slice(None), True)],
)
def test_a_run_that_was_stopped_begins_anew_with_another_recipe_or_public_set(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    recipe: Recipe,
    public: slice,
    damaged: bool,  # noqa: FBT001 - a cell of the table
) -> None:
    with pytest.raises(OutOfTimeError):
        home.run(steps=5)
    rows = publicset.learning()[public]
    monkeypatch.setattr(adapter, "RECIPE", recipe)
    monkeypatch.setattr(publicset, "learning", lambda: rows)
    if damaged:
        (home.folder() / adapter.CHECKPOINTS / begun.FILE).write_text("{")
    with pytest.raises(OutOfTimeError):
        home.run(steps=2, attempt=2)
    assert [path.name for path in home.folder().glob("lora/checkpoint-*")] == ["checkpoint-2"]
