"""Two versions side by side.

In: settings, the text of a request, what became of suggestions. Out: the version that answers a request, always the
same for the same text, and how often the suggestions of each version were taken.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from assistant_core.records import Suggestion
from assistant_core.settings import Training

SOURCE: Final = "model"  # a suggestion of version V has the source "model V"
_Z: Final = 1.96  # of the normal distribution, for 95 %


class Rate(NamedTuple):
    """How often a version's suggestions were taken, with the 95 % interval."""

    version: str
    shown: int
    taken: int
    low: float
    high: float


def source(version: str) -> str:
    """Return the source that a suggestion of this version has."""
    return f"{SOURCE} {version}"


def chosen(training: Training, in_use: str, request: str) -> str:
    """Return the version that answers `request`: the one on trial for its share of all texts, else the one in use."""
    if not training.trial:
        return in_use
    digest = hashlib.blake2b(request.encode(errors="surrogatepass"), digest_size=8).digest()
    return training.trial if int.from_bytes(digest) < training.trial_share * 2**64 else in_use


def rates(suggestions: Iterable[Suggestion]) -> list[Rate]:
    """Return the rate of each version that has shown anything, the most shown first.

    A suggestion is taken if some of it was accepted, or if the line was typed out and run.
    """
    counts: dict[str, list[int]] = {}
    for suggestion in suggestions:
        name, _, version = suggestion.source.partition(" ")
        if name == SOURCE and version:
            count = counts.setdefault(version, [0, 0])
            count[0] += 1
            count[1] += suggestion.accepted != "no" or suggestion.ran
    found = [Rate(version, shown, taken, *wilson(taken, shown)) for version, (shown, taken) in counts.items()]
    return sorted(found, key=lambda rate: -rate.shown)


def wilson(taken: int, shown: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927, JASA 22, 209)."""
    share, square = taken / shown, _Z * _Z
    middle = share + square / (2 * shown)
    spread = _Z * math.sqrt(share * (1 - share) / shown + square / (4 * shown * shown))
    scale = 1 + square / shown
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)
