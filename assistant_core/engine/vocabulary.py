"""The pieces of a model, as bytes: which may follow, which spell what was typed, where to begin again.

In: the vocabulary of a Context, text. Out: tokens, masks over the vocabulary (0 allowed, -inf not), sets of tokens.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assistant_core.engine.prompt import EOS, FIRST, Part, Piece, number
from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assistant_core.engine.llama import Context

SPACE = "\u2581"  # how SentencePiece writes a space; where it is meant itself it is spelt in bytes
ENDS = (EOS, number(Piece.LINE), number(Piece.REQUEST), number(Piece.EXIT))  # what says that an answer is over
CONTINUATION = range(0x80, 0xC0)  # bytes of a character after its first (RFC 3629)


class Typed(NamedTuple):
    """What was typed: tokens that stay whatever follows, and the bytes after them that are to be spelt anew."""

    tokens: list[int]
    owed: bytes


class Spelling(NamedTuple):
    """Tokens that spell all of what is owed, and perhaps more; tokens that spell a beginning of it."""

    all: NDArray[np.intp]
    part: NDArray[np.intp]


class Pieces:
    """The pieces of any model's `context`, and which tokens say that an answer is over."""

    def __init__(self, context: Context) -> None:
        self.pieces = [context.piece(token) for token in range(context.size)]
        self.ends: Sequence[int] = ()
        self.starts = self._mask(_starts)  # what may follow whole characters
        self.continues = self._mask(_continues)  # what may follow a part of a character

    @cached_property
    def _sorted(self) -> list[tuple[bytes, int]]:
        return sorted((piece, token) for token, piece in enumerate(self.pieces) if piece)

    @lru_cache(maxsize=64)  # noqa: B019 - lives as long as the model
    def spelling(self, owed: bytes) -> Spelling:
        """Return how the bytes `owed` can be spelt."""
        shorter = [token for end in range(1, len(owed)) for token in self._equal(owed[:end])]
        return Spelling(np.array(self._beginning(owed), np.intp), np.array(shorter, np.intp))

    def _beginning(self, data: bytes) -> list[int]:
        return self._between((data, -1), (data + b"\xff", -1))  # text holds no byte 0xFF

    def _equal(self, data: bytes) -> list[int]:
        return self._between((data, -1), (data, len(self.pieces)))

    def _between(self, low: tuple[bytes, int], high: tuple[bytes, int]) -> list[int]:
        found = self._sorted[bisect_left(self._sorted, low) : bisect_left(self._sorted, high)]
        return [token for _, token in found]

    def _mask(self, allowed: Callable[[bytes], bool]) -> NDArray[np.float32]:
        return np.array([0 if allowed(piece) else -np.inf for piece in self.pieces], np.float32)


class Vocabulary(Pieces):
    """The pieces of the command model. Raises ModelError if `context` has not its control pieces."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._context = context
        self.ends = ENDS
        controls, expected = [at for at, piece in enumerate(self.pieces) if not piece], range(FIRST + len(Piece))
        if controls != list(expected):
            found = f"its pieces without text are {controls[:12]}, not 0 to {expected[-1]}"
            raise ModelError(f"this is not a command model: {found}; train and export one, or name another file")
        self._longest = max(map(len, self.pieces))
        self._space = [self.pieces.index(bytes([byte])) for byte in SPACE.encode()]

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`, as the tokenizer of training does."""
        first, *rest = text.split(SPACE)
        tokens = self._context.tokenise(first)
        for part in rest:
            tokens += [*self._space, *self._context.tokenise(part)]
        return tokens

    def encode_part(self, part: Part) -> list[int]:
        """Return a part as its control piece and the tokens of its text."""
        piece, text = part
        return [number(piece), *self.encode(text)]

    def typed(self, text: str) -> Typed:
        """Take back the tokens of `text` that could be others once more is typed ("token healing").

        A piece may begin in what is typed and end in what is not: the longest end of `text` with which a piece begins
        is owed, from the token on in which it starts. "git checko" keeps "git" and owes " checko" where " checkout"
        is a piece.
        """
        tokens, data = self.encode(text), text.encode("utf-8", "replace")
        starts = (at for at in range(max(0, len(data) - self._longest), len(data)) if self._beginning(data[at:]))
        start = next(starts, len(data))
        lengths = np.cumsum([0, *(len(self.pieces[token]) for token in tokens)])
        kept = int(np.searchsorted(lengths, start, side="right")) - 1
        return Typed(tokens[:kept], data[lengths[kept] :])


def printable(data: bytes) -> bool:
    """Return whether `data` is text without control characters, line ends or signs that reorder a line."""
    try:
        return data.decode().isprintable()
    except UnicodeDecodeError:
        return False


def unfinished(data: bytes) -> bool:
    """Return whether `data` is the beginning of a character of several bytes."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start == 0
    return False


def _starts(piece: bytes) -> bool:
    return bool(piece) and (printable(piece) or unfinished(piece))


def _continues(piece: bytes) -> bool:
    return len(piece) == 1 and piece[0] in CONTINUATION
