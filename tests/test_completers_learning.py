"""The two models and the calibration move towards what happens."""

from __future__ import annotations

import numpy as np
import pytest

from assistant_core.records import Command, Query, Suggestion
from completers import Completer
from completers.calibrate import BOUNDS, PASSED_OVER_LEAST, Calibration, Kind, Share
from completers.history import TRAITS
from completers.rank import LIMIT, SMALL, Ranker, Typed

KINDS: list[Kind] = ["known", "composed"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("right", "before"), [(True, 0.2), (False, 0.8)])
def test_calibration_follows_what_happens(kind: Kind, right: bool, before: float) -> None:  # noqa: FBT001 - a cell
    calibration = Calibration()
    for _ in range(300):
        calibration.learn(kind, before, 5, right=right)
    assert (calibration.probability(kind, before, 5) > 0.8) == right
    assert (calibration.probability(kind, before, 5) < 0.2) == (not right)


@pytest.mark.parametrize("kind", KINDS)
def test_calibration_keeps_the_order_of_lines(kind: Kind) -> None:
    calibration = Calibration()
    for step in range(2000):
        calibration.learn(kind, 0.01 if step % 2 else 0.99, 5, right=bool(step % 2))
    shown = [calibration.probability(kind, predicted, 5) for predicted in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert shown == sorted(shown)
    assert 0 < shown[0] < shown[-1] < 1


def test_a_share_follows_what_is_recent() -> None:
    share = Share(1.0, 2.0)
    for hit in [True] * 1000 + [False] * 1000:
        share.count(hit=hit)
    assert share.log_odds() < -BOUNDS / 3


@pytest.mark.parametrize(("code", "other"), [(1, 2), (127, 1), (2, 127)])
def test_what_is_run_again_in_spite_of_failing_is_trusted_again(code: int, other: int) -> None:
    calibration = Calibration()
    assert calibration.after_failure(code) == pytest.approx(0.2)
    for _ in range(50):
        calibration.learn_failure(code, 0.9, right=True)
    assert calibration.after_failure(code) > 0.9
    assert calibration.after_failure(other) == pytest.approx(0.2)


def test_a_ghost_passed_over_fades_where_it_was_shown_until_it_is_forgiven() -> None:
    calibration = Calibration()
    for _ in range(20):
        calibration.pass_over("ls", empty=True)
    assert calibration.passed_over("ls", empty=True) == PASSED_OVER_LEAST
    assert calibration.passed_over("ls", empty=False) == 1.0
    calibration.forgive("ls")
    assert calibration.passed_over("ls", empty=True) == 1.0


def test_whether_lines_are_known_is_learnt() -> None:
    ranker, typed = Ranker([]), Typed("git", 0.2, 3, 9)
    before = ranker.known(typed)
    for _ in range(100):
        ranker.learn_known(typed, known=False)
    assert ranker.known(typed) < before
    assert ranker.known(typed._replace(lines=0, runs=0)) == 0.0


def _run(completer: Completer, *lines: str, session: str = "s") -> None:
    for line in lines:
        completer.observe(Command(line=line, session=session, exit_code=0))


def _top(completer: Completer, text: str, session: str = "s") -> str:
    return completer.complete(Query(text=text, session=session))[0].line


def test_what_was_passed_over_makes_room() -> None:
    completer = Completer()
    _run(completer, "git pull", "git push", "git pull", "git push", "ls")
    shown = _top(completer, "git ")
    for _ in range(9):
        completer.learn(
            Suggestion(
                session="s", at_ns=0, typed="git ", line=shown, source="", probability=0.5, accepted="no", ran=False
            )
        )
    completer.observe(Command(line="pwd", session="other"))
    assert _top(completer, "git ") != shown


def test_a_habit_becomes_surer() -> None:
    completer = Completer()
    probabilities = []
    for _ in range(12):
        _run(completer, "make", "./run")
        _run(completer, "make")
        probabilities.append(completer.complete(Query(text="", session="s"))[0])
        _run(completer, "./run")
    assert probabilities[-1].line == "./run"
    assert probabilities[-1].probability > max(0.5, probabilities[1].probability)
    assert probabilities[-1].source.startswith("next")


def test_the_surest_lines_keep_finite_weights() -> None:
    ranker = Ranker([1.0] * 6)
    ranker.line_weights[:] = LIMIT
    shares = np.full((2, len(ranker.line_weights)), np.log1p(1 / SMALL), np.float32)
    assert np.isfinite(ranker.weigh(shares).sum())
    assert np.isfinite(ranker.static(shares[:, : len(TRAITS)]).sum())
