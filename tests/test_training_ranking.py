"""The ranking of proposals, learned from a handful of pairs: who is asked what, what is learned, and its file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs [train]")

from assistant_core.engine import intents, pairs, ranking, registry
from assistant_core.engine.embed import Embedding
from assistant_core.engine.intents import Arrays
from assistant_core.engine.pairs import Index, Pair
from assistant_core.engine.proposals import NUMBERS, Proposals
from assistant_core.engine.ranking import Ranking
from assistant_core.engine.registry import Card
from assistant_core.engine.shape import shape
from assistant_core.errors import TrainingError
from training import intents as intents_training
from training import pairs as release
from training import publicset
from training import ranking as training
from training.ranking import PARTS, Example, Plan, parts

THINGS = ("files", "directories", "links", "logs", "images", "backups", "scripts", "notes")
WISHES = {"list all {} by size": "ls -lS {}", "remove empty {}": "find {} -empty -delete", "count {}": "ls {} | wc -l"}
TRUSTED = [
    Pair(wish.format(thing), line.format(thing), "test") for (wish, line), thing in product(WISHES.items(), THINGS)
]
OTHERS = [Pair("show disk usage", "du -sh", "test", 0.3), Pair("list directories", "ls -d */", "test", 0.3)]
PAIRS = [*TRUSTED, *OTHERS]
LEARNING = intents_training.Plan(readers=1, width=8, epochs=1, batch=16, least_requests=2)


def learn(known: Sequence[Pair]) -> Arrays:
    return intents_training.train(known, LEARNING)


@pytest.fixture(scope="module")
def encoder() -> Embedding:
    return Embedding.open(registry.SHIPPED / "embedding")


@pytest.mark.parametrize(
    ("known", "together"),
    [
        ([("a", "ls"), ("b", "ls")], True),  # a line in common
        ([("list", "ls"), ("List", "ls -l")], True),  # a request, whatever its case
        ([("a", "ls"), ("b", "ls -l"), ("c", "ls -l"), ("B", "ls")], True),  # through others
    ],
)
def test_what_shares_a_line_or_a_request_is_in_one_part(known: list[tuple[str, str]], *, together: bool) -> None:
    found = parts([Pair(request, line, "test") for request, line in known])
    assert (len(set(found)) == 1) is together
    assert all(0 <= part < PARTS for part in found)


def test_parts_are_the_trusted_pairs_and_no_other() -> None:
    found = parts(PAIRS)
    assert found[len(TRUSTED) :] == [-1] * len(OTHERS)
    assert min(found[: len(TRUSTED)]) == 0
    assert max(found) < PARTS
    assert len(set(found)) > PARTS / 2
    assert parts(PAIRS) == found


def test_a_part_is_not_known_when_it_is_asked(encoder: Embedding) -> None:
    told = list[list[Pair]]()

    def watched(known: Sequence[Pair]) -> Arrays:
        told.append(list(known))
        return learn(known)

    found = training.examples(PAIRS, encoder, watched)
    of = parts(PAIRS)
    asking = sorted(set(of) - {-1})
    assert told == [[pair for pair, each in zip(PAIRS, of, strict=True) if each != part] for part in asking]
    for part, known in zip(asking, told, strict=True):
        asked = [pair for pair, each in zip(PAIRS, of, strict=True) if each == part]
        assert not {pair.line for pair in asked} & {pair.line for pair in known}
        assert not {pair.request for pair in asked} & {pair.request for pair in known}
    assert len(found) == len(TRUSTED)


def test_an_example_tells_how_far_each_candidate_is_right(encoder: Embedding) -> None:
    known = Proposals({"ls -l": 0.5, "ls": 0.3, "du": 0.2}, {"ls": 1}, {"du": 1}, {"ls -l": [0], "ls": [1], "du": [2]})
    found = training.example(Index(PAIRS, encoder), "list", known, [shape("ls -l x"), shape("ls -a")])
    assert found.agreement.tolist() == [1, 0, -1]
    assert found.numbers.shape == (3, len(NUMBERS))


def test_all_lines_of_a_request_are_right(encoder: Embedding) -> None:
    asked = [Pair("list all links", "ls -lS", "test"), Pair("list all links", "find . -type l", "test")]
    [found] = training.of_part(Index(PAIRS, encoder), asked)
    assert found.agreement.max() == 1


def lists(count: int, seed: int = 1) -> list[Example]:
    """Return lists of three to five candidates, of which that one is right that has the most of its fourth number."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        told = chance.standard_normal((chance.integers(3, 6), len(NUMBERS))).astype(np.float32)
        right = np.full(len(told), -1, np.float32)
        right[told[:, 3].argmax()] = 1
        found.append(Example(told, right))
    return found


def test_what_makes_a_line_right_is_learned() -> None:
    learned = Ranking(training.train(lists(600), Plan(epochs=8)))
    unseen = lists(100, seed=2)
    firsts = [each.agreement[learned.shares(each.numbers).argmax()] == 1 for each in unseen]
    assert np.mean(firsts) > 0.8
    assert np.mean([each.agreement[each.numbers[:, 0].argmax()] == 1 for each in unseen]) < 0.5


def test_the_same_is_learned_again() -> None:
    one, other = (training.train(lists(40), Plan(epochs=1)) for _ in range(2))
    assert [each.tolist() for each in one] == [each.tolist() for each in other]


def test_numbers_are_taken_from_the_mean_of_those_that_were_seen() -> None:
    examples = lists(40)
    learned = training.train(examples, Plan(epochs=1, dropout=0.0))
    assert learned.mean == pytest.approx(
        np.concatenate([ranking.inputs(each.numbers) for each in examples]).mean(axis=0), abs=1e-4
    )


@pytest.mark.parametrize("count", [0, training.LEAST - 1])
def test_of_too_few_nothing_is_learned(count: int) -> None:
    with pytest.raises(TrainingError, match=f"{count} requests have proposals, expected {training.LEAST}"):
        training.train(lists(count))


# --- what ships ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs and intents, with a card, as a release without a ranking has them."""
    folder = tmp_path_factory.mktemp("released")
    pairs.write(PAIRS, folder / pairs.FILE)
    intents.write(learn(PAIRS), folder / intents.FILE)
    card = Card(
        kind="pairs",
        version="v1",
        created="2026-01-01T02:00:00Z",
        files={name: registry.described(folder / name) for name in (pairs.FILE, intents.FILE)},
        data=(),
        scores={},
        command="a test",
        base=None,
        trained_on="nothing",
    )
    (folder / registry.CARD).write_bytes(msgspec.json.encode(card))
    return folder


def test_the_ranking_alone_is_learned_anew(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = publicset.fixed()[:3]
    monkeypatch.setattr(publicset, "fixed", lambda: asked)
    card = release.rank(released, tmp_path, learn)
    assert msgspec.json.decode((tmp_path / registry.CARD).read_bytes(), type=Card) == card
    assert card.version == "v1"
    assert card.command.endswith("; python -m training ranking TARGET")
    assert {file.name for file in tmp_path.iterdir()} == {registry.CARD, pairs.FILE, intents.FILE, ranking.FILE}
    assert card.files == {name: registry.described(tmp_path / name) for name in card.files}
    for name in (pairs.FILE, intents.FILE):
        assert (tmp_path / name).read_bytes() == (released / name).read_bytes()
    assert card.scores["requests"] == 3
    assert Ranking.open(tmp_path / ranking.FILE).arrays.prior.shape == (1,)
