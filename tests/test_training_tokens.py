"""Months of the store as tokens: what the days hold, read without a copy."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs [train]")

from sharding import BOS, COMMANDS, DAY_NS, EOS, KEY, LINES, MONTHS, NOW, Place

from assistant_core.errors import TrainingError
from training import tokens


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    for each in COMMANDS:
        place.store.append(each)
    yield place
    place.store.close()


def test_months_hold_the_tokens_of_their_days(place: Place) -> None:
    place.days()
    assert place.months() == (MONTHS, [], [])
    assert place.read_months() == {
        "2024-09": LINES["2024-09-29"],
        "2024-10": [*LINES["2024-10-02"], "git status"],
        "undated": ["history -c"],
    }
    october = list(tokens.read(place.processed))[1]
    assert october.at_ns == tuple(int(NOW - days * DAY_NS) for days in (1.99, 1.99, 1.8, 1.2))
    for _, numbers, wanted in october.examples():
        assert (numbers[0], numbers[-1]) == (BOS, EOS)
        assert wanted.tolist() == [False] + [True] * (len(numbers) - 1)


def memory(array: np.ndarray[Any, Any]) -> object:
    """Return what an array is, in the end, a view of."""
    base: Any = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base


@pytest.mark.parametrize("key", [None, KEY])
def test_tokens_are_views_of_the_mapped_file(place: Place, key: bytes | None) -> None:
    if key:
        pytest.importorskip("cryptography", reason="needs [seal]")
    place.days(key=key)
    place.months(key=key)
    for month in tokens.read(place.processed, key=key):
        assert isinstance(memory(month.tokens), mmap.mmap)
        assert isinstance(memory(month.wanted), mmap.mmap)
        assert not month.tokens.flags.writeable
        for _, numbers, wanted in month.examples():
            assert np.shares_memory(numbers, month.tokens)
            assert np.shares_memory(wanted, month.wanted)


def test_a_token_that_does_not_fit_is_an_error_and_not_another_token(place: Place) -> None:
    place.days()
    with pytest.raises(TrainingError, match=r"token 65536 .* expected at most 65,535"):
        tokens.update(place.raw, place.processed, lambda _: [([BOS, 65_536], [True, True])], place.vocabulary)
    assert place.read_months() == {}


def test_a_month_without_examples_is_empty(place: Place) -> None:
    place.days()
    tokens.update(place.raw, place.processed, lambda _: [], place.vocabulary)
    assert [(month.month, len(month.tokens), list(month.examples())) for month in tokens.read(place.processed)] == [
        (month, 0, []) for month in MONTHS
    ]
