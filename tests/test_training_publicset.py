"""The public rows that come with the program, and the score on them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from assistant_core.engine.prompt import Part, Piece
from training import publicset
from training.corpus.clean import is_harmful
from training.records import Row

if TYPE_CHECKING:
    from assistant_core.engine.command import CommandModel

FIXED = publicset.fixed()
LINES = {row.texts[0]: row.texts[1] for row in FIXED}


class Knowing:
    """Knows the lines of the first `share` of the requests, and says `otherwise` to all others."""

    def __init__(self, share: float, otherwise: str | None) -> None:
        self._known = dict(list(LINES.items())[: round(share * len(LINES))])
        self._otherwise = otherwise

    def generate(self, parts: list[Part], *, count: int) -> list[tuple[str, float]]:
        (asked, request), (last, _) = parts
        assert (asked, last, count) == (Piece.REQUEST, Piece.LINE, 1)
        line = self._known.get(request, self._otherwise)
        return [] if line is None else [(line, -1.0)]


@pytest.mark.parametrize(
    ("share", "otherwise", "score"),
    [
        (1, None, 1),
        (0, None, 0),  # no answer is a wrong one
        (0, "zebra --stripes", 0),
        (0.5, "zebra --stripes", 0.5),
        (0.25, None, 0.25),
    ],
)
def test_the_score_is_the_share_of_right_answers(share: float, otherwise: str | None, score: float) -> None:
    model = cast("CommandModel", Knowing(share, otherwise))
    assert publicset.score(model) == pytest.approx(score, abs=0.01)


def test_a_program_without_its_options_counts_in_part() -> None:
    program = next(line.split()[0] for line in LINES.values())
    found = publicset.score(cast("CommandModel", Knowing(0, program)))
    assert 0 < found < 0.5


def test_other_requests_are_scored_as_well() -> None:
    model = cast("CommandModel", Knowing(1, None))
    unknown = tuple(row for row in publicset.learning() if row.task == "request" and row.texts[0] not in LINES)[:30]
    assert publicset.score(model, unknown) == 0
    assert publicset.score(model, FIXED[:10]) == 1


def test_each_row_is_scored_by_the_first_line_against_any_of_its_own() -> None:
    said = {"a": ["ls -l", "df"], "b": ["df"], "c": [], "gti": ["git"]}
    asked = (("a", "df", "ls -l"), ("b", "ls"), ("c", "ls"))
    rows = [Row(task="request", texts=texts, source="test", licence="MIT") for texts in asked]
    fix = Row(task="fix", texts=("gti", "git"), source="test", licence="MIT")
    assert publicset.scores(lambda row: said[row.texts[0]], [*rows, fix]) == [1, 0, 0, 1]


def test_what_is_scored_by_is_no_part_of_what_is_learnt_again() -> None:
    learning = publicset.learning()
    assert len(FIXED) > 900
    assert len(LINES) == len(FIXED)
    assert {row.task for row in FIXED} == {"request"}
    assert not LINES.keys() & {row.texts[0] for row in learning}
    assert set(Counter(row.task for row in learning)) == {"session", "line", "request", "fix"}


def test_every_row_names_source_and_licence_and_none_destroys() -> None:
    rows = [*FIXED, *publicset.learning()]
    assert all(row.source and row.licence for row in rows)
    assert not [row.texts for row in rows if any(map(is_harmful, row.texts[-1:] if row.task == "fix" else row.texts))]


def test_what_ships_is_attributed() -> None:
    notice = (Path(__file__).parent.parent / "NOTICE").read_text(encoding="utf-8")
    files = [file.name for file in Path(publicset.__file__).parent.glob("*.jsonl.gz")]
    assert sorted(files) == sorted([publicset.SCORED, publicset.LEARNT])
    assert [name for name in files if f"training/{name}" not in notice.partition("\n---")[0]] == []
    sources = {row.source for row in (*FIXED, *publicset.learning())}
    assert [source for source in sources if f"/{source} @ " not in notice] == []
