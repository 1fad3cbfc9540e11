"""The arrays: threads, and that appending one by one equals loading at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from completers.memory import NONE, LastRun, Memory, Row, program_of

ROWS: list[Row] = [
    ("ls", "a", "/x", 0, 10),
    ("git status", "b", "/y", 1, 20),
    ("ls", "a", "/y", None, 30),
    ("  ls ", "b", None, 2, None),
]
ROW = st.tuples(
    st.sampled_from(["ls", "ls -l", "cd x", " git status", "git push\n", "", "é"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([None, "/x", "/y"]),
    st.sampled_from([None, 0, 1, -9, 3221225786]),
    st.sampled_from([None, 5]),
)


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("git push", "git"),
        ("sudo apt update", "apt"),
        ("A=1 B=2 make", "make"),
        ("sudo", ""),
        ("", ""),
        ("  ls", "ls"),
    ],
)
def test_program_of(line: str, program: str) -> None:
    assert program_of(line) == program


def test_threads_lead_back_through_line_session_folder_and_program() -> None:
    memory = Memory(ROWS)
    assert memory.texts == ["ls", "git status"]
    assert list(memory.by_line.walk(0, 9)) == [3, 2, 0]
    assert list(memory.by_line.walk(0, 2)) == [3, 2]
    assert list(memory.by_session.walk(memory.session_ids["b"], 9)) == [3, 1]
    assert list(memory.by_folder.walk(memory.folder_ids["/y"], 9)) == [2, 1]
    assert list(memory.by_program.walk(memory.program_ids["git"], 9)) == [1]
    assert list(memory.after) == [2, 3, NONE, NONE]
    assert list(memory.starts) == [0, 1]
    assert memory.last_run(0) == LastRun(3, None, 2)
    assert memory.last_run(1) == LastRun(1, 20, 1)


def test_a_forgotten_line_comes_back_as_a_new_one() -> None:
    memory = Memory(ROWS)
    assert memory.forget("ls") == 0
    assert memory.forget("never run") == NONE
    assert memory.texts[0] == ""
    assert memory.append("ls", "a", "/x", 0, 50) == 2
    assert memory.last_run(2) == LastRun(1, 50, 0)


def _state(memory: Memory) -> dict[str, object]:
    threads = [memory.by_line, memory.by_session, memory.by_folder, memory.by_program]
    numbers = [memory.ids, memory.folder_ids, memory.session_ids, memory.program_ids]
    arrays = [memory.line, memory.folder, memory.exit, memory.started, memory.program, memory.count, memory.first]
    return {
        "texts": memory.texts,
        "numbers": [dict(table) for table in numbers],
        "arrays": [list(array) for array in (*arrays, memory.after, memory.starts)],
        "threads": [(list(thread.earlier), list(thread.tip)) for thread in threads],
    }


@given(st.lists(ROW, max_size=30), st.integers(0, 30))
def test_appending_equals_loading(rows: list[Row], at: int) -> None:
    grown = Memory(rows[:at])
    for row in rows[at:]:
        grown.append(*row)
    assert _state(grown) == _state(Memory(rows))
