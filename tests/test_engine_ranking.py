"""What is known of a proposed shape, in numbers; and the network that weighs them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_core.engine import ranking
from assistant_core.engine.answer import Answerer
from assistant_core.engine.labels import Associations, labels
from assistant_core.engine.pairs import Index, Pair
from assistant_core.engine.proposals import NUMBERS, OF_LIST, Proposals, candidates, numbers
from assistant_core.engine.ranking import INPUTS, Arrays, Ranking
from assistant_core.engine.shape import shape
from assistant_core.errors import ModelError

PAIRS = (
    Pair("list files by size", "ls -l -S", "test"),
    Pair("list all files", "ls -a", "test", 0.5),
    Pair("list files in long form", "ls -l", "test"),
    Pair("count the lines", "wc -l x", "test", 0.3),
    Pair("show disk usage by size", "du -s | sort -n", "test", 0.3),
)
REQUEST = "list files by age of 8080 with du"
KNOWN = Proposals(
    lines={"ls -l": 0.4, "ls -l 8080": 0.1, "ls -a -l": 0.3, "du | sort -n": 0.2},
    found={"ls -l": 3.0, "ls -l 8080": 1.0},
    intended={"ls -a -l": 0.3, "du | sort -n": 0.1},
    pairs={"ls -l": [2, 0], "ls -l 8080": [2], "ls -a -l": [1], "du | sort -n": [4]},
)


class Rows:
    """An encoder that knows requests by their number of words."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        angles = np.array([len(text.split()) / 8 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def told(request: str = REQUEST, known: Proposals = KNOWN) -> dict[str, list[float]]:
    """Return the numbers of the candidates by name."""
    found = numbers(request, candidates(request, known), Index(PAIRS, Rows()))
    return dict(zip(NUMBERS, found.T.tolist(), strict=True))


# The candidates are "ls -l" (.5), "ls -a -l" (.3) and "du | sort -n" (.2).
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("share", [math.log(0.5), math.log(0.3), math.log(0.2)]),
        ("found", [math.log(1.0001), math.log(0.0001), math.log(0.0001)]),
        ("intended", [math.log(0.00001), math.log(0.75001), math.log(0.25001)]),
        ("agrees", [0.5 + 0.3 * 0.5 - 0.2, 0.5 * 0.5 + 0.3 - 0.2, 0.2 - 0.8]),
        ("agrees found", [1, 0.5, -1]),
        ("agrees intended", [0.75 * 0.5 - 0.25, 0.75 - 0.25, 0.25 - 0.75]),
        ("pairs", [2, 1, 1]),
        ("trusted", [2, 0, 0]),
        ("utilities", [1, 1, 2]),
        ("options", [1, 2, 1]),
        ("first", [0.8, 0.8, 0.2]),
        ("long", [0.8, 0.8, 0.2]),
        ("least usual utility", [0.8, 0.8, 0.2]),
        ("mean usual utility", [0.8, 0.8, 0.2]),
        ("least usual option", [1, 0.375, 1]),  # -l stands in all of ls, -a in .3 of .8
        ("mean usual option", [1, 1.375 / 2, 1]),
        ("lacking option", [0.375, 0, 0]),
        ("lacking options", [0.375, 0, 0]),
        ("lacking utility", [0.2, 0.2, 0.8]),
        ("named", [0, 0, 1]),
        ("missing", [0, 1, 1]),  # of lines that do the same, the one that holds most
        ("entropy", [-sum(each * math.log(each) for each in (0.5, 0.3, 0.2))] * 3),
        ("greatest", [0.5] * 3),
        ("asked", [8] * 3),
        ("length", [1.2] * 3),
        ("given", [0.5 + 0.3 * 2 + 0.2] * 3),
    ],
)
def test_numbers(name: str, expected: list[float]) -> None:
    assert told()[name] == pytest.approx(expected, abs=1e-4)


