"""The picture of a run: its marks, and that nothing of it is lost."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from training import curves

LOG = [{"step": 10, "loss": 5.0}, {"step": 20, "loss": 3.2}, {"step": 20, "eval_loss": 4.0}]


def drawn(log: list[dict[str, float]], file: Path) -> ET.Element:
    curves.write(log, file)
    found = re.search(r"<svg.*</svg>", file.read_text(encoding="utf-8"))
    assert found
    return ET.fromstring(found[0])  # noqa: S314 - written a line above


def texts(picture: ET.Element) -> list[str]:
    return [each.text or "" for each in picture if each.tag.endswith("}text")]


def test_both_axes_have_round_marks(tmp_path: Path) -> None:
    assert texts(drawn(LOG, tmp_path / "c.html")) == [
        *("0", "5", "10", "15", "20"),
        *("3.5", "4", "4.5", "5"),
        "training: 3.200",
        "held out: 4.000",
        "steps, to 20; nats a token",
    ]


def test_a_series_of_one_point_is_seen(tmp_path: Path) -> None:
    dots = [each for each in drawn(LOG, tmp_path / "c.html") if each.tag.endswith("}circle")]
    assert [(dot.get("cx"), dot.get("cy")) for dot in dots] == [("750.0", "350.0"), ("750.0", "216.7")]


@pytest.mark.parametrize(
    ("log", "marks"),
    [
        ([{"step": 1, "loss": 2.0}], ["0", "0.2", "0.4", "0.6", "0.8", "1", "2"]),
        ([{"step": 3000, "loss": 2.0}, {"step": 2000, "loss": 2.0}], ["0", "1000", "2000", "3000", "2"]),
        (
            [{"step": 7, "loss": 0.001}, {"step": 7, "loss": 0.004}],
            ["0", "2", "4", "6", "0.001", "0.002", "0.003", "0.004"],
        ),
    ],
)
def test_marks_are_few_and_round(tmp_path: Path, log: list[dict[str, float]], marks: list[str]) -> None:
    assert texts(drawn(log, tmp_path / "c.html"))[: len(marks)] == marks
