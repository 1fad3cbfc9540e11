"""The fit finds what was put in, and sees what a model really says."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import command_models
import numpy as np
import pytest

from assistant_core.engine.calibration import CLOSEST, Calibration
from assistant_core.engine.command import CommandModel
from training import calibrate
from training.calibrate import Observed


def drawn(true: Calibration, count: int) -> Observed:
    """Offers of a model whose words mean `true`."""
    chance = np.random.default_rng(1)
    said = chance.normal(-2, 2, count)
    right = chance.random(count) < 1 / (1 + np.exp(-true.slope * said - true.offset))
    return Observed(said, right.astype(np.float64))


@pytest.mark.parametrize("true", [Calibration(1.0, 0.0), Calibration(0.6, -1.0), Calibration(1.4, 0.5)])
def test_the_straight_line_is_found(true: Calibration) -> None:
    observed = drawn(true, 50_000)
    found = calibrate.fit(observed)
    assert tuple(found) == pytest.approx(tuple(true), abs=0.06)
    assert calibrate.error(found, observed) < 0.01
    assert calibrate.error(Calibration(true.slope, true.offset + 2), observed) > 0.05


@pytest.mark.parametrize("right", [0.0, 1.0])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_few_or_one_sided_observations_say_little_but_something_sound(right: float, count: int) -> None:
    found = calibrate.fit(Observed(np.full(count, -1.0), np.full(count, right)))
    assert all(math.isfinite(value) for value in found)
    assert found.slope > 0
    if count < 2:
        assert tuple(found) == pytest.approx((1.0, 0.0), abs=0.5)


def test_a_model_is_watched_while_its_sessions_are_typed(knowing: Path) -> None:
    rows = [command_models.FAILED, command_models.WORKED, command_models.IN_GIT]
    with closing(CommandModel(knowing / "command.gguf")) as model:
        seen = calibrate.observe(model, rows)
        fewer = calibrate.observe(model, rows, most=1)
    assert 0 < len(fewer.right) < len(seen.right)
    assert set(seen.right) == {0.0, 1.0}
    assert seen.log_odds[seen.right == 1].mean() > seen.log_odds[seen.right == 0].mean()
    assert abs(seen.log_odds).max() <= math.log((1 - CLOSEST) / CLOSEST) + 1e-9