def test_the_numbers_of_the_pairs_are_the_index_s() -> None:
    index = Index(PAIRS, Rows())
    measured, found = index.measured(REQUEST), told()
    assert found["nearest"] == pytest.approx([measured.nearness[[0, 2]].max(), *measured.nearness[[1, 4]]])
    assert found["near"] == pytest.approx([measured.nearness[[0, 2]].mean(), *measured.nearness[[1, 4]]])
    assert found["words"] == pytest.approx([measured.words[[0, 2]].max(), *measured.words[[1, 4]]])
    assert found["meaning"] == pytest.approx([measured.cosines[[0, 2]].max(), *measured.cosines[[1, 4]]])
    assert found["believed"][1] == pytest.approx(measured.nearness[1] / 2)
    assert found["closeness"] == pytest.approx([measured.closeness] * 3)
    assert 0 < measured.closeness <= 1


# "list" stands in three requests that weigh 2.5 of 3.1 in all; "ls" and "-a" in lines of 2.5 and 0.5.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean label", [goes := math.log(3 / (2.5 * 2.5 / 3.1 + 0.5)), math.log(1 / (2.5 * 0.5 / 3.1 + 0.5))]),
    ],
)
def test_words_go_with_labels(name: str, expected: list[float]) -> None:
    known = Proposals({"ls": 0.6, "ls -a": 0.4}, {"ls": 1}, {"ls -a": 1}, {"ls": [0], "ls -a": [1]})
    found = told("list", known)
    assert found[name] == pytest.approx([expected[0], sum(expected) / 2], abs=1e-5)
    assert found["covered"] == pytest.approx([max(expected[0], 0), max(*expected, 0)], abs=1e-5)
    assert found["worst label"] == pytest.approx([expected[0], min(expected)], abs=1e-5)
    assert found["all words and utilities"] == pytest.approx([goes, goes], abs=1e-5)
    assert found["worst option"] == pytest.approx([0, math.log(1 / (2.5 * 0.5 / 2.5 + 0.5))], abs=1e-5)


@pytest.mark.parametrize("request_", ["", "?", "xyzzy", "\ud800", "list"])
@pytest.mark.parametrize("line", ["", "xyzzy --plugh", "ls -l", "x=1", "ls\n-l"])
def test_of_little_there_are_numbers_too(request_: str, line: str) -> None:
    found = told(request_, Proposals({line: 1.0}, {line: 1.0}, {}, {line: [3]}))
    assert {len(each) for each in found.values()} == {1}
    assert np.isfinite([each[0] for each in found.values()]).all()


def test_every_number_is_explained() -> None:
    assert all(NUMBERS.values())
    assert set(OF_LIST) < set(NUMBERS)
    assert len(set(NUMBERS.values())) == len(NUMBERS)


def test_a_shape_is_compared_with_its_list() -> None:
    plain = np.zeros((2, len(NUMBERS)), np.float32)
    plain[:, 1] = [1, 3]
    found = ranking.inputs(plain)
    own = len(NUMBERS) - len(OF_LIST)
    assert found.shape == (2, INPUTS)
    assert found[:, 1].tolist() == [1, 3]
    assert found[:, len(NUMBERS) + 1].tolist() == [-2, 0]
    assert found[:, len(NUMBERS) + own + 1] == pytest.approx([-1, 1], abs=2e-3)


# --- associations --------------------------------------------------------------------------------------------


def test_labels_are_utilities_and_their_options() -> None:
    assert list(labels(shape("ls -lS | sort -n"))) == [
        ("ls", ""),
        ("ls", "-S"),
        ("ls", "-l"),
        ("sort", ""),
        ("sort", "-n"),
    ]


@pytest.mark.parametrize(
    ("label", "both", "alone"),
    [
        (("ls", ""), [2.5, 1], 2.5),
        (("ls", "-l"), [2, 1], 2),
        (("sort", "-n"), [0, 0.3], 0.3),
        (("ls", "-n"), [0, 0], 0),  # known of another utility only
        (("", ""), [0, 0], 0),
    ],
)
def test_what_goes_together_is_weighed(label: tuple[str, str], both: list[float], alone: float) -> None:
    found = Index(PAIRS).together(["list", "siz", "xyzzy"], [("du", ""), label])
    assert found.words == pytest.approx([2.5, 1.3, 0])
    assert found.both[:, 1] == pytest.approx([*both, 0])
    assert found.labels == pytest.approx([0.3, alone])
    assert found.all == pytest.approx(3.1)


