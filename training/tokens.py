"""The months of the shards as token files: processed/tokens_YYYY-MM.bin, and back.

In: the days that training.shards wrote, an encoder and its vocabulary. Out: for each month the token numbers of all
its examples end to end, and beside them, a byte each, which of them are to be produced. Both are read as views of
the mapped file: no copy is made, however large the month. A month is made again when one of its days, the vocabulary
or the program has changed. A damaged month is named and passed over.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant_core.engine import seal_key
from assistant_core.errors import AssistantError, TrainingError
from training import manifest, seal, shards
from training.manifest import Manifest, Report
from training.records import Row
from training.shards import Day, OnDamage

_LOG = logging.getLogger(__name__)

Encoder = Callable[[Row], Iterable[tuple[Sequence[int], Sequence[bool]]]]
"""A row to its examples: token numbers below 65,536, and which of them are to be produced."""


class MonthManifest(Manifest, frozen=True, kw_only=True):
    """`rows` counts the examples, `ends` says where each ends in tokens, `at_ns` when it happened."""

    vocabulary: str  # sha256 of the tokenizer's file
    ends: tuple[int, ...]
    at_ns: tuple[int | None, ...]


class Month(NamedTuple):
    """One month's examples, end to end."""

    month: str  # YYYY-MM, or shards.UNDATED
    tokens: NDArray[np.uint16]  # (n,), a view of the file
    wanted: NDArray[np.bool_]  # (n,), as well
    ends: tuple[int, ...]  # in tokens
    at_ns: tuple[int | None, ...]  # of each example, since the Unix epoch

    def examples(self) -> Iterator[tuple[int | None, NDArray[np.uint16], NDArray[np.bool_]]]:
        """Yield each example as (when, tokens, wanted); the arrays are views."""
        start = 0
        for end, at_ns in zip(self.ends, self.at_ns, strict=True):
            yield at_ns, self.tokens[start:end], self.wanted[start:end]
            start = end


class _Making(NamedTuple):
    encode: Encoder
    vocabulary: str  # sha256
    key: bytes | None


def update(  # noqa: PLR0913 - where from, where to, and how
    raw: Path,
    folder: Path,
    encode: Encoder,
    vocabulary: Path,
    *,
    key: bytes | None = None,
    on_damage: OnDamage = _LOG.warning,
) -> Report:
    """Bring the months in `folder` up to date with the sound days in `raw`; `vocabulary` is the tokenizer's file.

    Raises TrainingError (a full disk, a token that does not fit) and SealError; what was there before stays usable.
    """
    report = Report([], [], [])
    making = _Making(encode, seal.sha256(vocabulary), key)
    names: set[str] = set()
    with manifest.alone(folder):
        for month, days in groupby(shards.read(raw, key=key, on_damage=on_damage), _month):
            names |= {f"tokens_{month}", f"wanted_{month}"}
            done = _update(folder / f"tokens_{month}.json", month, list(days), making)
            (report.made if done else report.kept).append(month)
        gone = manifest.remove_others(folder, "[tw]*_*", names)
        report.removed.extend(name.removeprefix("tokens_") for name in gone if name.startswith("tokens_"))
    return report


def read(folder: Path, *, key: bytes | None = None, on_damage: OnDamage = _LOG.warning) -> Iterator[Month]:
    """Yield the sound months in `folder`, oldest first; `on_damage` is told of every other one, by name and reason."""
    for name in sorted({file.stem for file in folder.glob("tokens_*")}):
        month = name.removeprefix("tokens_")
        try:
            found = manifest.read(folder / f"{name}.json", MonthManifest, *_data(month))
            tokens, wanted = (_mapped(folder / each, key) for each in _data(month))
            yield Month(month, tokens.view(np.uint16), wanted.view(np.bool_), found.ends, found.at_ns)
        except (AssistantError, OSError, ValueError) as error:
            on_damage(str(error))


def _month(day: Day) -> str:
    return day.day if day.day == shards.UNDATED else day.day[:7]


def _data(month: str) -> tuple[str, str]:
    return f"tokens_{month}.bin", f"wanted_{month}.bin"


def _update(file: Path, month: str, days: Sequence[Day], making: _Making) -> bool:
    origin = _origin(days, making)
    if manifest.is_current(file, origin, *_data(month)):
        return False
    tokens, wanted, ends, times = bytearray(), bytearray(), [], []
    for row in (row for day in days for row in shards.sessions(day)):
        for numbers, produced in making.encode(row):
            tokens += _uint16(numbers, making.vocabulary)
            wanted += bytes(produced)
            ends.append(len(wanted))
            times.append(row.at_ns)
    data = dict(zip(_data(month), (memoryview(tokens), memoryview(wanted)), strict=True))
    files = manifest.write(file, data, making.key)
    described = MonthManifest(
        origin=origin, rows=len(ends), files=files, vocabulary=making.vocabulary, ends=tuple(ends), at_ns=tuple(times)
    )
    manifest.finish(file, described)
    return True


def _origin(days: Iterable[Day], making: _Making) -> str:
    seal_id = seal_key.identity(making.key) if making.key else None
    parts = (making.vocabulary, seal_id, [(day.day, day.sha256) for day in days])
    return hashlib.blake2b(manifest.MADE_BY + msgspec.msgpack.encode(parts), digest_size=16).hexdigest()


def _uint16(numbers: Sequence[int], vocabulary: str) -> bytes:
    try:
        return np.array(numbers, dtype=np.uint16).tobytes()
    except OverflowError as error:
        raise TrainingError(
            f"token {max(numbers)} of vocabulary {vocabulary[:12]} does not fit; expected at most 65,535: "
            "train a tokenizer of fewer pieces"
        ) from error


def _mapped(path: Path, key: bytes | None) -> NDArray[np.uint8]:
    with seal.opened(path, key) as plain:
        if plain.stat().st_size == 0:  # which cannot be mapped
            return np.empty(0, dtype=np.uint8)
        return np.memmap(plain, dtype=np.uint8, mode="r")
