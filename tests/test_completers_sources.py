"""Each source, on histories of a few lines."""

from __future__ import annotations

import numpy as np
import pytest

from completers import SOURCES
from completers.history import TRAITS, failed_here, traits
from completers.memory import NONE, Memory, Row
from completers.source import NEW, Moment, normalised

PROPOSE = {source.name: source.propose for source in SOURCES}


def _rows(*steps: str) -> list[Row]:
    """Each step is `session:folder:exit:line`."""
    rows: list[Row] = []
    for at, step in enumerate(steps):
        session, folder, code, line = step.split(":", 3)
        rows.append((line, session, folder or None, int(code) if code else None, at + 1))
    return rows


def _best(name: str, rows: list[Row], folder: str | None = None, session: str = "s") -> list[str]:
    memory = Memory(rows)
    known = memory.session_ids.get(session, NONE)
    previous = NONE if known == NONE else memory.by_session.tip[known]
    shares = PROPOSE[name](memory, Moment(previous, memory.folder_ids.get(folder, NEW) if folder else NONE))
    assert sum(shares.values()) <= 1.000001
    return [memory.texts[number] for number in sorted(shares, key=lambda number: -shares[number])]


@pytest.mark.parametrize(
    ("name", "steps", "folder", "best"),
    [
        ("history", ["s::0:ls", "t::0:make", "s::0:pwd"], None, ["pwd", "make", "ls"]),
        ("session", ["s::0:ls", "t::0:make", "s::0:pwd"], None, ["pwd", "ls"]),
        ("session", ["t::0:ls"], None, []),
        ("folder", ["s:/a:0:ls", "t:/b:0:make", "t:/a:0:id"], "/a", ["id", "ls"]),
        ("folder", ["s:/a:0:ls"], None, []),
        ("next", ["s::0:make", "s::0:./run", "s::0:make"], None, ["./run"]),
        ("next", ["s::0:make", "t::0:ls", "s::0:./run", "s::0:make"], None, ["./run"]),
        ("next", ["t::0:ls", "u::0:ls", "v::0:top"], None, ["ls", "top"]),
        ("next2", ["s::0:a", "s::0:m", "s::0:x", "s::0:b", "s::0:m", "s::0:y", "s::0:a", "s::0:m"], None, ["x"]),
        ("next2", ["s::0:m"], None, []),
        ("fix", ["s::1:git psuh", "s::0:git push", "s::1:git psuh"], None, ["git push"]),
        ("fix", ["s::1:make", "s::0:ls", "s::1:make", "s::0:vim x", "s::0:make x", "s::1:make"], None, ["vim x", "ls"]),
        ("fix", ["s::1:make", "s::1:ls", "s::0:make -k", "s::1:make"], None, ["make -k"]),
        ("fix", ["s::1:make", "s::1:ls", "s::0:pwd", "s::1:make"], None, []),
        ("fix", ["s::1:git psuh", "s::0:git push", "s::0:git psuh"], None, []),
        ("fix", ["s::130:sleep 9", "s::0:ls", "s::130:sleep 9"], None, []),
        ("again", ["s::0:ls", "s::0:pwd"], None, ["pwd"]),
        ("again", [], None, []),
    ],
)
def test_best_of(name: str, steps: list[str], folder: str | None, best: list[str]) -> None:
    assert _best(name, _rows(*steps), folder) == best


def test_what_follows_more_often_and_later_has_the_larger_share() -> None:
    pairs = ["s::0:m", "s::0:old", "s::0:m", "s::0:new", "s::0:m", "s::0:often", "s::0:m", "s::0:often", "s::0:m"]
    assert _best("next", _rows(*pairs)) == ["often", "new", "old"]


def test_something_is_kept_back_for_lines_not_seen() -> None:
    assert normalised({1: 3.0, 2: 1.0}, unseen=4.0) == {1: 0.375, 2: 0.125}
    assert normalised({}) == {}


def test_traits_are_what_their_table_says() -> None:
    memory = Memory(_rows("s::0:ls", "s::0:pwd", "s::0:ls", "s::2:make"))
    found = dict(zip(TRAITS, traits(memory, np.array([0, 2], np.int32)).T.tolist(), strict=True))
    assert found["often"] == pytest.approx([np.log(2), 0])
    assert found["active"] == pytest.approx([np.log(1 / np.sqrt(2) + 2 / (np.sqrt(2) + np.sqrt(4))), 0])
    assert found["fresh"] == pytest.approx([-np.log(2), 0])
    assert found["failed"] == [0, 1]


@pytest.mark.parametrize(
    ("steps", "folder", "code"),
    [
        (["s:/a:2:make"], "/a", 2),
        (["s:/a:2:make"], "/b", None),
        (["s:/a:2:make", "s:/b:0:ls"], "/b", None),
        (["s:/a:2:make"], None, 2),
        (["s:/a:0:make"], "/a", None),
        (["s:/a::make"], "/a", None),
        (["s:/a:130:make"], "/a", None),
        (["s:/a:2:make", "s:/a:0:make"], "/a", None),
    ],
)
def test_failed_here(steps: list[str], folder: str | None, code: int | None) -> None:
    memory = Memory(_rows(*steps))
    moment = Moment(NONE, memory.folder_ids.get(folder, NEW) if folder else NONE)
    assert failed_here(memory, 0, moment) == code
