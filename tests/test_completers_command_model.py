"""What a model offers, put on the scale of memory: what is left out, how much it counts, what is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assistant_core.records import Candidate, Command, Query, Suggestion
from completers import Completer, Surroundings

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = ("git status", "git status", "git push", "make test")


def completer(*lines: str, dangerous: str = "") -> Completer:
    rows = ((line, "s", "/x", 0, at + 1) for at, line in enumerate(lines))
    return Completer(rows, dangerous=lambda line: line == dangerous)


def offer(line: str, probability: float = 0.8) -> Candidate:
    return Candidate(line=line, probability=probability, source="model v1")


def complete(known: Completer, text: str, *offers: Candidate) -> dict[str, Candidate]:
    found = known.complete(Query(text=text, session="s", cwd="/x"), None, offers)
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
    assert len({each.line for each in found}) == len(found)
    return {each.line: each for each in found}


def test_where_memory_knows_nothing_the_model_says_it_all() -> None:
    found = complete(completer(), "zeb", offer("zebra --stripes", 0.6), offer("zebra", 0.2))
    assert [(each.line, each.source, each.count) for each in found.values()] == [
        ("zebra --stripes", "model v1", 0),
        ("zebra", "model v1", 0),
    ]
    assert found["zebra --stripes"].probability == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("git", "hg push"),  # begins otherwise
        ("git push", "git push"),
        ("git ", "git \ngit push"),
        ("rm", "rm -rf build"),  # plainly destructive
        ("git", "git dangerous"),
        ("", "git dangerous"),
        ("git", "git " + "x" * 2000),
    ],
)
def test_what_is_never_offered(text: str, line: str) -> None:
    assert line not in complete(completer(dangerous="git dangerous"), text, offer(line))


def test_the_more_memory_knows_the_less_the_model_counts() -> None:
    often = completer(*KNOWN * 20)
    said = [complete(known, "git ", offer("git blame"))["git blame"].probability for known in (completer(), often)]
    assert said[0] == pytest.approx(0.8)
    assert said[1] < 0.5 * said[0]


def test_a_line_that_both_know_stands_once_with_the_greater_probability() -> None:
    known = completer(*KNOWN)
    alone = complete(known, "git p")["git push"]
    assert complete(known, "git p", offer("git push", 0.01))["git push"] == alone
    found = complete(known, "git p", offer("git push", 1.0))["git push"]
    assert (found.probability > alone.probability, found.source, found.count) == (True, "model v1", 1)


def test_offers_change_nothing_for_who_does_not_get_them() -> None:
    known, other = completer(*KNOWN), completer(*KNOWN)
    complete(known, "make ", offer("make clean"))
    assert complete(known, "git ") == complete(other, "git ")


def test_a_program_that_is_not_there_is_unlikely(tmp_path: Path) -> None:
    (tmp_path / "zebra").touch()
    here = Surroundings("h", (str(tmp_path),), frozenset(), "/home/u")
    query = Query(text="", session="s", cwd="/x")
    found = completer().complete(query, here, [offer("zebra --stripes"), offer("yak shave")])
    assert [each.line for each in found] == ["zebra --stripes", "yak shave"]
    assert found[1].probability < 0.05 < found[0].probability


def test_a_forgotten_line_is_not_offered_until_it_is_run() -> None:
    known = completer()
    known.forget("zebra --stripes")
    assert complete(known, "zeb", offer("zebra --stripes")) == {}
    known.observe(Command(line="zebra --stripes", session="s"))
    assert "zebra --stripes" in complete(known, "zeb", offer("zebra --stripes"))


@pytest.mark.parametrize(("ran", "low", "high"), [(True, 0.5, 1.0), (False, 0.0, 0.15)])
def test_what_became_of_its_lines_is_learnt(*, ran: bool, low: float, high: float) -> None:
    known = completer()
    for number in range(60):
        line = f"zebra {number}"
        shown = complete(known, "zeb", offer(line, 0.3))[line]
        known.learn(
            Suggestion(
                session="s",
                at_ns=number,
                typed="zeb",
                line=line,
                source=shown.source,
                probability=shown.probability,
                accepted="line" if ran else "no",
                ran=ran,
            )
        )
    assert low < complete(known, "zeb", offer("zebra new", 0.3))["zebra new"].probability < high


def test_the_last_lines_of_a_session_oldest_first() -> None:
    known = completer()
    for number in range(50):
        known.observe(Command(line=f"run {number}", session="s", exit_code=number % 2 or None))
        known.observe(Command(line="other", session="t"))
    known.forget("run 48")
    told = known.before("s")
    assert told[-3:] == [("run 46", None), ("run 47", 1), ("run 49", 1)]
    assert len(told) == 19
    assert known.before("t")[-1] == ("other", None)
    assert known.before("new") == []
