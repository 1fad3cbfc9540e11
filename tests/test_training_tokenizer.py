"""Text to tokens and back."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sentencepiece", reason="needs [train]")

import tiny_models

from assistant_core.engine.prompt import Piece, number
from assistant_core.errors import ModelError
from training import tokenizer
from training.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny_models.vocabulary(tmp_path_factory.mktemp("words") / "tokenizer.model")


@pytest.mark.parametrize(
    "text",
    [
        "git commit -m 'first light'",
        "  two  spaces   and a tab\t.",
        "trailing ",
        "a\nb\n",
        "<|line|> typed by hand </s> <s> <0x41>",
        "naïve — 漢字 🦀 \u2581 \x7f",
        "0123456789",
        "",
    ],
)
def test_every_text_comes_back(words: Tokenizer, text: str) -> None:
    tokens = words.encode(text)
    assert words.decode(tokens) == text
    assert not {number(piece) for piece in Piece} & set(tokens)


def test_a_part_is_its_control_piece_and_its_text(words: Tokenizer) -> None:
    parts = [(Piece.REQUEST, "list files"), (Piece.LINE, "ls")]
    assert words.encode_parts(parts) == [
        number(Piece.REQUEST),
        *words.encode("list files"),
        number(Piece.LINE),
        *words.encode("ls"),
    ]


def test_the_same_texts_make_the_same_vocabulary(tmp_path: Path) -> None:
    texts = [f"git checkout topic-{at}" for at in range(200)]
    files = [tokenizer.train(texts, tmp_path / name, 330).file.read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]


def test_what_is_no_vocabulary_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("not a model")
    with pytest.raises(ModelError, match="notes is not a SentencePiece model"):
        Tokenizer(tmp_path / "notes")
    with pytest.raises(ModelError, match="no vocabulary of 8192 pieces can be learnt"):
        tokenizer.train([], tmp_path / "none")


def test_drift_is_how_much_longer_texts_have_become(words: Tokenizer) -> None:
    texts = ["git status", "git log --oneline"]
    usual = sum(len(words.encode(text)) for text in texts) / sum(map(len, texts))
    assert tokenizer.drift(texts, words, usual) == pytest.approx(0)
    assert tokenizer.drift(["漢字 漢字"], words, usual) > 0.5
    assert tokenizer.drift([], words, usual) == 0
