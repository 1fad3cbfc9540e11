"""The sorted lines, against a plain list."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from completers.prefix import BLOCK, PrefixIndex

TEXT = st.text(alphabet="ab é\U0010ffff", min_size=1, max_size=5)


@given(st.dictionaries(TEXT, st.integers(1, 9), max_size=30), st.text(alphabet="ab é", max_size=3), st.integers(1, 5))
def test_span_heaviest_and_totals_agree_with_a_list(runs: dict[str, int], prefix: str, most: int) -> None:
    texts = list(runs)
    index = PrefixIndex(texts, list(runs.values()), range(len(texts)))
    index.weigh(np.array([len(texts) - number for number in index.numbers], np.float32))
    matching = [number for number, text in enumerate(texts) if text.startswith(prefix) and text != prefix]
    low, high = index.span(prefix)
    assert sorted(index.numbers[low:high].tolist()) == matching
    assert sorted(number for number, _ in index.heaviest(low, high, most)) == matching[:most]
    weight = sum(len(texts) - number for number in matching)
    assert index.totals(low, high) == (weight, sum(runs[texts[number]] for number in matching))


def test_heaviest_looks_into_every_block() -> None:
    size = 40 * BLOCK + 7
    texts = [f"line {i:06}" for i in range(size)]
    index = PrefixIndex(texts, [1] * size, range(size))
    weights = np.random.default_rng(0).permutation(size).astype(np.float32) + 1
    index.weigh(weights)
    assert {number for number, _ in index.heaviest(0, size, 12)} == set(np.argsort(weights)[-12:].tolist())
    assert {number for number, _ in index.heaviest(3, size - 3, 1)} == {3 + int(weights[3:-3].argmax())}


@given(st.lists(st.tuples(TEXT, st.booleans()), max_size=40))
def test_running_and_removing_keep_it_whole(steps: list[tuple[str, bool]]) -> None:
    index, kept, numbers = PrefixIndex([], [], []), dict[str, int](), dict[str, int]()
    for text, runs in steps:
        number = numbers.setdefault(text, len(numbers))
        if runs:
            index.run(text, number, 2.0)
            kept[text] = kept.get(text, 0) + 1
        else:
            index.remove(text)
            kept.pop(text, None)
    assert index.keys == sorted(kept)
    assert index.runs.tolist() == [kept[text] for text in sorted(kept)]
    assert index.numbers.tolist() == [numbers[text] for text in sorted(kept)]
    assert index.totals(0, len(index.keys)) == (2.0 * len(kept), sum(kept.values()))
