"""The known requests that ship: which of our corpora's rows, how far they are believed, and their card."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import corpora
import msgspec
import pytest

pytest.importorskip("transformers", reason="needs [train]")

from assistant_core.engine import pairs as files
from assistant_core.engine import registry
from assistant_core.engine.pairs import Pair
from assistant_core.engine.registry import Card, Data
from training import pairs
from training.records import Row


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    place = tmp_path_factory.mktemp("pairs")
    folder = corpora.write(place / "corpora")
    option = {"command": "ls", "subcommand": "x", "description": "an option", "source": "withfig/autocomplete"}
    (folder / "subcommands.jsonl").write_text(json.dumps(option | {"licence": "MIT"}))
    return place / "made" / "pairs", pairs.release(folder, place / "made" / "pairs")


def test_requests_of_pages_that_are_not_held_out_are_known(released: tuple[Path, Card]) -> None:
    known = files.read(released[0] / files.FILE)
    assert sorted((pair.request, pair.line) for pair in known) == sorted(corpora.requests(held=False))


def test_the_card_describes_what_was_written(released: tuple[Path, Card]) -> None:
    folder, card = released
    assert msgspec.json.decode((folder / registry.CARD).read_bytes(), type=Card) == card
    assert {file.name for file in folder.iterdir()} == {registry.CARD, *card.files}
    assert card.files == {name: registry.described(folder / name) for name in card.files}
    rows = len(corpora.requests(held=False))
    assert card.data == (Data(source="zoo/pages", licence="MIT", rows=rows, attribution="NOTICE"),)
    assert card.command.split()[:4] == ["python", "-m", "training", "pairs"]


def test_all_users_may_read_what_ships(released: tuple[Path, Card]) -> None:
    assert {stat.S_IMODE(file.stat().st_mode) for file in released[0].iterdir()} == {0o644}


def row(source: str, request: str = "list files", line: str = "ls") -> Row:
    return Row(task="request", texts=(request, line), source=source, licence="MIT")


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
