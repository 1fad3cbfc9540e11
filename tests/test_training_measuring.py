"""Measuring tells of each step, and of as many as were expected."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs [train]")

from assistant_core.engine import registry
from training import measuring, publicset, safety
from training.measuring import Steps
from training.records import Row

GGUF = registry.SHIPPED / "command" / "command.gguf"
SESSIONS = (("ls", "git status"), ("cd /tmp", "make test", "make"), ("du -sh .",))
ROWS = [Row(task="session", texts=texts, source="store", licence="private") for texts in SESSIONS]


@pytest.mark.parametrize("most", [1500, 5])
def test_every_step_is_told(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed, items = publicset.fixed()[:3], safety.items()[:2]
    monkeypatch.setattr(publicset, "fixed", lambda: fixed)
    monkeypatch.setattr(safety, "items", lambda: items)
    monkeypatch.setattr(measuring, "OBSERVED", most)
    told: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: told.append((done, total)))
    steps.expect(total := measuring.expected(ROWS))
    measured = measuring.scores(GGUF, ROWS, (), steps)
    questions = 2 + 5 + 4 + 5 + 3 + 5  # beginnings of the six lines, in calibrate.PREFIXES
    assert total == 6 + 3 + 2 + min(questions, most)
    assert [done for done, _ in told][: total + 1] == list(range(total + 1))
    assert set(told[total:]) == {(total, total)}
    assert len(measured.saved.values) == 6


def test_what_is_expected_later_is_added() -> None:
    told: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: told.append((done, total)))
    for more in (1, 2):
        steps.expect(more)
        steps.one()
    assert told == [(0, 1), (1, 1), (1, 3), (2, 3)]