def test_associations_are_the_same_from_their_arrays() -> None:
    first = Associations(PAIRS)
    again = Associations(arrays=first.arrays)
    holders = [np.array([0, 4], np.int32), np.array([], np.int32)]
    wanted = [("ls", ""), ("du", "-s"), ("xyzzy", "")]
    assert str(again.together(holders, wanted)) == str(first.together(holders, wanted))


@pytest.mark.parametrize("pairs", [(), (Pair("nothing", "", "test"),)])
def test_nothing_goes_together_in_nothing(pairs: tuple[Pair, ...]) -> None:
    found = Index(pairs).together(["list"], [("ls", "")])
    assert (found.words.tolist(), found.labels.tolist(), found.both.tolist()) == ([0], [0], [[0]])


# --- the network ---------------------------------------------------------------------------------------------


def reading(weights: Mapping[str, float], prior: float = 0) -> Arrays:
    """Return a network that looks at a few numbers only; what is below 0 it does not see."""
    first = np.zeros((INPUTS + 1, 2), np.float32)
    for name, weight in weights.items():
        first[list(NUMBERS).index(name), 0] = weight
    passed = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    ones = np.ones(INPUTS, np.float32)
    return Arrays(0 * ones, ones, first, passed, np.array([[1], [0], [0]], np.float32), np.array([prior], np.float32))


def test_without_weights_the_shares_stay() -> None:
    plain = np.zeros((3, len(NUMBERS)), np.float32)
    plain[:, 0] = np.log([0.5, 0.3, 0.2])
    assert Ranking(reading({}, prior=1)).shares(plain) == pytest.approx([0.5, 0.3, 0.2])
    assert Ranking(reading({})).shares(plain) == pytest.approx([1 / 3] * 3)


def test_shares_are_the_softmax_of_what_is_read() -> None:
    plain = np.zeros((2, len(NUMBERS)), np.float32)
    plain[:, list(NUMBERS).index("options")] = [1, 90]  # which is cut at FARTHEST
    powers = np.exp([0.5, 0.5 * ranking.FARTHEST])
    assert Ranking(reading({"options": 0.5})).shares(plain) == pytest.approx(powers / powers.sum())


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        (None, "ls -l"),  # no ranking
        ({"options": 3.0}, "ls -l -S"),
        ({"long": -1.0, "utilities": 2.0}, "du -s | sort -n"),
    ],
)
def test_the_ranking_orders_what_is_found(weights: dict[str, float] | None, first: str) -> None:
    ordering = None if weights is None else Ranking(reading(weights))
    answers = Answerer(Index(PAIRS, Rows(), ranking=ordering)).answer("list files by size in long form", 5)
    assert answers[0].line == first
    assert sorted(each.line for each in answers) == sorted(pair.line for pair in PAIRS)
    assert sum(each.probability for each in answers) == pytest.approx(1)
    assert answers[0].near == next(pair.request for pair in PAIRS if pair.line == first)


def test_a_ranking_comes_back_from_its_file(tmp_path: Path) -> None:
    written = reading({"options": 0.5, "near": 1.0}, prior=0.7)
    ranking.write(written, tmp_path / ranking.FILE)
    found = Ranking.open(tmp_path / ranking.FILE).arrays
    assert [each.tolist() for each in found] == [each.tolist() for each in written]
    content = (tmp_path / ranking.FILE).read_bytes()
    ranking.write(written, tmp_path / ranking.FILE)
    assert (tmp_path / ranking.FILE).read_bytes() == content


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"no archive at all"])
def test_a_broken_file_of_a_ranking_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / ranking.FILE).write_bytes(content)
    with pytest.raises(ModelError, match=f"{ranking.FILE} cannot be read as a ranking.*install the program again"):
        Ranking.open(tmp_path / ranking.FILE)


def test_a_ranking_of_other_numbers_is_refused(tmp_path: Path) -> None:
    fewer = reading({})
    ranking.write(fewer._replace(mean=fewer.mean[1:]), tmp_path / ranking.FILE)
    with pytest.raises(ModelError, match=rf"reads \({INPUTS - 1},\) numbers, expected {INPUTS}"):
        Ranking.open(tmp_path / ranking.FILE)
