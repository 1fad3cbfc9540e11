"""Scores of predictions whose value is known by hand, and predictors that are right or wrong on purpose."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_core.engine import prompt
from assistant_core.engine.prompt import BOS, EOS, Part, Piece
from training import examples, tokenizer
from training.evaluate import metrics, tasks
from training.evaluate.bootstrap import compare
from training.evaluate.ngram import NGram
from training.evaluate.opponents import Nearest, NGramPredictor, by_meaning, by_words
from training.evaluate.predictor import Ranked
from training.evaluate.tasks import Measure
from training.records import Row

# --- metrics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predictions", "hit1", "hit5", "rank"),
    [
        (["ls", "cd"], 1, 1, 1),
        (["cd", "ls"], 0, 1, 1 / 2),
        (["a", "b", "c", "d", "e", "ls"], 0, 0, 1 / 6),
        ([*"abcdefghij", "ls"], 0, 0, 0),
        ([], 0, 0, 0),
    ],
)
def test_next_line(predictions: list[str], hit1: float, hit5: float, rank: float) -> None:
    assert metrics.hit(predictions, "ls", 1) == hit1
    assert metrics.hit(predictions, "ls", 5) == hit5
    assert metrics.reciprocal_rank(predictions, "ls") == pytest.approx(rank)


@pytest.mark.parametrize(
    ("known", "truth", "by_line", "by_word"),
    [
        ([], "git status", 10, 10),
        (["git status"], "git status", 2, 2),  # "g", accept
        (["git stash", "git status"], "git status", 9, 7),  # "g", accept "git ", "statu", accept
        (["git status --long"], "git status", 10, 8),  # "g", accept "git ", "status": the ghost's word has a blank
        (["docker run it"], "docker run me", 13, 5),  # "d", accept "docker ", accept "run ", "me"
        (["git  stash x"], "git  stash y", 12, 4),  # blanks before a word are taken with it
        (["ls -l", "ls -la /tmp"], "ls -la /tmp", 6, 4),  # "l", accept "ls ", "-l" is whole: "-la /tmp" next
        (["x"], "x", 1, 1),
        (["ab"], "ab", 2, 2),  # accepting costs what it saves
    ],
)
def test_keystrokes(known: list[str], truth: str, by_line: int, by_word: int) -> None:
    def ask(typed: str) -> str | None:
        return next((line for line in known if line.startswith(typed) and line != typed), None)

    shown = metrics.ghosts(truth, ask)
    assert metrics.keys_by_line(shown, truth) == by_line
    assert metrics.keys_by_word(shown, truth) == by_word


@pytest.mark.parametrize("shown", [None, "svn status", "gi", "g"])
def test_a_ghost_that_does_not_continue_what_is_typed_is_none(shown: str | None) -> None:
    assert metrics.ghosts("git", lambda _typed: shown)[2:] == [None]


@pytest.mark.parametrize(
    ("predictions", "truths", "expected"),
    [
        (["find . -name x -delete"], ["find /tmp -delete -name y"], {"nlc2cmd@1": 1, "program@1": 1, "exact@1": 0}),
        (["ls  -l"], ["ls -l"], {"nlc2cmd@1": 1, "exact@1": 1}),
        (["ls -l", "ls -a"], ["ls -a"], {"nlc2cmd@1": -0.5, "nlc2cmd@3": 1, "exact@3": 1}),
        (["du -sh"], ["du -s", "df"], {"nlc2cmd@1": 0.5, "program@5": 1}),  # f = (2 * 1 - 2) / 2
        (["cat x"], ["ls", "cat y"], {"nlc2cmd@1": 1, "exact@1": 0}),
        ([], ["ls"], {"nlc2cmd@1": -1, "nlc2cmd@5": -1, "program@1": 0}),
        ([" "], ["ls"], {"nlc2cmd@3": -1}),
    ],
)
def test_answers(predictions: list[str], truths: list[str], expected: dict[str, float]) -> None:
    found = metrics.answers(predictions, truths)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "truth", "expected"),
    [
        ("List files.", "list files.", 1),
        ("List all files", "list files", 4 / 5),
        ("copy", "move", 0),
        ("", "move", 0),
        ("the the the", "the", 1 / 2),
    ],
)
def test_overlap(said: str, truth: str, expected: float) -> None:
    assert metrics.overlap(said, truth) == pytest.approx(expected)


# --- bootstrap -----------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_the_mean() -> None:
    generator = np.random.default_rng(5)
    theirs = generator.normal(size=400)
    gains = generator.normal(0.1, 1, size=400)
    found = compare(theirs + gains, theirs)
    error = gains.std() / math.sqrt(400)
    assert found.value == pytest.approx(gains.mean())
    assert found.low == pytest.approx(gains.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(gains.mean() + 1.96 * error, abs=0.1 * error)
    assert found.p == pytest.approx(0.5 * math.erfc(gains.mean() / error / math.sqrt(2)), abs=0.01)


@pytest.mark.parametrize(
    ("ours", "theirs", "weights", "value", "p"),
    [
        ([1, 1, 1], [0, 0, 0], None, 1, 1 / 10_001),
        ([0, 0, 0], [1, 1, 1], None, -1, 1),
        ([1, 0], [1, 0], None, 0, 1),  # no difference is no improvement
        ([1, 0], [0, 0], [3, 1], 3 / 4, 0.25),
    ],
)
def test_differences(
    ours: list[float], theirs: list[float], weights: list[float] | None, value: float, p: float
) -> None:
    found = compare(ours, theirs, weights)
    assert found.value == pytest.approx(value)
    assert found.p == pytest.approx(p, abs=0.02)
    assert found == compare(ours, theirs, weights)  # seeded
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1], [1, 2])])
def test_items_that_are_no_pairs_are_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match=f"{len(ours)} and {len(theirs)} scores"):
        compare(ours, theirs)


# --- n-grams -------------------------------------------------------------------------------------------------

WORDS = 12


def text(seed: int, sentences: int = 300) -> list[list[int]]:
    """Sentences in which 6 follows 5, and 7 the pair 4 6, mostly."""
    chance = random.Random(seed)
    found = []
    for _ in range(sentences):
        tokens = [BOS, *(chance.choice((4, 5, 5, 8)) for _ in range(chance.randint(1, 6)))]
        tokens += [5, 6] if chance.random() < 0.8 else [4, 6, 7]
        found.append([*tokens, EOS])
    return found


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_one_after_anything(order: int) -> None:
    model = NGram(text(1), WORDS, order)
    contexts = [[], [BOS], [BOS, 5], [5, 6], [4, 6, 7], [11, 11, 11, 11], [BOS, 11, 5]]
    sums = [float(np.exp(model.logarithms(context)).sum()) for context in contexts]
    assert sums == pytest.approx([1.0] * len(contexts), abs=1e-5)


def reference(sentences: list[list[int]], order: int) -> Callable[[Sequence[int], int], float]:
    """The textbook's recursion over dictionaries."""
    counts: list[dict[tuple[int, ...], int]] = []
    for length in range(1, order + 1):
        grams = [tuple(line[at : at + length]) for line in sentences for at in range(len(line) - length + 1)]
        if length == order:
            counts.append({gram: grams.count(gram) for gram in set(grams)})
            continue
        longer = {tuple(line[at : at + length + 1]) for line in sentences for at in range(len(line) - length)}
        before = {gram: sum(each[1:] == gram for each in longer) for gram in set(grams)}
        raw = {gram: grams.count(gram) for gram in set(grams) if gram[0] == BOS and length > 1}
        counts.append(before | raw)

    def probability(context: Sequence[int], token: int) -> float:
        context = tuple(context)[len(context) - min(len(context), order - 1) :]
        table = counts[len(context)]
        lower = probability(context[1:], token) if context else 1 / WORDS
        children = {gram: count for gram, count in table.items() if gram[:-1] == context}
        total = sum(children.values())
        if not total:
            return lower
        numbers = [max(sum(count == number for count in table.values()), 1) for number in (1, 2, 3, 4)]
        share = numbers[0] / (numbers[0] + 2 * numbers[1])
        cuts = [0.0] + [
            min(max(at - (at + 1) * share * numbers[at] / numbers[at - 1], 0.1), at - 0.1) for at in (1, 2, 3)
        ]
        taken = sum(min(cuts[min(count, 3)], count) for count in children.values())
        own = children.get((*context, token), 0)
        return max(own - cuts[min(own, 3)], 0) / total + taken / total * lower

    return probability


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_are_those_of_the_textbook(order: int) -> None:
    sentences = text(2, 60)
    model, truth = NGram(sentences, WORDS, order), reference(sentences, order)
    for context in itertools.product([BOS, 4, 5, 6, 11], repeat=min(order, 2)):
        row = np.exp(model.logarithms(context))
        assert row == pytest.approx([truth(context, token) for token in range(WORDS)], abs=1e-5)


