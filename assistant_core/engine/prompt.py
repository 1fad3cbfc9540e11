"""What the command model is asked and answers, as parts: a control piece and the text that follows it.

In: lines, requests, exit codes. Out: parts, the same in training and in use. A control piece is one token that no
text can spell; a document begins with BOS (<s>) and ends with EOS (</s>). The forms:

    next line      [DIRECTORY kind] (LINE line [EXIT code])* LINE -> line
    request        [DIRECTORY kind] (REQUEST request LINE line)* REQUEST request LINE -> line
    explanation    LINE line EXPLAIN -> text
    repair         PREVIOUS line EXIT code LINE -> line

EXIT is written after a line that failed and never after one that worked.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTEXT = 256  # tokens that the model sees


class Piece(StrEnum):
    """The control pieces, in the order of their numbers in the vocabulary, from FIRST on."""

    LINE = "<|line|>"
    REQUEST = "<|request|>"
    EXPLAIN = "<|explain|>"
    DIRECTORY = "<|directory|>"
    EXIT = "<|exit|>"
    PREVIOUS = "<|previous|>"


UNKNOWN, BOS, EOS, PAD = range(4)  # numbers of SentencePiece's own control pieces
FIRST = 4

Part = tuple[Piece, str]


def number(piece: Piece) -> int:
    """Return the token of a control piece."""
    return FIRST + list(Piece).index(piece)


def session(lines: Iterable[tuple[str, int | None]], directory: str = "") -> list[Part]:
    """Return the parts of lines and their exit codes, oldest first; None where the code is unknown."""
    parts: list[Part] = [(Piece.DIRECTORY, directory)] if directory else []
    for line, code in lines:
        parts.append((Piece.LINE, line))
        if code:
            parts.append((Piece.EXIT, str(code)))
    return parts


def request(text: str, directory: str = "", near: Iterable[tuple[str, str]] = ()) -> list[Part]:
    """Return the parts that ask for a line; the answer follows them.

    `near`: known requests that are near it, each with the line that does it, the nearest last.
    """
    known = [part for asked, line in near for part in ((Piece.REQUEST, asked), (Piece.LINE, line))]
    return [*session((), directory), *known, (Piece.REQUEST, text), (Piece.LINE, "")]


def explanation(line: str) -> list[Part]:
    """Return the parts that ask what a line does."""
    return [(Piece.LINE, line), (Piece.EXPLAIN, "")]


def repair(line: str, code: int = 1) -> list[Part]:
    """Return the parts that ask what was meant by a line that failed with `code`."""
    return [(Piece.PREVIOUS, line), (Piece.EXIT, str(code)), (Piece.LINE, "")]
