"""Rows with rare programs → more rows like them, with other paths, files, hosts, addresses and numbers.

In: rows that are learnt from (never those held out). Out: new rows of the same group and time, so that a later split
keeps a variant on the side of its original. The same rows and seed give the same variants.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from training.corpus.plausible import other, replaced, values
from training.corpus.source import command_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.records import Row

RARE = 20  # rows with a program up to which it is rare
MOST = 8  # variants of a rare program
_TRIES = 3  # values drawn for a row until its variant is new
_PROGRAM = re.compile(
    r"\s*(?:(?:sudo|doas|env|nohup|time|command|exec)\s+(?:-\w+\s+)*|[A-Za-z_]\w*=\S*\s+)*(?P<name>[^\s;|&<>()]+)"
)
_EXACT = frozenset({"chmod", "umask", "kill", "date", "seq", "nice", "renice"})  # whose numbers mean what they are


def program(line: str) -> str:
    """Return the first program of a line, behind sudo and assignments; "" for none."""
    found = _PROGRAM.match(line)
    return found["name"].rpartition("/")[2] if found else ""


def variants(rows: Sequence[Row], *, seed: int, most: int = MOST, rare: int = RARE) -> Iterator[Row]:
    """Yield at most `most` variants for each program that at most `rare` rows have.

    The rows of a program take turns. A session lends its rare lines one by one, those that are known to have worked:
    what else is rare in a history is mistyped.
    """
    singles = [single for row in rows for single in _singles(row)]
    counts = Counter(_program_of(row) for row in singles)
    by_program: defaultdict[str, list[Row]] = defaultdict(list)
    for row in singles:
        if 0 < counts[_program_of(row)] <= rare:
            by_program[_program_of(row)].append(row)
    for name in sorted(filter(None, by_program)):
        yield from _of_program(by_program[name], seed, most)


def _singles(row: Row) -> Iterator[Row]:
    if row.task == "session":
        for line, code in zip(row.texts, row.exits or (0,) * len(row.texts), strict=True):
            if code == 0:
                yield msgspec.structs.replace(row, task="line", texts=(line,), exits=(), directory="")
    else:
        yield row


def _program_of(row: Row) -> str:
    return program(command_lines(row)[-1])


def _of_program(rows: list[Row], seed: int, most: int) -> Iterator[Row]:
    known = {row.texts for row in rows}
    made = 0
    for turn in range(most * _TRIES):
        before = made
        for row in rows if made < most else ():
            variant = _variant(row, random.Random(f"{seed} {turn} {row.texts}"))  # noqa: S311 - the same in every run
            if made < most and variant.texts not in known:
                known.add(variant.texts)
                made += 1
                yield variant
        if made == before and turn >= _TRIES:
            return


def _variant(row: Row, chance: random.Random) -> Row:
    """Return the row with every value replaced, the same one by the same one in all its texts.

    What weighs more was taught as it was.
    """
    swaps: dict[str, str] = {}
    for line in command_lines(row):
        for value in values(line):
            exact = value.isdecimal() and program(line) in _EXACT
            if value not in swaps and not exact and (new := other(value, chance)):
                swaps[value] = new
    texts = tuple(replaced(text, swaps) for text in row.texts)
    return msgspec.structs.replace(row, texts=texts, weight=min(row.weight, 1.0))
