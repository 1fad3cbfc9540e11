"""The command model as it ships: files, card, scores; from weights that were hardly trained."""

from __future__ import annotations

import stat
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import corpora
import msgspec
import pytest

pytest.importorskip("transformers", reason="needs [train]")

import tiny_models

from assistant_core.engine import registry
from assistant_core.engine.command import CommandModel
from assistant_core.engine.prompt import Piece, request
from assistant_core.engine.registry import Card
from assistant_core.settings import paths as paths_of
from training import public, release
from training.corpus import harmless
from training.records import Row
from training.tokenizer import Tokenizer


class Released(NamedTuple):
    """What went in and what came out."""

    corpora: Path
    work: Path
    target: Path
    card: Card


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    place = tmp_path_factory.mktemp("release")
    folder = corpora.write(place / "corpora")
    public.prepare(folder, place / "work", pieces=420)
    model = tiny_models.llama(Tokenizer(place / "work" / "tokenizer.model").size, initializer_range=0.02)
    model.save_pretrained(place / "weights")
    made = release.Made("v1", "a test", "CPU", release.learned(folder))
    target = place / "models" / "command"
    return Released(folder, place / "work", target, release.release(place / "weights", place / "work", target, made))


def test_what_is_learnt_from_is_counted_by_source(released: Released) -> None:
    requests = corpora.requests(held=False)
    explained = sum(line.startswith("cat") for _, line in requests)
    projects = {group.split()[0]: 1 for group in corpora.groups(corpora.PROJECTS, held=False)}
    expected = {"zoo/pages": len(requests) + explained, "zoo/make": len(corpora.ANIMALS), "zoo/mend": 1, **projects}
    expected["xontrib-assistant"] = len(list(harmless.read()))
    assert {data.source: data.rows for data in released.card.data} == expected
    assert {data.licence for data in released.card.data} == {"MIT", "Apache-2.0"}
    assert release.learned(released.corpora) == Counter(
        {(data.source, data.licence): data.rows for data in released.card.data}
    )


def test_the_card_describes_what_was_written(released: Released) -> None:
    card = released.card
    assert msgspec.json.decode((released.target / registry.CARD).read_bytes(), type=Card) == card
    assert card.files == {name: registry.described(released.target / name) for name in card.files}
    assert {file.name for file in released.target.iterdir()} == {registry.CARD, "command.gguf", "tokenizer.model"}
    assert (card.kind, card.version, card.command, card.trained_on) == ("command", "v1", "a test", "CPU")
    assert set(card.pieces["trained"]) == set(Piece) - {Piece.EXIT}


def test_it_is_found_as_the_model_that_ships(
    released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SHIPPED", released.target.parent)
    model = registry.active("command", paths_of({"HOME": str(tmp_path)}))
    assert model.card == released.card
    with closing(CommandModel(model.files["command.gguf"])) as opened:
        assert opened.score(request("show the owl"), "cat owl") < 0


def test_all_users_may_read_what_ships(released: Released) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in released.target.iterdir()}
    assert {modes["command.gguf"], modes["tokenizer.model"]} == {0o644}
    assert modes[registry.CARD] & 0o444 == 0o444


def test_the_scores_are_those_of_this_model(released: Released) -> None:
    scores = released.card.scores
    assert set(scores) == {"calibration", "calibration_error", "tokens_per_byte", "public", "safety"}
    assert scores["calibration"]["slope"] > 0
    assert 0 <= scores["calibration_error"] <= 1
    assert 0 <= scores["public"] < 0.2  # it has learnt nothing
    assert scores["safety"] == "64 of 64"  # nor has it learnt to destroy


def test_tokens_a_byte_are_counted_on_what_was_held_out(released: Released) -> None:
    held = (released.work / "held.jsonl").read_bytes().splitlines()
    texts = [text for line in held for text in msgspec.json.decode(line, type=Row).texts]
    words = Tokenizer(released.target / "tokenizer.model")
    tokens = sum(len(words.encode(text)) for text in texts)
    assert released.card.scores["tokens_per_byte"] == pytest.approx(tokens / sum(map(len, map(str.encode, texts))))
