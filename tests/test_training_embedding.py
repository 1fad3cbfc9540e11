"""The embedding, learnt from a few hundred made-up pairs: what says the same becomes near, and how it ships."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import corpora
import msgspec
import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs [train]")

from assistant_core.engine import embed, registry
from assistant_core.engine.embed import Embedding, Vocabulary
from assistant_core.engine.registry import Card
from assistant_core.errors import TrainingError
from training import embedding, embedding_release
from training.embedding import Pair, Plan
from training.evaluate.opponents import by_meaning
from training.records import Row, Task

CHANGES = ("words=300", "buckets=50", "dimensions=32", "epochs=12", "batch=64", "threads=1")
PLAN = embedding_release.planned(CHANGES)
LONGEST = 10_000_000  # bytes of the file that ships


def row(task: Task, *texts: str, weight: float = 1) -> Row:
    return Row(task=task, texts=texts, source="t", licence="MIT", weight=weight)


# --- pairs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("request", "list", "ls")], [Pair("list", "ls", 1)]),
        ([row("explain", "ls", "lists")], [Pair("lists", "ls", 1)]),  # what is said comes first, as in a request
        ([row("fix", "sl", "ls")], [Pair("sl", "ls", 1)]),
        (
            [row("request", "list", "ls", weight=0.2), row("explain", "ls", "list", weight=0.4)],
            [Pair("list", "ls", 0.4)],
        ),
        (
            [row("request", "list", "ls"), row("request", "list", "dir", weight=0.5)],
            [Pair("list", "ls", 1), Pair("list", "dir", 0.5), Pair("ls", "dir", 0.25)],
        ),
        (
            [row("request", "list", "ls"), row("request", "show", "ls")],
            [Pair("list", "ls", 1), Pair("show", "ls", 1), Pair("list", "show", 0.5)],
        ),
        ([row("line", "ls"), row("session", "ls", "cd")], []),
    ],
)
def test_what_is_paired(rows: list[Row], expected: list[Pair]) -> None:
    assert embedding.pairs(rows) == expected


def test_the_most_frequent_words_by_weight_have_rows_of_their_own() -> None:
    told = [Pair("list files", "ls", 1), Pair("list", "rare rare", 0.1)]
    known = embedding.vocabulary(told, Plan(words=3, buckets=2))
    assert known.known == ["list", "files", "ls"]
    assert known.size == 5


# --- learning ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Embedding:
    told = [Pair(*pair, 1) for pair in corpora.requests(held=False)]
    known, matrix = embedding.learn(told, PLAN)
    file = tmp_path_factory.mktemp("learned") / embed.FILE
    embed.write(file, known, matrix)
    return Embedding.open(file)


def test_a_line_is_nearest_to_a_request_that_was_never_seen(learned: Embedding) -> None:
    asked = corpora.requests(held=True)
    lines = [f"{program} {animal}" for program, animal in product(corpora.WISHES.values(), corpora.ANIMALS)]
    cosines = learned.encode([request for request, _ in asked]) @ learned.encode(lines).T
    nearest = [lines[at] for at in cosines.argmax(axis=1)]
    right = sum(line == found for (_, line), found in zip(asked, nearest, strict=True))
    assert right > 0.9 * len(asked)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("show the owl", "cat owl", "gzip -9 owl"),
        ("compress the owl", "gzip -9 owl", "cat owl"),
        ("put in order the bee", "sort bee", "sort bat"),
        ("edit the zebra", "nano zebra", "nano bat"),  # a name that was never seen
    ],
)
def test_near_is_near(learned: Embedding, text: str, near: str, far: str) -> None:
    row, close, distant = learned.encode([text, near, far])
    assert row @ close > row @ distant + 0.1


def test_the_same_seed_learns_the_same() -> None:
    told = [Pair(*pair, 1) for pair in corpora.requests(held=False)[:100]]
    one, again, other = (embedding.learn(told, PLAN._replace(epochs=1, seed=seed))[1] for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_watcher_sees_the_loss_fall() -> None:
    losses: list[float] = []
    told = [Pair(*pair, 1) for pair in corpora.requests(held=False)]
    embedding.learn(told, PLAN, lambda _done, _steps, loss: losses.append(loss))
    assert losses[-1] < losses[0] / 2


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(TrainingError, match="has 1 pairs to learn from, expected 8 or more; add sources"):
        embedding.learn([Pair("list", "ls", 1)], PLAN)


# --- what ships ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    place = tmp_path_factory.mktemp("embedding")
    folder = place / "made" / "embedding"
    return folder, embedding_release.release(corpora.write(place / "corpora"), folder, CHANGES)


def test_the_card_describes_what_was_written(released: tuple[Path, Card]) -> None:
    folder, card = released
    assert msgspec.json.decode((folder / registry.CARD).read_bytes(), type=Card) == card
    assert card.files == {embed.FILE: registry.described(folder / embed.FILE)}
    rows = {each.source: each.rows for each in card.data}
    explained = sum(line.startswith("cat") for _, line in corpora.requests(held=False))
    assert rows == {"zoo/pages": len(corpora.requests(held=False)) + explained, "zoo/mend": 1}
    every = {line for held in (False, True) for _, line in corpora.requests(held=held)}
    assert card.command == f"python -m training embedding CORPORA TARGET {' '.join(CHANGES)}"
    assert card.trained_on == "CPU, 1 threads"
    assert (card.scores["requests"], card.scores["lines"]) == (len(corpora.requests(held=True)), len(every))
    assert 0.9 < card.scores["recall@1"] <= card.scores["recall@10"] <= 1
    assert card.scores["BM25 recall@1"] == 0  # ten lines share the animal with a request, and nothing else
    assert 0.9 < card.scores["BM25 recall@10"] <= 1


def test_it_opens_without_torch(released: tuple[Path, Card]) -> None:
    code = (
        "import sys; from pathlib import Path; from assistant_core.engine.embed import Embedding\n"
        f"rows = Embedding.open(Path({str(released[0])!r})).encode(['show the owl', 'cat owl'])\n"
        "import json; print(json.dumps([float(rows[0] @ rows[1]), 'torch' in sys.modules]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    cosine, torch_is_loaded = json.loads(told.stdout)
    assert cosine > 0.5
    assert not torch_is_loaded


def test_a_whole_vocabulary_is_a_small_file(tmp_path: Path) -> None:
    plan = Plan()
    known = Vocabulary([f"word{at}" for at in range(plan.words)], plan.buckets)
    embed.write(tmp_path / embed.FILE, known, np.ones((known.size, plan.dimensions), np.float32))
    assert (tmp_path / embed.FILE).stat().st_size <= LONGEST


@pytest.mark.parametrize(
    ("right", "found", "expected"),
    [
        ("a", "a", {"recall@1": 1, "recall@10": 1}),
        ("b", "a", {"recall@1": 0, "recall@10": 1}),
        ("z", "a", {"recall@1": 0, "recall@10": 0}),
    ],
)
def test_recall(right: str, found: str, expected: dict[str, float]) -> None:
    """A letter is the nearer the fewer places it is away in the alphabet."""

    class Letters:
        def encode(self, texts: list[str]) -> np.ndarray:
            angles = np.array([ord(text) - ord("a") for text in texts]) / 26
            return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    lines = "abcdefghijklmnopqrstuvwxyz"
    near = by_meaning(lines, Letters())  # type: ignore[arg-type] # a list
    assert embedding_release.recall(near, [(found, right)], lines) == expected


@pytest.mark.parametrize(
    ("alike", "expected"),
    [
        (1, {"recall@1": 1, "recall@10": 1}),
        (2, {"recall@1": 1, "recall@10": 1}),
        (3, {"recall@1": 0, "recall@10": 1}),
        (20, {"recall@1": 0, "recall@10": 1}),
        (21, {"recall@1": 0, "recall@10": 0}),
    ],
)
def test_of_lines_that_are_as_near_half_come_before_the_right_one(alike: int, expected: dict[str, float]) -> None:
    lines = [f"ls {at}" for at in range(30)]
    near = np.array([1] * alike + [0] * (30 - alike), np.float32)
    assert embedding_release.recall(lambda _: near, [("list", "ls 0")], lines) == expected


@pytest.mark.parametrize("change", ["epoch=3", "epochs=many", "epochs", "=3", "epochs=1.5"])
def test_a_change_that_is_none_is_refused(change: str) -> None:
    with pytest.raises(TrainingError, match=r"expected NAME=NUMBER, NAME one of words, buckets, dimensions, epochs"):
        embedding_release.planned([change])


def test_what_is_not_changed_stays() -> None:
    assert embedding_release.planned([]) == Plan()
    assert embedding_release.planned(["scale=2.5"]) == Plan(scale=2.5)
