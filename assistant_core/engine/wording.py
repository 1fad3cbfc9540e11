"""What a request is made of, for comparison with other requests.

In: requests in words. Out: terms: stems, pairs of neighbouring stems, and a mark for each value that is told (a
number, a path, a pattern, a name in quotes), since the same is asked of one file and of another.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

_VALUES = (  # what is told literally -> the mark in its place; the order matters
    (re.compile(r"[\"'`][^\"'`]*[\"'`]"), " =name "),
    (re.compile(r"(?<!\S)\S*\*\S*"), " =pattern "),
    (re.compile(r"(?<!\S)\S*[/~$]\S+"), " =path "),
    (re.compile(r"\b\w++\.\w+\b|(?<!\w)\.\w+"), " =file "),
    (re.compile(r"\d+"), " =number "),
)
_WORD = re.compile(r"=?[a-z]+")
_ENDINGS = (  # ending -> what takes its place, if so many letters are left; each at most once, in this order
    (re.compile(r"(?<=..)ies$"), "y"),
    (re.compile(r"(?<=..[hsx])es$|(?<=..[^su])s$"), ""),
    (re.compile(r"(?<=...)(?:ing|ed|ly)$"), ""),
    (re.compile(r"(?<=...)(?:e|i|y)$"), ""),
    (re.compile(r"(?<=..)([bdgmnprt])\1$"), r"\1"),
)


def terms(request: str) -> list[str]:
    """Return the terms of `request`: its stems in order, then its pairs of stems."""
    stems = words(request)
    return stems + [f"{one} {other}" for one, other in pairwise(stems)]


def features(request: str) -> list[str]:
    """Return the different terms of `request`, and its pairs of stems with one between them."""
    stems = words(request)
    return list(
        dict.fromkeys([*terms(request), *(f"{one} _ {other}" for one, other in zip(stems, stems[2:], strict=False))])
    )


def words(request: str) -> list[str]:
    """Return the stems of `request` in order, values as marks.

    >>> words('Copying 10 files, copied to "x"')
    ['cop', '=number', 'fil', 'cop', 'to', '=name']
    """
    text = request.lower()
    for value, mark in _VALUES:
        text = value.sub(mark, text)
    return [_stem(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    if word.startswith("="):
        return word
    for ending, other in _ENDINGS:
        word = ending.sub(other, word)
    return word
