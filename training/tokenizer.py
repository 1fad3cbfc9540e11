"""Text to tokens and back, exactly.

In: texts, to learn a vocabulary from, or to encode. Out: a SentencePiece model; token numbers. BPE with byte fallback
and identity normalisation (Kudo and Richardson, arXiv 1808.06226), so that every text comes back as it was; the
control pieces of assistant_core.engine.prompt follow <unk>, <s>, </s> and <pad> and no text can spell them.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import sentencepiece

from assistant_core.engine.prompt import BOS, EOS, PAD, UNKNOWN, Part, Piece, number
from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SIZE = 8192  # pieces
SAMPLED = 1_000_000  # texts that a vocabulary is learnt from, at the most
LONGEST = 4096  # bytes of a text that a vocabulary is learnt from
SPACE = "\u2581"  # SentencePiece writes a space so; a text that holds the character itself is spelt in bytes


class Tokenizer:
    """A SentencePiece model. Raises ModelError if `file` is none or lacks the control pieces."""

    def __init__(self, file: Path) -> None:
        try:
            self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{file} is not a SentencePiece model ({error}); train it again") from error
        for piece in Piece:
            if self._pieces.piece_to_id(piece.value) != number(piece):
                raise ModelError(f"{file}: piece {number(piece)} is not {piece.value}; train the tokenizer again")
        self._bytes = [self._pieces.piece_to_id(f"<0x{byte:02X}>") for byte in SPACE.encode()]
        self.file = file

    @property
    def size(self) -> int:
        """Number of pieces."""
        return int(self._pieces.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`; control pieces in it are plain characters."""
        first, *rest = text.split(SPACE)
        tokens: list[int] = self._pieces.encode(first)
        for part in rest:
            tokens += [*self._bytes, *self._pieces.encode(part)]
        return tokens

    def encode_parts(self, parts: Sequence[Part]) -> list[int]:
        """Return each part as its control piece and its text; BOS and EOS are the caller's."""
        return [token for piece, text in parts for token in (number(piece), *self.encode(text))]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens`; control pieces say nothing."""
        return str(self._pieces.decode(list(tokens)))

    def pieces(self) -> list[str]:
        """Return the pieces in the order of their numbers."""
        return [self._pieces.id_to_piece(at) for at in range(self.size)]


def train(texts: Iterable[str], file: Path, size: int = SIZE) -> Tokenizer:
    """Learn `size` pieces from `texts`, fewer where they hold too little, and write them to `file`.

    The result depends on the texts and their order alone. Raises ModelError if nothing can be learnt from them.
    """
    usable = (text for text in texts if text and "\n" not in text and len(text.encode()) < LONGEST)
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(usable),
            model_writer=written,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            byte_fallback=True,
            character_coverage=0.9995,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            split_digits=True,
            max_sentence_length=LONGEST,
            input_sentence_size=SAMPLED,
            shuffle_input_sentence=False,
            unk_id=UNKNOWN,
            bos_id=BOS,
            eos_id=EOS,
            pad_id=PAD,
            control_symbols=[piece.value for piece in Piece],
            num_threads=4,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        needed = re.search(r"required_chars\. \d+ vs (\d+)", str(error))
        reason = f"their characters alone need {needed[1]}; give more pieces" if needed else error
        raise ModelError(f"no vocabulary of {size} pieces can be learnt from these texts: {reason}") from error
    file.write_bytes(written.getvalue())
    return Tokenizer(file)


def drift(texts: Iterable[str], tokenizer: Tokenizer, usual: float) -> float:
    """Return by what part `texts` need more tokens a byte than `usual`, the card's figure; .1 is ten per cent more."""
    read = list(texts)
    length = sum(len(text.encode()) for text in read)
    return sum(len(tokenizer.encode(text)) for text in read) / length / usual - 1 if length else 0.0
