"""The list as the shell gets it: what always holds, and what each rule does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant_core.records import Candidate, Command, Query, Suggestion
from completers import Completer, Row, Surroundings

if TYPE_CHECKING:
    from pathlib import Path

LINE = st.lists(st.sampled_from(["git", "push", "ls", "-l", "a.txt", "b.txt", "rm", "é", "\n", " "]), max_size=5).map(
    " ".join
)
ROW = st.tuples(
    LINE,
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "/x", "/y"]),
    st.sampled_from([None, 0, 1, 127]),
    st.sampled_from([None, 7]),
)
TEXT = st.sampled_from(["", "g", "git", "git ", "git p", "ls -", "ls  ", " ", "é", "zzz", "git\n"])
GHOST = 0.3  # probability from which a shell may show a ghost


def _loaded(*lines: str, session: str = "s", cwd: str | None = None, code: int | None = 0) -> Completer:
    return Completer((line, session, cwd, code, at + 1) for at, line in enumerate(lines))


def _complete(completer: Completer, text: str, cwd: str | None = None) -> dict[str, Candidate]:
    return {found.line: found for found in completer.complete(Query(text=text, session="s", cwd=cwd))}


@settings(deadline=None)
@given(st.lists(ROW, max_size=40), TEXT, st.integers(0, 12), st.sampled_from(["a", "new", None]))
def test_a_list_is_always_sound(rows: list[Row], text: str, limit: int, session: str | None) -> None:
    found = Completer(rows).complete(Query(text=text, session=session, cwd="/x", limit=limit))
    assert len(found) <= limit
    assert all(one.line.startswith(text) and one.line != text and "\n" not in one.line for one in found)
    assert all(0.0 <= one.probability <= 1.0 for one in found)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    assert len({one.line for one in found}) == len(found)


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=40), st.integers(0, 40), TEXT)
def test_observing_equals_loading(rows: list[Row], at: int, text: str) -> None:
    grown = Completer(rows[:at])
    for line, session, cwd, code, started in rows[at:]:
        grown.observe(Command(line=line, session=session, cwd=cwd, exit_code=code, started_ns=started))
    query, loaded = Query(text=text, session="a", cwd="/y", limit=50), Completer(rows)
    assert grown.stats() == loaded.stats()
    assert grown.complete(query) == loaded.complete(query)


@settings(deadline=None)
@given(st.lists(ROW, max_size=30), LINE, TEXT)
def test_a_forgotten_line_is_gone(rows: list[Row], line: str, text: str) -> None:
    secret = f"curl {line} hunter2".strip()
    completer = Completer([*rows, (secret, "a", "/x", 0, 9), *rows, (f" {secret} ", "b", None, None, None)])
    completer.forget(secret)
    for typed in (text, "curl", "curl ", f"{secret[:-3]}", "git hun", "cat "):
        for session in ("a", "b", None):
            found = completer.complete(Query(text=typed, session=session, cwd="/x", limit=50))
            assert not any("hunter2" in one.line for one in found)


@settings(deadline=None)
@given(st.lists(ROW, min_size=2, max_size=30))
def test_nothing_destructive_is_offered_unasked(rows: list[Row]) -> None:
    found = Completer(rows, dangerous=lambda line: "a.txt" in line).complete(Query(text="", session="a", limit=50))
    assert not any(one.line.startswith("rm") or "a.txt" in one.line for one in found)


@settings(deadline=None, max_examples=10)
@given(st.lists(ROW, max_size=40), st.integers(0, 40))
def test_a_long_history_counts_the_same_however_it_came(rows: list[Row], at: int) -> None:
    old: list[Row] = [(f"echo {i % 9}", "a", None, 0, i) for i in range(150)]
    grown = Completer([*rows[:at], *old])
    for line, session, cwd, code, started in rows[at:]:
        grown.observe(Command(line=line, session=session, cwd=cwd, exit_code=code, started_ns=started))
    assert grown.stats() == Completer([*rows[:at], *old, *rows[at:]]).stats()


def test_a_candidate_says_what_is_known_of_it() -> None:
    found = _complete(_loaded("make", "make", "ls"), "ma")["make"]
    assert (found.count, found.last_ns, found.last_exit) == (2, 2, 0)


def test_a_new_line_is_marked_as_put_together() -> None:
    found = _complete(_loaded("nmap 10.0.0.8"), "ssh 10")["ssh 10.0.0.8"]
    assert (found.source, found.count, found.last_ns) == ("words", 0, None)


@pytest.mark.parametrize(
    ("rows", "text", "cwd", "best"),
    [
        ([("make", "s", "/a", 0, 1), ("mkdir x", "s", "/b", 0, 2)], "m", "/a", "make"),
        ([("make", "s", "/a", 0, 1), ("mkdir x", "s", "/b", 0, 2)], "m", "/b", "mkdir x"),
        (
            [("git push", "s", None, 0, 1), ("git psuh", "s", None, 1, 2), ("ls", "s", None, 0, 3)],
            "git p",
            {},
            "git push",
        ),
        (
            [("git psuh", "s", None, 1, 1), ("git push", "s", None, 0, 2), ("git psuh", "s", None, 1, 3)],
            "",
            {},
            "git push",
        ),
        ([("ls", "s", None, 0, n) for n in range(5)] + [("less x", "s", None, 0, 9)], "l", None, "ls"),
        ([("LS", "s", None, 0, 1), ("ls -a", "s", None, 0, 2)], "L", None, "LS"),
    ],
)
def test_best(rows: list[Row], text: str, cwd: str | None, best: str) -> None:
    assert next(iter(_complete(Completer(rows), text, cwd))) == best


def test_what_a_program_ran_is_not_learnt_from() -> None:
    completer = Completer()
    completer.observe(Command(line="make all", session="s", author="program"))
    assert completer.complete(Query(text="ma")) == []
    assert completer.stats() == {"lines": 0, "unique": 0, "sessions": 0, "folders": 0, "programs": 0}


def test_shells_learn_from_each_other() -> None:
    completer = Completer()
    completer.observe(Command(line="make all", session="one"))
    assert completer.complete(Query(text="ma", session="two"))[0].line == "make all"


def test_words_of_a_destructive_line_are_not_put_together() -> None:
    assert _complete(_loaded("ls precious", "rm junk"), "rm p") == {}


def test_what_failed_here_falls_below_the_threshold_and_comes_back_when_it_works() -> None:
    completer = _loaded("git status", *["pytest -x"] * 9, "ls", cwd="/a")
    before = _complete(completer, "pyt", cwd="/a")["pytest -x"].probability
    completer.observe(Command(line="pytest -x", session="s", cwd="/a", exit_code=2))
    failed = _complete(completer, "pyt", cwd="/a")["pytest -x"].probability
    elsewhere = _complete(completer, "pyt", cwd="/b")["pytest -x"].probability
    completer.observe(Command(line="pytest -x", session="s", cwd="/a", exit_code=0))
    assert failed < GHOST < before
    assert failed < elsewhere
    assert _complete(completer, "pyt", cwd="/a")["pytest -x"].probability > failed


@pytest.mark.parametrize(
    ("host", "asked_host", "known"),
    [("here", "here", True), ("here", None, True), ("here", "elsewhere", False)],
)
def test_what_cannot_work_here_is_lowered_for_this_host_only(
    host: str,
    asked_host: str | None,
    known: bool,  # noqa: FBT001 - a cell of the table
    tmp_path: Path,
) -> None:
    completer = _loaded(*["cd gone"] * 9, "cdparanoia", cwd=str(tmp_path))
    surroundings = Surroundings(host, (), frozenset({"cdparanoia"}), "/home/me")
    query = Query(text="cd", session="s", cwd=str(tmp_path), host=asked_host)
    trusted, checked = completer.complete(query)[0], completer.complete(query, surroundings)[0]
    assert trusted.line == "cd gone"
    assert (checked.line == "cdparanoia") == known


def test_what_cannot_work_does_not_hide_what_was_not_looked_at(tmp_path: Path) -> None:
    lines = [f"gone{i} x" for i in range(12) for _ in range(3)] + [f"gone/{i}" for i in range(12)]
    surroundings = Surroundings("here", (), frozenset(), "/home/me")
    found = _loaded(*lines).complete(Query(text="gone", cwd=str(tmp_path), limit=50), surroundings)
    assert max(one.probability for one in found) < GHOST


def test_the_ghost_does_not_flip_between_equals() -> None:
    completer = _loaded(*["docker compose up", "docker compose down"] * 5, "ls")
    shown = [next(iter(_complete(completer, "docker compose "[:length]))) for length in range(1, 16)]
    assert len(set(shown)) == 1


def test_an_accepted_ghost_is_forgiven() -> None:
    completer = _loaded(*["make test"] * 5, "ls")
    before = _complete(completer, "ma")["make test"].probability
    shown = Suggestion(
        session="s", at_ns=0, typed="ma", line="make test", source="", probability=0.5, accepted="no", ran=False
    )
    completer.learn(shown)
    assert _complete(completer, "ma")["make test"].probability < before
    completer.learn(Suggestion(**{field: getattr(shown, field) for field in shown.__struct_fields__} | {"ran": True}))
    assert _complete(completer, "ma")["make test"].probability == before


def test_a_long_history_is_loaded_and_its_end_learnt_from() -> None:
    completer = Completer((f"echo {i % 700}", f"s{i // 50}", "/x", 0, i) for i in range(2000))
    assert completer.stats() == {"lines": 2000, "unique": 700, "sessions": 40, "folders": 1, "programs": 1}
    found = completer.complete(Query(text="echo 69", session="s39", cwd="/x", limit=20))
    assert {one.line for one in found} >= {f"echo 69{digit}" for digit in range(10)}
