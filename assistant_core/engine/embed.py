"""Texts as directions: a request and the lines that do it point nearly the same way.

In: the file of an embedding; requests and lines. Out: float32 unit rows, whose products are cosines. The shipped
kind is static: every word has a row, a text is the mean of its words' rows (Joulin et al., Bag of Tricks for
Efficient Text Classification, 2016). It needs numpy alone; what training.embedding learns is read here.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from assistant_core.engine import registry
from assistant_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assistant_core.settings import Paths

FILE: Final = "embedding.npz"
FORM: Final = 1  # raised when `words` gives other words or the arrays mean something else
AT_ONCE: Final = 128  # texts whose rows are in memory together: few enough for a cache of the processor

_WORD: Final = re.compile(r"(?<![\w-])--?[^\W_][\w-]*|[^\W\d_]+|\d+|[^\s\w]|_")
_PARTS: Final = re.compile(r"[^\W_]+")
_BUNDLE: Final = 4  # characters of the longest word taken for several options in one, such as -xzf


def words(text: str) -> Iterator[str]:
    """Yield the words of a request or a line, lower-case; an option is followed by the words or letters in it.

    Only short options keep their case, which is what they differ in.

    >>> list(words("tar -xzC / Logs.tgz --no-recursion"))
    ['tar', '-xzC', '-x', '-z', '-C', '/', 'logs', '.', 'tgz', '--no-recursion', 'no', 'recursion']
    """
    for word in _WORD.findall(text):
        if word[0] != "-" or len(word) == 1:
            yield word.lower()
        elif word[1] != "-" and len(word) <= _BUNDLE:
            yield word
            if len(word) > 2:  # noqa: PLR2004 - more than one letter
                yield from (f"-{letter}" for letter in word[1:] if letter.isalnum())
        else:
            yield word.lower()
            if word[1] == "-":
                yield from _PARTS.findall(word.lower())


class Vocabulary:
    """Words and their numbers; what is not in it shares `buckets` numbers by its checksum.

    So a name that was never seen still meets itself in another text.
    """

    def __init__(self, known: Sequence[str], buckets: int) -> None:
        self.known, self.buckets = known, buckets
        self.size = len(known) + buckets
        self._numbers = {word: number for number, word in enumerate(known)}

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of the words of `text`, 0 ≤ number < size."""
        get = self._numbers.get
        return [number if (number := get(word)) is not None else self._shared(word) for word in words(text)]

    def _shared(self, word: str) -> int:
        return len(self.known) + zlib.crc32(word.encode(errors="surrogatepass")) % self.buckets


class Embedding:
    """A static embedding: a vocabulary, int8 `rows` (size, d) and their `scales` (size,)."""

    def __init__(self, vocabulary: Vocabulary, rows: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        self.vocabulary = vocabulary
        self._rows, self._scales = rows, np.append(scales, np.float32(0))  # the last one is for texts without a word
        self.dimensions = rows.shape[1]

    @classmethod
    def open(cls, place: Path) -> Embedding:
        """Read the file at `place`, or the one in that folder. Raises ModelError."""
        file = place / FILE if place.is_dir() else place
        try:
            with np.load(file, allow_pickle=False) as arrays:
                form, rows, scales = int(arrays["form"]), arrays["rows"], arrays["scales"]
                known = arrays["words"].tobytes().decode().split("\n")
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"{file} cannot be read as an embedding: {error}; install or train it again") from error
        if form != FORM or rows.dtype != np.int8 or rows.ndim != 2 or not len(known) < len(rows) == len(scales):  # noqa: PLR2004 - a matrix
            raise ModelError(
                f"{file} is of form {form} with {len(known)} words, {rows.dtype} rows {rows.shape} and {len(scales)} "
                f"scales; expected form {FORM} and int8 rows for words and buckets; train it again"
            )
        return cls(Vocabulary(known, len(rows) - len(known)), rows, scales)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows (n, d); zeros for a text without a word."""
        parts = [self._encode(texts[at : at + AT_ONCE]) for at in range(0, len(texts), AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, self.dimensions), np.float32)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        numbers = [self.vocabulary.numbers(text) or [self.vocabulary.size] for text in texts]
        flat = np.fromiter((number for each in numbers for number in each), np.int64)
        starts = np.cumsum([0, *map(len, numbers[:-1])])
        rows = self._rows.take(flat, axis=0, mode="clip")
        sums = np.add.reduceat(rows * self._scales[flat, None], starts, axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32)


def write(file: Path, vocabulary: Vocabulary, matrix: NDArray[np.float32]) -> None:
    """Write `matrix` (size, d) as int8, each row with its own scale; the same input gives the same bytes."""
    scales = np.abs(matrix).max(axis=1) / 127
    rows = np.rint(matrix / np.where(scales > 0, scales, 1)[:, None]).astype(np.int8)
    known = np.frombuffer("\n".join(vocabulary.known).encode(), np.uint8)
    with file.open("wb") as stream:
        np.savez(stream, form=np.int64(FORM), rows=rows, scales=scales.astype(np.float32), words=known)


def load(name: str, paths: Paths) -> Embedding | Transformer:
    """Return the sentence-transformers model called `name`, a folder or one on this disk; "" is our own in use.

    Raises ModelError.
    """
    if name:
        return Transformer(name)
    model = registry.active("embedding", paths)
    with registry.open_file(model, FILE, paths) as file:
        return Embedding.open(file)


class Transformer:
    """Any sentence-transformers model, never fetched from here."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - seconds, and an extra
        except ImportError as error:
            raise ModelError(
                f"the embedding {name!r} needs sentence-transformers: pip install 'xontrib-assistant[train]', "
                'or set it to "" for our own'
            ) from error
        try:
            self._model = SentenceTransformer(
                str(Path(name).expanduser()) if "/" in name or "~" in name else name,
                device="cpu",
                local_files_only=True,
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the embedding {name!r} cannot be loaded: {error}; expected a folder, or a model that was fetched "
                f"with `hf download {name}`"
            ) from error

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows (n, d)."""
        return np.asarray(
            self._model.encode(list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False),
            np.float32,
        )
