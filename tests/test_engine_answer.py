"""A request to lines: shapes, wording, the index, the consensus, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_core.engine import harm
from assistant_core.engine.answer import Answer, Answerer
from assistant_core.engine.bm25 import BM25
from assistant_core.engine.consensus import choose, mixed
from assistant_core.engine.pairs import FILE, Index, Pair, read, write
from assistant_core.engine.prompt import Part, Piece
from assistant_core.engine.shape import agreement, agreements, shape
from assistant_core.engine.wording import words
from assistant_core.errors import ModelError
from assistant_core.guard import classify

# --- shapes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ls", [("ls", "")]),
        ("tar -xzf a.tgz", [("tar", "-f -x -z")]),
        ("tar --file=a.tgz -x", [("tar", "--file -x")]),
        ("find . -type f -name '*.c'", [("find", "-name -type")]),
        (r"find . -exec grep -l x {} \;", [("find", "-exec"), ("grep", "-l")]),
        ("find . -print0 | xargs -0 rm -rf", [("find", "-print0"), ("xargs", "-0"), ("rm", "-f -r")]),
        ("LC_ALL=C sort x | uniq -c", [("sort", ""), ("uniq", "-c")]),
        ("sudo apt update && sudo apt upgrade -y", [("apt", ""), ("apt", "-y")]),
        ("echo $(date +%s)", [("echo", ""), ("date", "")]),
        ("echo '-n | x'", [("echo", "")]),  # quoted: an argument
        ("for f in *; do mv -v $f x; done", [("for", ""), ("mv", "-v"), ("done", "")]),
        ("cat -", [("cat", "")]),
        ("", []),
    ],
)
def test_shapes(line: str, expected: list[tuple[str, str]]) -> None:
    assert [(name, " ".join(sorted(options))) for name, options in shape(line)] == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("ls -l", "ls -l", 1),
        ("ls", "ls", 1),
        ("ls -l", "ls -a", -0.5),  # f = (0 - 2) / 1
        ("ls -la", "ls -l", 0.5),  # f = (2 - 2) / 2
        ("ls -l", "ls", 0),  # f = (0 - 1) / 1
        ("ls", "du", -1),
        ("ls | wc -l", "ls", 0),  # one right, one too many
        ("ls | sort", "ls | wc", 0),
        ("", "ls", -1),
    ],
)
def test_agreement(ours: str, theirs: str, expected: float) -> None:
    assert agreement(shape(ours), shape(theirs)) == pytest.approx(expected)
    assert agreement(shape(theirs), shape(ours)) == pytest.approx(expected)


def test_many_are_compared_as_two_are() -> None:
    shapes = [shape(line) for line in ("ls -la", "ls -l | wc -l", "", "ls -l", "du -sh | sort -h | tail", "ls | wc")]
    expected = [[agreement(ours, theirs) for theirs in shapes] for ours in shapes]
    assert agreements(shapes).tolist() == expected


# --- wording and index ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Find all *.txt files", "finding all *.c files"),
        ("copies 10 lines", "copy 3 line"),
        ("directories that matched, sorted", "sorting directory that matches"),
        ("stopped and removed", "stop and removing"),
        ('remove "a b"', "remove 'c'"),
        ("list /usr/bin", "List ~/bin"),
    ],
)
def test_the_same_is_asked_of_other_values(one: str, other: str) -> None:
    assert len(set(words(one)) ^ set(words(other))) <= 1


def test_bm25_is_the_formula() -> None:
    documents = [["a", "b"], ["a", "a", "c", "d"], ["e", "f", "g"]]
    rarity = {"a": math.log(1 + 1.5 / 2.5), "c": math.log(1 + 2.5 / 1.5)}

    def weight(times: int, length: int) -> float:
        return times * 2.2 / (times + 1.2 * (0.5 + 0.5 * length / 3))

    expected = [rarity["a"] * weight(1, 2), rarity["a"] * weight(2, 4) + rarity["c"] * weight(1, 4), 0]
    assert BM25(documents).scores(["a", "c", "a", "unknown"]) == pytest.approx(expected)


@pytest.mark.parametrize("documents", [[], [[]], [[], ["a"]]])
def test_bm25_of_little(documents: list[list[str]]) -> None:
    assert len(BM25(documents).scores(["a"])) == len(documents)


PAIRS = [
    Pair("list files by size", "ls -S", "test"),
    Pair("show the disk usage of a directory", "du -sh path/to/directory", "test"),
    Pair("find files bigger than 10 MB", "find . -size +10M", "test"),
    Pair("find files bigger than 1 GB", "find / -size +1G", "test"),
    Pair("remove empty directories", "find . -type d -empty -delete", "test"),
    Pair("count the lines of x.txt", "wc -l x.txt", "test"),
]


def test_pairs_come_back_from_their_file(tmp_path: Path) -> None:
    write(PAIRS, tmp_path / FILE)
    assert read(tmp_path / FILE) == PAIRS
    first = (tmp_path / FILE).read_bytes()
    write(PAIRS, tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == first


@pytest.mark.parametrize("content", [None, b"", b"no xz", b"\xfd7zXZ\x00\x00\x04"])
def test_a_broken_file_of_pairs_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ModelError, match=FILE):
        read(tmp_path / FILE)


def test_a_cut_file_of_pairs_is_named(tmp_path: Path) -> None:
    write(PAIRS, tmp_path / FILE)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-20])
    with pytest.raises(ModelError, match="install the program again"):
        read(tmp_path / FILE)


class Sizes:
    """An embedding that knows only whether size is meant."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        meant = [any(word in text for word in ("size", "big", "large")) for text in texts]
        return np.array([[1, 0] if each else [0, 1] for each in meant], np.float32)


