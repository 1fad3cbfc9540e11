"""Explanations as text for a terminal."""

from __future__ import annotations

import re

import pytest

from assistant_core.records import Explanation, Passage
from assistant_core.render import explanation


def passage(words: str, text: str, depth: int = 0, source: str = "x(1) NAME", *, found: bool = True) -> Passage:
    return Passage(words=words, start=0, depth=depth, text=text, source=source, found=found)


def answer(*passages: Passage, notes: tuple[str, ...] = ()) -> Explanation:
    return Explanation(line="x", passages=passages, notes=notes)


SMALL = answer(
    passage("tar", "tar - keep files"),
    passage("-f a.tgz", "Use the file ARCHIVE, not the one that the environment names.", 1, "tar(1) OPTIONS"),
    passage("--bogus", "not in the manual of tar(1)", 1, "", found=False),
    notes=("install the page",),
)


def test_pieces_are_aligned_and_indented() -> None:
    assert explanation(SMALL, 60, color=False).split("\n") == [
        "tar         tar - keep files [x(1) NAME]",
        "  -f a.tgz  Use the file ARCHIVE, not the one that the",
        "            environment names. [tar(1) OPTIONS]",
        "  --bogus   ? not in the manual of tar(1)",
        "note: install the page",
    ]


def test_color_changes_nothing_but_escapes() -> None:
    colored = explanation(SMALL, 60, color=True)
    assert "\x1b[2m[tar(1) OPTIONS]\x1b[0m" in colored
    assert "\x1b[33m--bogus\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == explanation(SMALL, 60, color=False)


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_lines_keep_to_the_width(width: int) -> None:
    long = answer(
        passage("-" * 300, "many words " * 60, 3),
        passage("x", "y" * 300, 30, "s" * 10),
        notes=("a note " * 40,),
    )
    assert max(map(len, explanation(long, width, color=False).split("\n"))) <= max(width, 40)


def test_a_long_piece_has_its_text_below() -> None:
    lines = explanation(answer(passage("x" * 40, "text")), 80, color=False).split("\n")
    assert lines == ["x" * 40, " " * 26 + "text [x(1) NAME]"]


def test_no_control_character_reaches_the_terminal() -> None:
    hostile = answer(passage("a\x1b[31m\x07", "b\x9b2J\nc", source="d\x1b"), notes=("e\x1b]0;x\x07",))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", explanation(hostile, 80, color=False))


def test_nothing_to_show_is_an_empty_text() -> None:
    assert explanation(answer(), 80, color=False) == ""
