"""Rows as the model sees them."""

from __future__ import annotations

import re
from collections import Counter

import pytest

pytest.importorskip("sentencepiece", reason="needs [train]")

import tiny_models

from assistant_core.engine.prompt import BOS, CONTEXT, PAD
from training import examples
from training.examples import IGNORED
from training.records import Row, Task
from training.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny_models.vocabulary(tmp_path_factory.mktemp("words") / "tokenizer.model")


def row(task: Task, *texts: str, exits: tuple[int | None, ...] = (), directory: str = "", weight: float = 1) -> Row:
    return Row(task=task, texts=texts, source="t", licence="MIT", exits=exits, directory=directory, weight=weight)


def shown(words: Tokenizer, each: Row) -> list[tuple[str, str]]:
    """Return the example of a row as text, and that part of it which is to be produced, control pieces by name."""
    names = words.pieces()

    def text(tokens: list[int]) -> str:
        joined = "".join(names[token] for token in tokens).replace("\u2581", " ")
        return re.sub(r"<0x(..)>", lambda found: chr(int(found[1], 16)), joined)

    return [
        (text(tokens), text([token for token, is_wanted in zip(tokens, wanted, strict=True) if is_wanted]))
        for tokens, wanted in examples.encode(each, words)
    ]


@pytest.mark.parametrize(
    ("each", "whole", "wanted"),
    [
        (row("line", "ls"), "<s><|line|>ls</s>", "ls</s>"),
        (row("request", "list files", "ls"), "<s><|request|>list files<|line|>ls</s>", "ls</s>"),
        (row("explain", "ls", "list files"), "<s><|line|>ls<|explain|>list files</s>", "list files</s>"),
        (row("fix", "sl", "ls"), "<s><|previous|>sl<|exit|>1<|line|>ls</s>", "ls</s>"),
        (
            row("session", "git add", "make", exits=(0, 2), directory="git"),
            "<s><|directory|>git<|line|>git add<|line|>make<|exit|>2</s>",
            "<|line|>git add<|line|>make<|exit|></s>",
        ),
    ],
)
def test_only_what_is_to_be_produced_is_wanted(words: Tokenizer, each: Row, whole: str, wanted: str) -> None:
    assert shown(words, each) == [(whole, wanted)]


def test_a_long_session_is_cut_between_lines_and_keeps_its_directory(words: Tokenizer) -> None:
    lines = tuple(f"echo {at} {at} {at} {at}" for at in range(100))
    made = shown(words, row("session", *lines, directory="git"))
    assert len(made) > 1
    assert all(whole.startswith("<s><|directory|>git<|line|>echo") for whole, _ in made)
    joined = "".join(whole.removeprefix("<s><|directory|>git").removesuffix("</s>") for whole, _ in made)
    assert joined == "".join(f"<|line|>{line}" for line in lines)


def test_what_does_not_fit_a_context_is_left_out(words: Tokenizer) -> None:
    assert not shown(words, row("line", "x" * 2000))
    assert shown(words, row("session", "x" * 2000, "ls")) == [("<s><|line|>ls</s>", "<|line|>ls</s>")]


def test_contexts_hold_whole_examples_and_every_label_once(words: Tokenizer) -> None:
    rows = [row("request", f"show item {at}", f"show {at}") for at in range(60)]
    expected = [example for each in rows for example in examples.encode(each, words)]
    packed = examples.pack(expected, seed=1)
    assert packed.tokens.shape == packed.labels.shape == (len(packed.tokens), CONTEXT)
    found = sorted(tuple(part) for context in packed.tokens for part in split(context.tolist()))
    assert found == sorted(tuple(example.tokens) for example in expected)
    assert (packed.labels != IGNORED).sum() == sum(sum(example.wanted) for example in expected)
    where = packed.labels != IGNORED
    assert (packed.labels[where] == packed.tokens[where]).all()


def split(context: list[int]) -> list[list[int]]:
    parts: list[list[int]] = []
    for token in context:
        if token == BOS:
            parts.append([])
        if token != PAD:
            parts[-1].append(token)
    return parts


@pytest.mark.parametrize(
    ("weight", "emphasis", "least", "most"),
    [
        (0, {}, 0, 0),
        (1, {}, 1, 1),
        (2, {}, 2, 2),
        (0.5, {}, 0, 1),
        (1, {"line": 3}, 3, 3),
        (0.5, {"line": 2}, 1, 1),
        (1, {"line": 1.5}, 1, 2),
        (1, {"request": 3}, 1, 1),
    ],
)
def test_a_row_is_shown_as_often_as_its_weight_and_task_say(
    weight: float, emphasis: dict[Task, float], least: int, most: int
) -> None:
    rows = [row("line", f"echo {at}", weight=weight) for at in range(400)]
    shown_rows = list(examples.shown(rows, seed=3, emphasis=emphasis))
    counts = Counter(shown_rows)
    assert {min(counts[each] for each in rows), max(counts[each] for each in rows)} == {least, most}
    assert len(shown_rows) / len(rows) == pytest.approx(weight * emphasis.get("line", 1), abs=0.1)


def test_the_same_seed_packs_alike(words: Tokenizer) -> None:
    made = [example for at in range(100) for example in examples.encode(row("line", f"echo {at}"), words)]
    one, two, other = (examples.pack(made, seed=seed).tokens for seed in (1, 1, 2))
    assert (one == two).all()
    assert one.shape != other.shape or (one != other).any()