@pytest.mark.parametrize(
    ("encoder", "request_", "expected"),
    [
        (None, "which files are bigger than 5 MB", "find files bigger than 10 MB"),
        (None, "delete all empty directories", "remove empty directories"),
        (None, "xyzzy", None),
        (Sizes(), "large ones, listed", "list files by size"),
    ],
)
def test_the_nearest_pair(encoder: Sizes | None, request_: str, expected: str | None) -> None:
    near = Index(PAIRS, encoder).nearest(request_, 3)
    assert (near[0].pair.request if near else None) == expected
    assert [each.nearness for each in near] == sorted((each.nearness for each in near), reverse=True)


def test_an_empty_index_knows_nothing() -> None:
    assert Index([]).nearest("list files", 5) == []
    assert Answerer(Index([])).answer("list files") == []


# --- consensus -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [
        ({"ls -l": 0.6, "ls -a": 0.4}, ["ls -l", "ls -a"]),
        ({"ls a": 0.3, "ls b": 0.25, "du": 0.45}, ["ls a", "du"]),  # two that do the same count together
        # The most probable one agrees with no other; -l is right in part for most.
        ({"du": 0.34, "ls -l": 0.22, "ls -l -a": 0.22, "ls -l -h": 0.22}, ["ls -l", "du", "ls -l -a", "ls -l -h"]),
        ({"ls": 1.0}, ["ls"]),
        ({}, []),
    ],
)
def test_the_choice_agrees_with_most(proposals: dict[str, float], expected: list[str]) -> None:
    assert [choice.line for choice in choose(proposals, 4)] == expected


def test_of_lines_that_do_the_same_the_one_without_faults_is_chosen() -> None:
    proposals = {"ls a": 0.5, "ls b": 0.3, "ls c": 0.1, "du": 0.1}
    (choice,) = choose(proposals, 1, lambda line: int(line == "ls a"))
    assert choice.line == "ls b"
    assert choice.probability == pytest.approx(0.9)


def test_a_choice_has_the_probability_of_all_that_do_the_same() -> None:
    assert choose({"ls a": 0.25, "ls b": 0.5, "du": 0.25}, 1)[0] == ("ls b", 0.75)


def test_opinions_are_mixed_by_weight() -> None:
    assert mixed([(3, {"a": 2.0, "b": 2.0}), (1, {"a": 1.0}), (9, {})]) == {"a": 0.625, "b": 0.375}
    assert mixed([(1, {})]) == {}


# --- answers -------------------------------------------------------------------------------------------------


class Writer:
    """A model that makes up what it was given, and knows how long it may take."""

    def __init__(self, **lines: float) -> None:
        self._lines = lines
        self.asked: list[tuple[Part, ...]] = []
        self.limits: list[float] = []

    def candidates(
        self, parts: Sequence[Part], typed: str = "", *, count: int, tokens: int, deadline_s: float
    ) -> list[tuple[str, float]]:
        assert not typed
        assert tokens > 0
        self.asked.append(tuple(parts))
        self.limits.append(deadline_s)
        return list(self._lines.items())[:count]

    def generate(self, parts: Sequence[Part], *, count: int, tokens: int, deadline_s: float) -> list[tuple[str, float]]:
        return self.candidates(parts, count=count, tokens=tokens, deadline_s=deadline_s)

    def score(self, _parts: Sequence[Part], text: str) -> float:
        return self._lines[text]


