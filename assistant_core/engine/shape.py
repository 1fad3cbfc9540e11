"""What a command line does, less what it does it to: its utilities in order, each with its options.

In: lines. Out: shapes, and how far two of them agree. The rules are those of the NLC2CMD competition (Agarwal and
others, arXiv 2103.02523): arguments count for nothing, bundled short options are taken apart, `find` names a
command after -exec and `xargs` one after its options. It is a reading for comparison, not for execution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(
    r"""(?P<quoted> '[^']*' | "[^"]*" )
      | (?P<boundary> \$\( | [|;&()`]+ )
      | (?P<word> [^\s|;&()`]+ )""",
    re.VERBOSE,
)
_ASSIGNMENT = re.compile(r"\w+=")
_BUNDLE = re.compile(r"-[A-Za-z]{2,}")
_LEADING = frozenset({"sudo", "time", "do", "then", "else", "while", "if"})  # words before the name of a utility
_RUNS = frozenset({"-exec", "-execdir", "-ok"})  # options of find that a command follows


class Utility(NamedTuple):
    """A program of a line and the options it is given."""

    name: str
    options: frozenset[str]


Shape = tuple[Utility, ...]


@lru_cache(maxsize=65536)
def shape(line: str) -> Shape:
    """Return the utilities of `line`, in order."""
    return tuple(Utility(name, frozenset(options)) for name, options in list(_utilities(line)))


def agreement(ours: Shape, theirs: Shape) -> float:
    """Return how far two shapes agree, as `agreements` says."""
    return float(agreements([ours, theirs])[0, 1])


def agreements(shapes: Sequence[Shape]) -> NDArray[np.float64]:
    """Return how far each shape (row) agrees with each (column), from -1 to 1; the order of the arguments is no matter.

    The mean over the positions of the longer one: -1 where the names differ or one is missing, else (1 + f) / 2, with
    f = (2 |A & B| - |A | B|) / max(|A|, |B|) for the option sets A and B, 1 for two empty ones.
    """
    numbers = {utility: number for number, utility in enumerate(dict.fromkeys(chain.from_iterable(shapes)))}
    alike = _alike(list(numbers))
    lengths = np.array([len(each) for each in shapes], np.int64)
    longer = np.maximum.outer(lengths, lengths)
    total = (np.minimum.outer(lengths, lengths) - longer).astype(np.float64)
    for place in range(lengths.max(initial=0)):
        there = [at for at, each in enumerate(shapes) if len(each) > place]
        here = [numbers[shapes[at][place]] for at in there]
        total[np.ix_(there, there)] += alike[np.ix_(here, here)]
    return total / np.maximum(longer, 1)


def _alike(utilities: Sequence[Utility]) -> NDArray[np.float64]:
    """Return how far each utility agrees with each: -1 where the names differ."""
    every = {option: at for at, option in enumerate(dict.fromkeys(chain.from_iterable(each[1] for each in utilities)))}
    given = np.zeros((len(utilities), len(every)))
    for row, (_, options) in zip(given, utilities, strict=True):
        row[[every[option] for option in options]] = 1
    names = np.array([name for name, _ in utilities])
    sizes, common = given.sum(axis=1), given @ given.T
    either = np.add.outer(sizes, sizes) - common
    share = (2 * common - either) / np.maximum(np.maximum.outer(sizes, sizes), 1)
    share[either == 0] = 1
    return np.where(names[:, None] == names, (1 + share) / 2, -1.0)


def _utilities(line: str) -> Iterator[tuple[str, set[str]]]:
    name, options, expected = "", set[str](), True
    for token in _TOKEN.finditer(line):
        word = token[0]
        if token["boundary"]:
            expected = True
        elif expected:
            if not _ASSIGNMENT.match(word) and word not in _LEADING:
                name, options, expected = word, set(), False
                yield name, options  # filled by what follows
        elif name == "find" and word in _RUNS:
            options.add(word)
            expected = True
        elif name == "xargs" and not word.startswith("-"):
            name, options = word, set()
            yield name, options
        elif word.startswith("-") and word != "-":
            options.update(_taken_apart(name, word))


def _taken_apart(name: str, word: str) -> set[str]:
    if name != "find" and _BUNDLE.fullmatch(word):
        return {f"-{letter}" for letter in word[1:]}
    return {word.partition("=")[0]}
