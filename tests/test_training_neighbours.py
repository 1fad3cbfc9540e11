"""Requests in the company of those that are near them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

pytest.importorskip("sentencepiece", reason="needs [train]")

import tiny_models

from assistant_core.engine.prompt import BOS, CONTEXT, EOS, Piece, number
from training import neighbours
from training.examples import Example
from training.records import Row
from training.tokenizer import Tokenizer

PLACES = ("here", "in /tmp", "below src", "at home")
NEAR = [(f"list the {thing} {place}", f"ls -{thing[0]} {place}") for thing in ("files", "links") for place in PLACES]
FAR = [("stop the web server", "systemctl stop nginx"), ("who is logged in", "who")]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny_models.vocabulary(tmp_path_factory.mktemp("words") / "tokenizer.model")


def rows(*pairs: tuple[str, str]) -> list[Row]:
    return [Row(task="request", texts=pair, source="t", licence="MIT") for pair in pairs]


def texts(context: list[int], words: Tokenizer) -> list[tuple[str, str]]:
    """Return the requests of a context, each with its line."""
    assert (context[0], context[-1]) == (BOS, EOS)
    pieces = {number(Piece.REQUEST), number(Piece.LINE)}
    starts = [at for at, token in enumerate(context) if token in pieces]
    found = [words.decode(context[at + 1 : end]) for at, end in pairwise([*starts, len(context) - 1])]
    assert [context[at] for at in starts] == [number(Piece.REQUEST), number(Piece.LINE)] * (len(starts) // 2)
    return list(zip(found[::2], found[1::2], strict=True))


def chains(words: Tokenizer, *pairs: tuple[str, str], seed: int = 0) -> list[list[tuple[str, str]]]:
    return [texts(example.tokens, words) for example in neighbours.chains(rows(*pairs), words, seed=seed)]


@pytest.mark.parametrize(
    "pairs",
    [
        [*NEAR, *FAR],
        [*NEAR, *NEAR, *FAR],  # shown twice
        [("list files", "ls"), ("list all files", "ls"), ("list", "ls")],  # one line for many
        [("list files", "ls"), ("list files", "dir")],  # many lines for one
        [*NEAR, ("+", "x"), ("?", "y")],  # without a term
        [(f"list {at}", f"ls {at}") for at in range(150)],  # more than fit or are considered
        [],
    ],
    ids=["once", "twice", "one line", "one request", "no term", "many", "none"],
)
def test_each_row_stands_as_often_as_it_is_shown(words: Tokenizer, pairs: list[tuple[str, str]]) -> None:
    found = chains(words, *pairs)
    assert Counter(pair for chain in found for pair in chain) == Counter(pairs)
    assert all(len({line for _, line in chain}) == len(chain) for chain in found)


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_stands_last_before_what_it_is_near_to(words: Tokenizer, seed: int) -> None:
    """Where all but one are far from each other, the row that came first and its neighbour end the context."""
    pairs = [("list all open files", "lsof"), ("list all files", "ls -a"), ("list links", "find -type l"), *FAR]
    found = next(chain for chain in chains(words, *pairs, seed=seed) if len(chain) > 1)
    asked = [request for request, _ in found]
    near = {"list all open files": "list all files", "list all files": "list all open files"}
    assert near.get(asked[-1], asked[-2]) == asked[-2]
    assert not {request for request, _ in FAR} & set(asked)


def test_what_shares_no_word_stands_alone(words: Tokenizer) -> None:
    assert sorted(chains(words, *FAR)) == sorted([pair] for pair in FAR)


def test_lines_and_what_says_that_they_are_over_are_produced(words: Tokenizer) -> None:
    (example,) = neighbours.chains(rows(("list files", "ls"), ("list links", "ls -l")), words, seed=0)
    expected = [False]  # BOS
    for at, (request, line) in enumerate(texts(example.tokens, words)):
        expected += [at > 0, *[False] * len(words.encode(request)), False]  # the request's piece ends the line before
        expected += [True] * len(words.encode(line))
    assert example == Example(example.tokens, [*expected, True])


@pytest.mark.parametrize(
    ("pair", "left_out"), [(("x" * 200, "y" * 40), False), (("x" * 2000, "y"), True), (("y", "x" * 2000), True)]
)
def test_a_row_that_is_too_long_is_left_out(words: Tokenizer, pair: tuple[str, str], left_out: bool) -> None:  # noqa: FBT001 - a cell
    found = [each for chain in chains(words, ("list files", "ls"), pair) for each in chain]
    assert sorted(found) == sorted([("list files", "ls")] + [pair] * (not left_out))


def test_contexts_are_filled_and_no_longer_than_the_model_sees(words: Tokenizer) -> None:
    many = rows(*((f"list {at}", f"ls {at}") for at in range(150)))
    lengths = [len(example.tokens) for example in neighbours.chains(many, words, seed=0)]
    assert CONTEXT - 20 < max(lengths) <= CONTEXT


def test_the_same_seed_makes_the_same_chains(words: Tokenizer) -> None:
    one, again, other = (chains(words, *NEAR, *FAR, seed=seed) for seed in (0, 0, 1))
    assert one == again != other