def test_a_known_request_is_answered_with_its_own_values() -> None:
    first, *_ = Answerer(Index(PAIRS)).answer("find files bigger than 300 MB")
    assert first == Answer("find . -size +300M", first.probability, "found", PAIRS[2].request)
    assert 0 < first.probability <= 1


def test_answers_do_different_things() -> None:
    lines = [answer.line for answer in Answerer(Index(PAIRS)).answer("find files bigger than 300 MB", 6)]
    assert len({shape(line) for line in lines}) == len(lines) > 1


@pytest.mark.parametrize(
    ("score", "expected"),
    [(-0.1, ("stat x", "model", "")), (-30.0, ("stat x", "model", ""))],
)
def test_what_nobody_knows_is_made_up(score: float, expected: tuple[str, str, str]) -> None:
    answer = Answerer(Index(PAIRS), Writer(**{"stat x": score})).answer("xyzzy")[0]
    assert (answer.line, answer.source, answer.near) == expected


def test_two_who_agree_are_followed() -> None:
    request = "size of files in the directory"  # near to several pairs
    alone = Answerer(Index(PAIRS)).answer(request)[0]
    helped = Answerer(Index(PAIRS), Writer(**{"ls -S": -0.01})).answer(request)[0]
    assert shape(alone.line)[0].name == "du"
    assert (helped.line, helped.source) == ("ls -S", "found")


def test_the_model_is_told_the_directory_and_its_time() -> None:
    model = Writer(ls=-1.0)
    Answerer(Index([]), model).answer("list", directory="git", deadline_s=0.25)
    assert model.asked[0] == ((Piece.DIRECTORY, "git"), (Piece.REQUEST, "list"), (Piece.LINE, ""))
    assert all(limit <= 0.25 for limit in model.limits)


def test_the_model_is_told_near_requests_the_nearest_last_and_no_line_twice() -> None:
    known = [*PAIRS[2:4], Pair("the bigger files", PAIRS[2].line, "test")]
    model = Writer(ls=-1.0)
    Answerer(Index(known), model).answer("find files bigger than 10 MB")
    told = [text for _, text in model.asked[0]]
    assert told == [
        known[1].request,
        known[1].line,
        known[0].request,
        known[0].line,
        "find files bigger than 10 MB",
        "",
    ]


def test_a_blank_line_is_no_answer() -> None:
    assert Answerer(Index([]), Writer(**{" ": -0.1})).answer("list") == []


def test_what_is_like_nothing_known_is_not_answered() -> None:
    index = Index([pair for pair in PAIRS if "size" in pair.request], Sizes())
    assert index.knows("the larger files")
    assert Answerer(index).answer("the larger files")
    assert not index.knows("paint the files")
    assert Answerer(index, Writer(ls=-0.1)).answer("paint the files") == []


@pytest.mark.parametrize(
    ("request_", "score", "first", "source"),
    [
        ("the larger files", -0.1, "convert x", "chat"),
        ("the larger files", -6.0, "ls -S", "found"),
        ("paint the files", -0.1, "convert x", "chat"),
        ("paint the files", -6.0, None, None),  # neither is sure
        ("paint the files", -1e6, None, None),
    ],
)
def test_a_chat_model_counts_as_far_as_it_is_sure(
    request_: str, score: float, first: str | None, source: str | None
) -> None:
    index = Index([pair for pair in PAIRS if "size" in pair.request], Sizes())
    answers = Answerer(index).answer(request_, chat=lambda: [("convert x", score)])
    assert [(each.line, each.source) for each in answers][:1] == ([(first, source)] if first else [])


# --- harm ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("delete all core files", True),
        ("get rid of empty folders", True),
        ("Uninstalling a package", True),
        ("stop the web server", True),
        ("roll back the last migration", True),
        ("empty the trash", True),
        ("rm", True),
        ("find empty files", False),
        ("which process listens on port 8080", False),
        ("show the format", True),  # said too often rather than too seldom: it only changes an order
        ("list the alarms", False),
        ("list stopped containers", False),
        ("count killed processes", False),
        ("which packages were removed", False),
        ("shred the file", True),
        ("", False),
    ],
)
def test_requests_that_ask_for_harm(request_: str, expected: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert harm.asked(request_) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rm notes.txt", True),
        ("find . -name core -delete", True),
        ("lsof -i :80 | awk '{print $2}' | xargs kill -9", True),
        ("sudo pkill nginx", True),
        ("mkfs.ext4 /dev/sda1", True),
        ("lsof -i :80", False),
        ("chmod +x a", False),
        ("echo kill", False),
    ],
)
def test_lines_that_harm(line: str, expected: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert harm.done(line, classify(line)) == expected