def test_longer_contexts_foretell_better() -> None:
    learned, held = text(3), text(4, 100)

    def bits(order: int) -> float:
        model = NGram(learned, WORDS, order)
        return -sum(float(model.logarithms(line[:at])[line[at]]) for line in held for at in range(1, len(line)))

    assert bits(3) < bits(2) < bits(1)


def test_no_text_gives_the_uniform_distribution() -> None:
    assert np.exp(NGram([], WORDS).logarithms([BOS, 5])) == pytest.approx([1 / WORDS] * WORDS)


# --- predictors and tasks ------------------------------------------------------------------------------------


def session(*lines: str, exits: tuple[int | None, ...] = ()) -> Row:
    return Row(task="session", texts=lines, source="test", licence="MIT", exits=exits)


def row(task: str, *texts: str, group: str = "") -> Row:
    return Row(task=task, texts=texts, source="test", licence="MIT", group=group)  # type: ignore[arg-type] # a Task


LEARNED = [session("cd project", "git status", "git commit -m fix", "git push")] * 4 + [
    session("ls -la", "cd project", "git status")
]


@pytest.fixture(scope="module")
def ngram(tmp_path_factory: pytest.TempPathFactory) -> NGramPredictor:
    """Counts of LEARNED, over a vocabulary of its own."""
    lines = [line for each in LEARNED for line in each.texts]
    words = tokenizer.train(lines * 5, tmp_path_factory.mktemp("ngram") / "tokenizer.model", 300)
    tokens = [example.tokens for each in LEARNED for example in examples.encode(each, words)]
    return NGramPredictor(NGram(tokens, words.size), words)


