"""What a command line does, less what it does it to: its utilities in order, each with its options.

In: lines. Out: shapes, and how far two of them agree. The rules are those of the NLC2CMD competition (Agarwal and
others, arXiv 2103.02523): arguments count for nothing, bundled short options are taken apart, `find` names a
command after -exec and `xargs` one after its options. It is a reading for comparison, not for execution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

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
    """Return how far two shapes agree, from -1 to 1; the order of the arguments does not matter.

    The mean over the positions of the longer one: -1 where the names differ or one is missing, else (1 + f) / 2, with
    f = (2 |A & B| - |A | B|) / max(|A|, |B|) for the option sets A and B, 1 for two empty ones.
    """
    length = max(len(ours), len(theirs), 1)
    total = float(min(len(ours), len(theirs)) - length)
    for (name, options), (other, others) in zip(ours, theirs, strict=False):
        total += _options(options, others) if name == other else -1
    return total / length


def _options(options: frozenset[str], others: frozenset[str]) -> float:
    size = max(len(options), len(others))
    if not size:
        return 1.0
    common = len(options & others)
    either = len(options) + len(others) - common
    return (1 + (2 * common - either) / size) / 2


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
