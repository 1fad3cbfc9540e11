"""What a request wants, learned from a handful of pairs; and the files that are made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assistant_core.engine import intents, pairs, ranking, registry
from assistant_core.engine.answer import Answerer
from assistant_core.engine.intents import STEPS, Arrays, Intents, quantised
from assistant_core.engine.pairs import Index, Pair
from assistant_core.engine.shape import shape
from assistant_core.errors import ModelError, TrainingError
from training import intents as training
from training import pairs as release
from training.intents import Plan, labels

THINGS = ["files", "directories", "links", "logs", "images", "backups", "scripts", "notes"]
PLACES = ["here", "at home", "in this tree", "under the project", "on the disk", "below it"]
WISHES = {
    "list all {} by size {}": "ls -lS",
    "remove empty {} {}": "find . -empty -delete",
    "count the {} {}": "ls | wc -l",
    "how much space do the {} take {}": "du -sh",
    "pack the {} {} and compress them": "tar -czf a.tgz .",
}
PAIRS = [
    Pair(wish.format(thing, place), line, "test")
    for wish, line in WISHES.items()
    for thing in THINGS
    for place in PLACES
]
PLAN = Plan(readers=2, width=16, epochs=10, batch=32, learning_rate=0.03, least_requests=2)


@pytest.fixture(scope="module")
def learned() -> Arrays:
    return training.train(PAIRS, PLAN)


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ("please count my photos", "ls | wc -l"),
        ("compress and pack photos", "tar -czf a.tgz ."),
        ("what space is taken", "du -sh"),
        ("everything that is empty must be removed", "find . -empty -delete"),
        ("sizes of photos in a list", "ls -lS"),
    ],
)
def test_other_words_for_the_same_wish(learned: Arrays, request_: str, line: str) -> None:
    known = Index(PAIRS, intents=Intents(learned))
    assert shape(known.intended(request_, 1)[0].pair.line) == shape(line)
    assert shape(Answerer(known).answer(request_)[0].line) == shape(line)


def test_shares_are_probabilities(learned: Arrays) -> None:
    for request in ("count the files here", "xyzzy", ""):
        shares = Intents(learned).shares(request)
        assert shares.shape == (len(WISHES),)
        assert shares.sum() == pytest.approx(1, abs=1e-4)
        assert (shares >= 0).all()


def test_the_intended_pairs_are_the_nearest_of_their_shape(learned: Arrays) -> None:
    first, second = Index(PAIRS, intents=Intents(learned)).intended("count the scripts at home", 2)
    assert first.pair.request == "count the scripts at home"
    assert first.nearness > second.nearness
    assert shape(first.pair.line) != shape(second.pair.line)


def test_without_intents_nothing_is_intended() -> None:
    assert Index(PAIRS).intended("count the scripts", 2) == []


def test_the_same_seed_learns_the_same() -> None:
    short = PLAN._replace(epochs=1, readers=1)
    one, again, other = (training.train(PAIRS, short._replace(seed=seed)).vectors for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ls -l", {"utility ls", "after  ls", "option ls -l", "length 1", "last ls"}),
        (
            "ls | wc",
            {"utility ls", "utility wc", "after  ls", "after ls wc", "option ls none", "option wc none", "length 2"}
            | {"last wc"},
        ),
    ],
)
def test_labels(line: str, expected: set[str]) -> None:
    assert set(labels(shape(line))) == expected


@pytest.mark.parametrize(
    ("weights", "known"),
    [
        ((1, 1, 1), [0, 0, 1]),  # trusted: every shape counts
        ((0.5, 0.5, 0.5), [0, 0, -1]),  # otherwise those that are common
    ],
)
def test_rare_shapes_of_lesser_sources_are_left_out(weights: tuple[float, ...], known: list[int]) -> None:
    lines = ("ls -l", "ls -l x", "du")
    rows = [Pair("list all", line, "test", weight) for line, weight in zip(lines, weights, strict=True)]
    assert training.prepare(rows, Plan(least_requests=1)).of_pair.tolist() == known


@pytest.mark.parametrize("rows", [[], [Pair("list", "ls", "test", 0.5)], [Pair("?", "ls", "test")]])
def test_nothing_in_common_is_nothing_to_learn(rows: list[Pair]) -> None:
    with pytest.raises(TrainingError, match=f"{len(rows)} pairs have no terms"):
        training.train(rows, PLAN)


def test_quantising_loses_half_a_step() -> None:
    matrix = np.random.default_rng(1).normal(size=(20, 30)).astype(np.float32)
    matrix[3] = 0
    numbers, scales = quantised(matrix)
    error = np.abs(numbers * scales.astype(np.float32)[:, None] - matrix)
    assert (error <= np.abs(matrix).max(axis=1)[:, None] / (2 * STEPS) * 1.01).all()


# --- files ---------------------------------------------------------------------------------------------------


def test_intents_come_back_from_their_file(tmp_path: Path, learned: Arrays) -> None:
    file = tmp_path / intents.FILE
    intents.write(learned, file)
    again = Intents.open(file, len(PAIRS))
    assert np.array_equal(again.shares("count the notes"), Intents(learned).shares("count the notes"))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"no archive at all"])
def test_a_broken_file_of_intents_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / intents.FILE).write_bytes(content)
    with pytest.raises(ModelError, match=intents.FILE):
        Intents.open(tmp_path / intents.FILE, 1)


def test_a_cut_file_of_intents_is_named(tmp_path: Path, learned: Arrays) -> None:
    file = tmp_path / intents.FILE
    intents.write(learned, file)
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="install the program again"):
        Intents.open(file, len(PAIRS))


def test_intents_of_other_pairs_are_refused(tmp_path: Path, learned: Arrays) -> None:
    intents.write(learned, tmp_path / intents.FILE)
    with pytest.raises(ModelError, match=f"is of {len(PAIRS)} pairs, expected 3"):
        Intents.open(tmp_path / intents.FILE, 3)


def test_what_ships_is_made_from_the_corpora(tmp_path: Path) -> None:
    rows = [{"nl": pair.request, "cmd": pair.line, "source": "TellinaTool/nl2bash", "licence": "MIT"} for pair in PAIRS]
    option = {"command": "ls", "subcommand": "x", "description": "never shown", "source": "withfig/autocomplete"}
    (tmp_path / "nl2cmd_train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "subcommands.jsonl").write_text(json.dumps(option | {"licence": "MIT"}))
    target = tmp_path / "pairs"
    card = release.release(tmp_path, target, PLAN._replace(epochs=1))
    assert [(each.source, each.licence) for each in card.data] == [("TellinaTool/nl2bash", "MIT")]
    names = (pairs.FILE, intents.FILE, ranking.FILE)
    assert card.files == {name: registry.described(target / name) for name in names}
    known = pairs.read(target / pairs.FILE)
    assert len(known) == card.data[0].rows > len(PAIRS) / 2
    assert Index(known, intents=Intents.open(target / intents.FILE, len(known))).intended("count the files", 1)