@pytest.mark.parametrize(
    ("before", "typed", "expected"),
    [
        ([], "", "cd project"),
        ([("cd project", None)], "", "git status"),
        ([("git status", None)], "git c", "git commit -m fix"),
        ([], "git pu", "git push"),
        ([], "git s", "git status"),
    ],
)
def test_the_ngram_continues_what_it_has_seen(
    ngram: NGramPredictor, before: list[tuple[str, int | None]], typed: str, expected: str
) -> None:
    found = ngram.lines(prompt.session(before), typed, 3)
    assert found[0][0] == expected
    assert all(line.startswith(typed) for line, _ in found)
    assert [share for _, share in found] == sorted((share for _, share in found), reverse=True)
    assert 0 < found[0][1] <= 1


def test_a_known_line_takes_fewer_bits(ngram: NGramPredictor) -> None:
    parts = [*prompt.session([("cd project", None)]), (Piece.LINE, "")]
    assert 0 < ngram.bits(parts, "git status") < ngram.bits(parts, "git push") < ngram.bits(parts, "gut stotus")


class Knowing:
    """Has seen the line that comes, and says so."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines
        self.asked: list[str] = []

    def lines(self, _before: Sequence[Part], typed: str, count: int) -> Ranked:
        self.asked.append(typed)
        return [(line, 0.5) for line in self._lines if line.startswith(typed)][:count]

    def answer(self, request: str, count: int) -> list[str]:
        return [f"{request} {line}" for line in self._lines][:count]

    def explain(self, line: str) -> str:
        return f"it runs {line}"

    def bits(self, before: Sequence[Part], text: str) -> float:
        return float(len(before) * len(text))


def test_next_line_is_asked_within_a_session() -> None:
    in_git = Row(task="session", texts=("a",), source="test", licence="MIT", directory="git")
    found = tasks.next_line(Knowing("b", "c"), [session("a", "b", "c", "d"), session("a"), in_git, row("line", "b")])
    assert {name: measure.values for name, measure in found.items()} == {
        "hit@1": [1, 0, 0],
        "hit@5": [1, 1, 0],
        "mrr": [1, 0.5, 0],
    }


def test_keystrokes_are_weighed_by_the_length_of_the_lines() -> None:
    found = tasks.typing(Knowing("git status"), [row("line", "git status"), row("line", "ls")])
    assert found["saved by line"] == Measure([0.8, 0.0], [10, 2])
    assert found["saved by line"].mean == pytest.approx(8 / 12)
    assert found["saved by word"].mean == pytest.approx(8 / 12)


@pytest.mark.parametrize(("steady", "asked"), [(True, ["g", "git stat"]), (False, None)])
def test_typing_along_a_ghost_asks_nothing(steady: bool, asked: list[str] | None) -> None:  # noqa: FBT001 - a cell
    predictor = Knowing("git stash", "git status")
    tasks.typing(predictor, [row("line", "git stat")], steady=steady)
    every = ["git stat"[:length] for length in range(1, 8)]
    assert predictor.asked == (["g"] if asked else every)


def test_all_lines_given_for_a_request_are_right() -> None:
    rows = [row("request", "list", "list -a", group="x"), row("request", "list", "list -b", group="x")]
    found = tasks.requests(Knowing("-b"), [*rows, row("line", "list")])
    assert found["exact@1"].values == [1]


def test_explanations_are_compared_word_by_word() -> None:
    assert tasks.explanations(Knowing(), [row("explain", "ls", "runs ls")])["overlap"].mean == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (row("line", "ls"), [([(Piece.LINE, "")], "ls")]),
        (
            session("a", "b", exits=(1, None)),
            [([(Piece.LINE, "")], "a"), ([(Piece.LINE, "a"), (Piece.EXIT, "1"), (Piece.LINE, "")], "b")],
        ),
        (row("request", "list", "ls"), [([(Piece.REQUEST, "list"), (Piece.LINE, "")], "ls")]),
        (row("explain", "ls", "lists"), [([(Piece.LINE, "ls"), (Piece.EXPLAIN, "")], "lists")]),
        (row("fix", "sl", "ls"), [([(Piece.PREVIOUS, "sl"), (Piece.EXIT, "1"), (Piece.LINE, "")], "ls")]),
    ],
)
def test_questions(asked: Row, expected: list[tuple[list[Part], str]]) -> None:
    assert list(tasks.questions(asked)) == expected


def test_bits_are_those_of_a_byte() -> None:
    found = tasks.bits(Knowing(), [row("line", "lös"), row("request", "list", "ls")])
    assert found["bits"].mean == pytest.approx((1 * 3 + 2 * 2) / (4 + 2))
    assert found["bits, request"].mean == pytest.approx(2)
    assert tasks.better(found["bits"], Measure([9, 9], [4, 2], less_is_better=True)).value > 0


# --- retrieval -----------------------------------------------------------------------------------------------

REQUESTS = ["list files by size", "show disk usage", "remove empty folders"]
LINES = ["ls -S", "du -h", "find . -empty -delete"]


class Letters:
    """Texts by which letters they hold."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array([[float(chr(97 + at) in text) for at in range(26)] for text in texts], np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("nearness", [by_words(REQUESTS), by_meaning(REQUESTS, Letters())], ids=["words", "meaning"])
@pytest.mark.parametrize(
    ("request_", "line"), [("listing the files, by their size", "ls -S"), ("folders that are empty", LINES[2])]
)
def test_the_nearest_request_answers(nearness: Callable[[str], NDArray[np.float32]], request_: str, line: str) -> None:
    assert Nearest(LINES, nearness).answer(request_, 2)[0] == line
    assert Nearest(LINES, nearness).explain(request_) == line
