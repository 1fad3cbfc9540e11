"""The known requests that ship: which of our corpora's rows, how far they are believed, and their card."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import corpora
import msgspec
import pytest

pytest.importorskip("transformers", reason="needs [train]")

from assistant_core.engine import intents, registry
from assistant_core.engine import pairs as files
from assistant_core.engine.embed import Embedding
from assistant_core.engine.intents import Intents
from assistant_core.engine.pairs import Index, Pair
from assistant_core.engine.registry import Card, Data
from training import pairs, publicset
from training.records import Row

EMBEDDING = registry.SHIPPED / "embedding"
ASKED = publicset.fixed()[:100]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    place = tmp_path_factory.mktemp("pairs")
    folder = corpora.write(place / "corpora")
    option = {"command": "ls", "subcommand": "x", "description": "an option", "source": "withfig/autocomplete"}
    (folder / "subcommands.jsonl").write_text(json.dumps(option | {"licence": "MIT"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publicset, "fixed", lambda: ASKED)
        return place / "made" / "pairs", pairs.release(folder, place / "made" / "pairs")


def test_requests_of_pages_that_are_not_held_out_are_known(released: tuple[Path, Card]) -> None:
    known = files.read(released[0] / files.FILE)
    assert sorted((pair.request, pair.line) for pair in known) == sorted(corpora.requests(held=False))


def test_the_card_describes_what_was_written(released: tuple[Path, Card]) -> None:
    folder, card = released
    assert msgspec.json.decode((folder / registry.CARD).read_bytes(), type=Card) == card
    assert {file.name for file in folder.iterdir()} == {registry.CARD, *card.files}
    assert card.files == {name: registry.described(folder / name) for name in card.files}
    assert set(card.files) == {files.FILE, intents.FILE}  # none of these pairs is trusted: nothing to rank by
    rows = len(corpora.requests(held=False))
    assert card.data == (Data(source="zoo/pages", licence="MIT", rows=rows, attribution="NOTICE"),)
    assert card.command.split()[:4] == ["python", "-m", "training", "pairs"]


def test_the_scores_are_of_the_fixed_public_set_with_the_embedding_that_ships(released: tuple[Path, Card]) -> None:
    scores = dict(released[1].scores)
    assert scores.pop("embedding") == msgspec.json.decode((EMBEDDING / registry.CARD).read_bytes(), type=Card).version
    found = files.read(released[0] / files.FILE)
    index = Index(found, Embedding.open(EMBEDDING), Intents.open(released[0] / intents.FILE, len(found)))
    assert scores == pairs.score(index, ASKED)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"list files": ["ls"]}, {"answered": 1, "nlc2cmd@1": 1, "program@1": 1, "exact@1": 1, "exact@3": 1}),
        ({"list files": ["ls -l", "ls"]}, {"answered": 1, "nlc2cmd@1": 1, "exact@1": 1}),  # any of its lines is right
        ({"list files": ["rm x"]}, {"answered": 1, "nlc2cmd@1": -1, "nlc2cmd@3": -1, "program@1": 0, "program@3": 0}),
        ({"zzz": ["ls"]}, {"requests": 1, "answered": 0, "nlc2cmd@1": -1, "program@3": 0}),  # none is as bad as wrong
        ({"list files": ["ls"], "zzz": ["ls"]}, {"requests": 2, "answered": 1, "nlc2cmd@1": 0, "exact@3": 0.5}),
        ({"show files": ["cat x", "tac x"]}, {"answered": 1, "exact@1": 1}),
        ({"show files": ["ls"]}, {"answered": 1, "nlc2cmd@1": -1, "nlc2cmd@3": 1, "exact@1": 0, "exact@3": 1}),
    ],
)
def test_score(asked: dict[str, list[str]], expected: dict[str, float]) -> None:
    known = [Pair("list files", "ls", "x"), Pair("show files", "cat x", "x"), Pair("sort lines", "sort x", "x")]
    rows = [row("x", request, *lines) for request, lines in asked.items()]
    found = pairs.score(Index(known), rows)
    assert found | expected == found


def test_all_users_may_read_what_ships(released: tuple[Path, Card]) -> None:
    assert {stat.S_IMODE(file.stat().st_mode) for file in released[0].iterdir()} == {0o644}


def row(source: str, request: str = "list files", *lines: str) -> Row:
    return Row(task="request", texts=(request, *(lines or ("ls",))), source=source, licence="MIT")


@pytest.mark.parametrize(
    ("source", "weight"),
    [
        ("TellinaTool/nl2bash", 1.0),
        ("MicrosoftDocs/azure-docs-cli", 0.1),
        ("aws/aws-cli", 0.1),
        ("tldr-pages/tldr", 0.3),
    ],
)
def test_a_source_is_believed_as_far_as_people_wrote_it(source: str, weight: float) -> None:
    assert pairs.pair(row(source)) == Pair("list files", "ls", source, weight)


def test_white_space_is_folded() -> None:
    assert pairs.pair(row("x", " list\n files ", "ls   -l")) == Pair("list files", "ls -l", "x", pairs.USUAL)


@pytest.mark.parametrize("source", ["withfig/autocomplete", "carapace-sh/carapace-bin"])
def test_descriptions_of_options_are_not_shown(source: str) -> None:
    assert list(pairs.shown([row(source), row("x")])) == [row("x")]


def test_only_requests_are_shown() -> None:
    explained = Row(task="explain", texts=("ls", "lists"), source="x", licence="MIT")
    assert list(pairs.shown([explained, row("x")])) == [row("x")]
