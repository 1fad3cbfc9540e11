"""What the command model is asked and offers: sessions, exit codes, folders, names, versions; what it means."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import Any

import command_models
import msgspec
import pytest

from assistant_core.engine import calibration, registry
from assistant_core.engine.calibration import Calibration
from assistant_core.engine.llm import Completion, Place
from assistant_core.engine.prompt import Piece
from assistant_core.errors import ModelError
from assistant_core.records import Query
from assistant_core.settings import Paths, Training

PLACE = Place("/home/ada", "ada", "engine")
DEFAULT = Training()


def offered(
    paths: Paths, text: str, *before: tuple[str, int | None], place: Place = PLACE, training: Training = DEFAULT
) -> dict[str, tuple[float, str]]:
    with closing(Completion(paths, training)) as model:
        found = model.offer(Query(text=text, cwd=str(paths.data)), before, place)
    return {each.line: (each.probability, each.source) for each in found}


@pytest.fixture
def installed(paths: Paths, knowing: Path) -> Paths:
    command_models.install(paths, knowing)
    return paths


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("zebra --st", "zebra --stripes 40"),
        ("  zebra --st", "  zebra --stripes 40"),
        ("y", "yak shave"),
        ("rm -r", command_models.DANGEROUS),  # which others keep from being shown
        ("visit ", "visit ada@engine"),
        ("visit ada", "visit ada@engine"),
        ("zebra feed ", "zebra feed ~/barn/hay"),
        ("zebra feed /home/ada/b", "zebra feed /home/ada/barn/hay"),
        ("zebra feed /home/ada", "zebra feed /home/ada/barn/hay"),
    ],
)
def test_a_line_is_completed_with_the_names_of_this_machine(installed: Paths, text: str, line: str) -> None:
    probability, source = offered(installed, text)[line]
    assert 0.5 < probability <= 1
    assert source == "model v1"


def test_a_model_that_learnt_nothing_private_is_not_told_names(paths: Paths, knowing: Path) -> None:
    command_models.install(paths, knowing, data=())
    assert "visit {user}@{host}" in offered(paths, "visit ")
    assert "zebra feed /home/ada/barn/hay" in offered(paths, "zebra feed /home/ada/b")


@pytest.mark.parametrize(
    ("before", "trained", "line"),
    [
        ((("quagga run", 2),), tuple(Piece), "quagga repair"),
        ((("quagga run", 0),), tuple(Piece), "quagga done"),
        ((("quagga run", None),), tuple(Piece), "quagga done"),
        ((("quagga run", 2),), (Piece.LINE,), "quagga done"),  # a piece that it never saw would only confuse it
        ((("yak shave", 0), ("quagga run", 2)), tuple(Piece), "quagga repair"),
    ],
)
def test_the_lines_before_and_how_they_ended_count(
    paths: Paths, knowing: Path, before: tuple[tuple[str, int | None], ...], trained: tuple[Piece, ...], line: str
) -> None:
    command_models.install(paths, knowing, pieces={"trained": tuple(piece.value for piece in trained)})
    found = offered(paths, "quagga ", *before)
    assert max(found, key=lambda each: found[each][0]) == line


@pytest.mark.parametrize(
    ("git_root", "trained", "line"),
    [
        ("/srv", tuple(Piece), "okapi push"),
        ("", tuple(Piece), "okapi rest"),
        ("/srv", (Piece.LINE,), "okapi rest"),
    ],
)
def test_the_kind_of_folder_counts(
    paths: Paths, knowing: Path, git_root: str, trained: tuple[Piece, ...], line: str
) -> None:
    command_models.install(paths, knowing, pieces={"trained": tuple(piece.value for piece in trained)})
    found = offered(paths, "okapi ", place=PLACE._replace(git_root=git_root))
    assert max(found, key=lambda each: found[each][0]) == line


def test_neither_marks_of_secrets_nor_what_is_typed_already_is_offered(installed: Paths) -> None:
    assert not any("REDACTED" in line for line in offered(installed, "zebra login "))
    assert "yak shave" not in offered(installed, "yak shave")
    assert all(line != "" for line in offered(installed, ""))


def test_a_text_too_long_for_the_model_has_no_offers(installed: Paths) -> None:
    assert offered(installed, "x" * 5000) == {}
    assert "yak shave" in offered(installed, "y", ("x" * 5000, 0))


@pytest.mark.parametrize(("share", "source"), [(1.0, "model v2"), (0.0, "model v1")])
def test_a_version_on_trial_answers_its_share(paths: Paths, knowing: Path, share: float, source: str) -> None:
    command_models.install(paths, knowing, "v2")
    command_models.install(paths, knowing, "v1")
    training = Training(trial="v2", trial_share=share)
    assert {each for _, each in offered(paths, "y", training=training).values()} == {source}


@pytest.mark.parametrize("name", ["shipped", "2026-01-01"])
@pytest.mark.parametrize("share", [1.0, 0.0])
def test_the_shipped_model_can_be_on_trial(
    paths: Paths, knowing: Path, monkeypatch: pytest.MonkeyPatch, name: str, share: float
) -> None:
    command_models.install(paths, knowing, "2026-01-01")
    (paths.models / "command" / "2026-01-01").rename(paths.data / "command")
    (paths.models / "command" / "current").unlink()
    monkeypatch.setattr(registry, "SHIPPED", paths.data)
    training = Training(trial=name, trial_share=share)
    assert {each for _, each in offered(paths, "y", training=training).values()} == {"model 2026-01-01"}  # in use
    command_models.install(paths, knowing, "v1")
    answered = {each for _, each in offered(paths, "y", training=training).values()}
    assert answered == {"model 2026-01-01" if share else "model v1"}


@pytest.mark.parametrize("version", ["v1", "gone", "../v1"])
def test_a_trial_of_nothing_else_is_none(installed: Paths, version: str) -> None:
    training = Training(trial=version, trial_share=1.0)
    assert {each for _, each in offered(installed, "y", training=training).values()} == {"model v1"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": {"calibration": {"slope": "x"}}}, 'expected {"slope": number'),
        ({"scores": {"calibration": {"slop": 1.0}}}, 'expected {"slope": number'),
        ({"scores": {"calibration": 3}}, "calibration of the model's card is 3"),
    ],
)
def test_a_card_that_cannot_be_used_is_told(paths: Paths, knowing: Path, changes: dict[str, Any], message: str) -> None:
    command_models.install(paths, knowing, **changes)
    with pytest.raises(ModelError, match=message):
        Completion(paths, Training())


def test_a_card_without_the_model_is_told(installed: Paths) -> None:
    file = installed.models / "command" / "v1" / "card.json"
    card = msgspec.json.decode(file.read_bytes())
    del card["files"]["command.gguf"]
    file.write_bytes(msgspec.json.encode(card))
    with pytest.raises(ModelError, match=r"names \['tokenizer.model'\], not command.gguf"):
        Completion(installed, Training())


# --- what a log-probability means --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "log_probability", "probability"),
    [
        ({"calibration": {"slope": 1.0, "offset": 0.0}}, math.log(0.3), 0.3),
        ({"calibration": {"slope": 1.0, "offset": math.log(2)}}, math.log(0.5), 2 / 3),
        ({"calibration": {"slope": 0.5, "offset": 0.0}}, math.log(0.8), 2 / 3),
        ({"calibration": {"slope": 1.0, "offset": 0.0}}, -1e9, calibration.CLOSEST),
        ({"calibration": {"slope": 1.0, "offset": 0.0}}, 0.0, 1 - calibration.CLOSEST),
        ({}, math.log(0.5), Calibration().probability(math.log(0.5))),
    ],
)
def test_calibration(scores: dict[str, Any], log_probability: float, probability: float) -> None:
    assert calibration.of(scores).probability(log_probability) == pytest.approx(probability)
