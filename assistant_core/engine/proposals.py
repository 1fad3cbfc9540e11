"""What near pairs and intents propose for a request, in numbers.

In: lines with their shares, and what the index tells of the pairs that propose them. Out: the likeliest shapes of these
lines, each seen as numbers, all of which NUMBERS explains. The same code makes them when assistant_core.engine.ranking
is learned and when a question is answered.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_core.engine.labels import Doubles, Label, labels
from assistant_core.engine.shape import Shape, agreements, shape
from assistant_core.engine.values import missing
from assistant_core.engine.wording import words

if TYPE_CHECKING:
    from assistant_core.engine.pairs import Index, Measured

RANKED = 60  # shapes, the likeliest ones

# "Usual": of a utility the share of the list's shapes that have it, of an option its share of those that have its
# utility. "Goes with": the logarithm of how much more the known pairs have both a word of the request and a label
# (utility or option) than they would by chance; each count half a pair more than it is.
NUMBERS = {
    "share": "logarithm of its share in the mean of near pairs and intents",
    "found": "logarithm of its share among the near pairs",
    "intended": "logarithm of its share among the intents",
    "agrees": "how far the whole list agrees with it (-1..1), by share",
    "agrees found": "the same, by the share among the near pairs",
    "agrees intended": "the same, by the share among the intents",
    "nearest": "nearness of the nearest pair that proposes it",
    "near": "mean nearness of the pairs that propose it",
    "pairs": "how many propose it",
    "words": "greatest BM25 score of these pairs, where the best of all known pairs has 1",
    "words said": "the same, where a pair that says all that is asked has 1",
    "meaning": "greatest cosine of these pairs",
    "believed": "greatest nearness times weight of these pairs",
    "trusted": "how many of them have weight 1",
    "utilities": "how many utilities it has",
    "options": "how many options it has",
    "first": "share of the list's shapes that begin with the same utility",
    "long": "share of those that have as many utilities",
    "least usual utility": "how usual it is",
    "mean usual utility": "how usual its utilities are, on average",
    "least usual option": "how usual it is; 1 without options",
    "mean usual option": "how usual its options are, on average; 1 without options",
    "lacking option": "how usual the most usual one is that its utilities are not given",
    "lacking options": "the sum of all of these",
    "lacking utility": "how usual the most usual one is that it has not",
    "covered": "how well its best label goes with each word of the request, at least 0; the mean by rarity",
    "worst word": "how well its best label goes with the word that has the worst one",
    "worst label": "how well its worst label goes with the best word",
    "mean label": "how well its labels go with the best word of each",
    "worst option": "as the worst label, among the pairs that have its utility; 0 without options",
    "mean option": "as the mean label, among these; 0 without options",
    "all words and options": "the mean of its options, of how well they go with all words together; 0 without options",
    "all words and utilities": "the mean of its utilities, of how well they go with all words together",
    "named": "how many of its utilities stand in the request",
    "missing": "how many values of the request do not stand in its line, or in the best of its lines",
    "closeness": "share of the request that the nearest pair says",
    "entropy": "of the shares of the list",
    "greatest": "greatest of the shares of the list",
    "asked": "different words of the request",
    "length": "mean number of utilities, by share",
    "given": "mean number of options, by share",
}
OF_LIST = ("closeness", "entropy", "greatest", "asked", "length", "given")  # the same for all of a list

_NAME = re.compile(r"[a-z][a-z0-9]+")

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Columns = dict[str, Doubles | float]


class Proposals(NamedTuple):
    """What is known to answer a request: lines with their shares, and which pairs propose each, by their places."""

    lines: Mapping[str, float] = {}  # of near pairs and intents together; their sum is 1
    found: Mapping[str, float] = {}  # what near pairs propose; any sum
    intended: Mapping[str, float] = {}  # what the intents propose; any sum
    pairs: Mapping[str, Sequence[int]] = {}


class Candidates(NamedTuple):
    """The n likeliest shapes, the likeliest first."""

    shapes: list[Shape]
    shares: Doubles  # (n,) of near pairs and intents together; their sum is 1
    found: Doubles  # (n,) of all that near pairs propose
    intended: Doubles  # (n,) of all that the intents propose
    pairs: list[NDArray[np.int64]]  # that propose each, by their places in the index
    missing: Doubles  # (n,) values of the request that none of its lines holds


class _Labelled(NamedTuple):
    """The m labels of n shapes."""

    labels: list[Label]
    counts: Doubles  # (n, m) how often each stands in each
    owners: NDArray[np.int64]  # (m,) the utility of an option; a utility's is itself
    options: Mask  # (m,) which are options


def candidates(request: str, known: Proposals) -> Candidates:
    """Return the likeliest shapes of what is `known` to answer `request`."""
    shares, found, intended = map(_by_shape, (known.lines, known.found, known.intended))
    likeliest = sorted(shares, key=lambda each: -shares[each])[:RANKED]
    lines = defaultdict[Shape, list[str]](list)
    for line in known.lines:
        lines[shape(line)].append(line)
    kept = np.array([shares[each] for each in likeliest])
    return Candidates(
        likeliest,
        kept / kept.sum(),
        np.array([found.get(each, 0.0) for each in likeliest]),
        np.array([intended.get(each, 0.0) for each in likeliest]),
        [np.unique(np.concatenate([known.pairs[line] for line in lines[each]])) for each in likeliest],
        np.array([min(missing(request, line) for line in lines[each]) for each in likeliest], np.float64),
    )


def _by_shape(lines: Mapping[str, float]) -> dict[Shape, float]:
    """Return the share of each shape."""
    whole, shares = sum(lines.values()), defaultdict[Shape, float](float)
    for line, share in lines.items():
        shares[shape(line)] += share / whole
    return shares


def numbers(request: str, of: Candidates, index: Index) -> Floats:
    """Return what is known of each candidate (n, numbers), as NUMBERS explains it, in that order."""
    labelled = _labelled(of.shapes)
    columns: Columns = {
        **_readers(of),
        **_pairs(of, index.measured(request), index.weights),
        **_shapes(of, labelled),
        **_associated(words(request) or [""], labelled, index),
        "named": _named(request, of.shapes),
        "missing": of.missing,
        "closeness": index.measured(request).closeness,
        "asked": len(set(words(request))),
    }
    each = [np.broadcast_to(columns[name], len(of.shapes)) for name in NUMBERS]
    return np.stack(each, axis=1).astype(np.float32)


def _readers(of: Candidates) -> Columns:
    alike = agreements(of.shapes)
    np.fill_diagonal(alike, 1)  # a line that runs nothing, too, is what it is
    lengths = np.array([len(each) for each in of.shapes])
    first = np.array([each[0].name if each else "" for each in of.shapes])
    return {
        "share": np.log(of.shares + 1e-6),
        "found": np.log(of.found + 1e-4),
        "intended": np.log(of.intended + 1e-5),
        "agrees": alike @ of.shares,
        "agrees found": alike @ of.found / max(of.found.sum(), 1e-9),
        "agrees intended": alike @ of.intended / max(of.intended.sum(), 1e-9),
        "first": (first[:, None] == first) @ of.shares,
        "long": (lengths[:, None] == lengths) @ of.shares,
        "entropy": -float(of.shares @ np.log(of.shares + 1e-12)),
        "greatest": float(of.shares.max()),
        "length": float(of.shares @ lengths),
    }


def _pairs(of: Candidates, measured: Measured, weights: Floats) -> Columns:
    near = [measured.nearness[each] for each in of.pairs]
    best = np.array([measured.words[each].max() for each in of.pairs], np.float64)
    return {
        "nearest": np.array([each.max() for each in near]),
        "near": np.array([each.mean() for each in near]),
        "pairs": np.array([len(each) for each in near], np.float64),
        "words": best,
        "words said": best * measured.closeness,
        "meaning": np.array([measured.cosines[each].max() for each in of.pairs]),
        "believed": np.array([(weights[at] * each).max() for at, each in zip(of.pairs, near, strict=True)]),
        "trusted": np.array([np.count_nonzero(weights[each] >= 1) for each in of.pairs], np.float64),
    }


def _labelled(shapes: Sequence[Shape]) -> _Labelled:
    each = [Counter(labels(one)) for one in shapes]
    places = {label: at for at, label in enumerate(dict.fromkeys(chain.from_iterable(each)))}
    counts = np.zeros((len(shapes), len(places)))
    for row, those in zip(counts, each, strict=True):
        row[[places[label] for label in those]] = list(those.values())
    owners = np.array([places[name, ""] for name, _ in places], np.int64)
    return _Labelled(list(places), counts, owners, np.array([bool(option) for _, option in places], np.bool_))


def _shapes(of: Candidates, labelled: _Labelled) -> Columns:
    _, counts, owners, options = labelled
    held, utilities = counts > 0, ~options
    shares = of.shares @ held
    usual = np.where(options, shares / shares[owners], shares)
    lacking = held[:, owners] & ~held & options
    return {
        "utilities": counts[:, utilities].sum(axis=1),
        "options": counts[:, options].sum(axis=1),
        "least usual utility": _least(usual, held & utilities),
        "mean usual utility": _mean(usual, counts * utilities),
        "least usual option": _least(usual, held & options, none=1),
        "mean usual option": _mean(usual, counts * options, none=1),
        "lacking option": -_least(-usual, lacking),
        "lacking options": lacking @ usual,
        "lacking utility": -_least(-usual, ~held & utilities),
        "given": float(shares[options].sum()),
    }


def _associated(stems: Sequence[str], labelled: _Labelled, index: Index) -> Columns:
    asked = list(dict.fromkeys(stems))
    known = index.together(asked, labelled.labels)
    held, utilities = labelled.counts > 0, ~labelled.options
    chance = np.outer(known.words, known.labels) / max(known.all, 1e-9)
    goes = np.log((known.both + 0.5) / (chance + 0.5))  # (t, m)
    expected = known.both[:, labelled.owners] * (known.labels / np.maximum(known.labels[labelled.owners], 1e-9))
    chosen = np.log((known.both + 0.5) / (expected + 0.5))  # of an option, among the pairs that have its utility
    best = np.where(held[:, None], goes, -np.inf).max(axis=2, initial=-np.inf)  # (n, t)
    best[np.isinf(best)] = 0  # a line that runs nothing
    rarity = np.log(len(index.pairs) / (known.words + 1)).clip(0.1)
    given, counts = held & labelled.options, labelled.counts
    return {
        "covered": np.maximum(best, 0) @ rarity / rarity.sum(),
        "worst word": best.min(axis=1),
        "worst label": _least(goes.max(axis=0), held),
        "mean label": _mean(goes.max(axis=0), held),
        "worst option": _least(chosen.max(axis=0), given),
        "mean option": _mean(chosen.max(axis=0), counts * labelled.options),
        "all words and options": _mean(chosen.sum(axis=0), counts * labelled.options),
        "all words and utilities": _mean(goes.sum(axis=0), counts * utilities),
    }


def _named(request: str, shapes: Sequence[Shape]) -> Doubles:
    said = set(_NAME.findall(request.lower()))
    return np.array([len(said & {name for name, _ in each}) for each in shapes], np.float64)


def _least(of: Doubles, where: Mask, none: float = 0) -> Doubles:
    """Return the least of the numbers (m,) in each row of `where` (n, m); `none` where there are none."""
    least = np.where(where, of, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isinf(least), none, least)


def _mean(of: Doubles, times: Doubles | Mask, none: float = 0) -> Doubles:
    """Return the mean of the numbers (m,), each as often as each row of `times` (n, m) says; `none` of none."""
    count = times.sum(axis=1)
    return np.where(count > 0, times @ of / np.maximum(count, 1), none)
