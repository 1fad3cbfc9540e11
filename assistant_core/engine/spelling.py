"""A failed line → the same line with a slip of the finger undone: in a program's name, a subcommand, an option, a path.

In: the line, what the shell can run, the manual pages. Out: lines, the smallest change first.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assistant_core.engine.checks import Shell, commands
from assistant_core.knowledge import ManualError

if TYPE_CHECKING:
    from assistant_core.knowledge import Manuals, Page
    from assistant_core.knowledge.pieces import Word

SHORT: Final = 4  # letters of a name in which no more than one may be wrong
SLIPS: Final = 2  # words of a line that may be wrong
MOST: Final = 3  # names tried in the place of one

_SUBCOMMAND = re.compile(r"[a-z][a-z-]+")


def corrected(
    line: str, shell: Shell, manuals: Manuals, elsewhere: Collection[str] = (), slips: int = SLIPS
) -> list[str]:
    """Return `line` with up to `slips` words spelt as something that is there; nothing where every word is known.

    `elsewhere`: names of programs that need not be here; one of these is meant where nothing here is near.
    """
    found: dict[str, None] = {}
    for words in commands(line) if slips else ():
        for word, names in _doubtful(words, shell, manuals, elsewhere) if words[0].literal else ():
            for name in nearest(line[word.start : word.end], names):
                better = line[: word.start] + name + line[word.end :]
                found |= dict.fromkeys(corrected(better, shell, manuals, elsewhere, slips - 1) or [better])
    return list(found)


def nearest(word: str, names: Collection[str]) -> list[str]:
    """Return the names that are fewest slips away from `word`: one, or two where it is long. None if it is a name."""
    most = 1 if len(word) <= SHORT else 2
    letters = set(word)
    near = (name for name in names if abs(len(name) - len(word)) <= most and len(letters - set(name)) <= most)
    ranked = sorted((distance(word, name, most), sorted(word) != sorted(name), name) for name in near)
    return [name for away, _, name in ranked if away == ranked[0][0] and 0 < away <= most][:MOST]


def distance(one: str, other: str, most: int) -> int:
    """Return how many slips part two words, `most` + 1 if more: a letter left out, too much, wrong, or two swapped.

    Optimal string alignment (Damerau 1964), row by row.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i] + [0] * len(other)
        for j, against in enumerate(other, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                row[j] = min(row[j], older[j - 2] + 1)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _doubtful(
    words: Sequence[Word], shell: Shell, manuals: Manuals, elsewhere: Collection[str]
) -> Iterator[tuple[Word, Collection[str]]]:
    """Yield the words of a command that nobody knows, each with the names that there are in its place."""
    program = words[0]
    if not shell.runs(program.value):
        if "/" in program.value:
            yield from _misspelt_path(program, shell)
        else:
            here = shell.names()
            yield program, here if nearest(program.value, here) else elsewhere
        return
    page = _page(manuals, program.value)
    operand = next((word for word in words[1:] if word.literal and not word.value.startswith("-")), None)
    subcommands = _subpages(manuals, program.value) | {name for name in _names(page) if _SUBCOMMAND.fullmatch(name)}
    if operand is not None and operand.value not in subcommands:
        yield operand, subcommands
    subpage = _page(manuals, f"{program.value}-{operand.value}") if operand is not None else None
    long = {name for name in _names(page) | _names(subpage) if name.startswith("--")}
    for word in words[1:]:
        if word.value.startswith("--") and word.value.partition("=")[0] not in long:
            yield word._replace(end=word.start + len(word.text.partition("=")[0])), long
        elif word.literal and word.text == word.value and not word.value.startswith("-"):
            yield from _misspelt_path(word, shell)


def _misspelt_path(word: Word, shell: Shell) -> Iterator[tuple[Word, Collection[str]]]:
    """Yield the first part of a path that is not there, with what is there."""
    folder, at = Path(shell.cwd or shell.home or "/"), word.start
    for part in word.text.split("/"):
        if part == "" and at == word.start:
            folder = Path("/")
        elif part == "~" and at == word.start:
            folder = Path(shell.home or "/")
        elif part and not (folder / part).exists():
            most = 2 if set(word.text) & set("/.") else 1  # a bare word may be anything
            with suppress(OSError):
                names = [each.name for each in folder.iterdir() if distance(part, each.name, most) <= most]
                yield word._replace(start=at, end=at + len(part)), names
            return
        else:
            folder /= part
        at += len(part) + 1


def _page(manuals: Manuals, name: str) -> Page | None:
    try:
        return manuals.page(name)
    except ManualError:
        return None


def _names(page: Page | None) -> set[str]:
    return {name for entry in page.entries for name in entry.names} if page else set()


def _subpages(manuals: Manuals, program: str) -> set[str]:
    """Return what follows the name in the pages NAME-WORD: the subcommands of git and its like."""
    pattern = f"{glob.escape(program)}-*.1*"
    files = (file for folder in manuals.search for file in (folder / "man1").glob(pattern))
    return {file.name.removeprefix(f"{program}-").partition(".")[0] for file in files}
