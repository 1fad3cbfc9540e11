"""Which values options take, and what is said of the others."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from training import options

FROM_1 = options.whole(1)
SOME = options.whole(0, 9)
NAMES = options.names(("q_proj", "v_proj"))


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (FROM_1, "1", 1),
        (FROM_1, "30000", 30000),
        (SOME, "0", 0),
        (SOME, "9", 9),
        (options.rate, "2e-3", 0.002),
        (options.rate, "1", 1.0),
        (options.share, "0", 0.0),
        (options.share, "0.5", 0.5),
        (NAMES, "v_proj", ("v_proj",)),
        (NAMES, "q_proj,v_proj", ("q_proj", "v_proj")),
    ],
)
def test_what_is_taken(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (FROM_1, "0", "'0' is not a whole number from 1 on"),
        (FROM_1, "-3", "'-3' is not a whole number from 1 on"),
        (FROM_1, "1.5", "'1.5' is not a whole number from 1 on"),
        (SOME, "10", "'10' is not a whole number from 0 to 9"),
        (options.rate, "0", "'0' is not a number above 0 and up to 1"),
        (options.rate, "-1", "'-1' is not a number above 0"),
        (options.rate, "nan", "'nan' is not a number above 0"),
        (options.rate, "inf", "'inf' is not a number above 0"),
        (options.rate, "fast", "'fast' is not a number above 0"),
        (options.share, "1", "'1' is not a number from 0 to below 1"),
        (options.share, "-0.1", "'-0.1' is not a number from 0"),
        (NAMES, "q_proj,all", "'all' is not one of q_proj, v_proj"),
        (NAMES, "", "'' is not one of q_proj, v_proj"),
    ],
)
def test_what_is_not(read: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(ArgumentTypeError) as refused:
        read(text)
    assert str(refused.value).startswith(said)
