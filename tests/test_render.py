"""Explanations as text for a terminal."""

from __future__ import annotations

import re

import pytest

from assistant_core.records import Explanation, Passage, Proposal, Proposals, Verdict
from assistant_core.render import explanation, proposals, wrapped


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


def test_wide_letters_take_two_columns() -> None:
    wide = answer(passage("日本語", "a"), passage("--x", "b", 1), notes=())
    assert explanation(wide, 60, color=False).split("\n") == ["日本語  a [x(1) NAME]", "  --x   b [x(1) NAME]"]


def test_a_long_piece_has_its_text_below() -> None:
    lines = explanation(answer(passage("x" * 40, "text")), 80, color=False).split("\n")
    assert lines == ["x" * 40, " " * 26 + "text [x(1) NAME]"]


def test_no_control_character_reaches_the_terminal() -> None:
    hostile = answer(passage("a\x1b[31m\x07", "b\x9b2J\nc", source="d\x1b"), notes=("e\x1b]0;x\x07",))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", explanation(hostile, 80, color=False))


def test_nothing_to_show_is_an_empty_text() -> None:
    assert explanation(answer(), 80, color=False) == ""


KNOWN = "delete all regular files below /var/log that are larger than 10 MB and older than 7 days"
DANGER = "deletes /var/log (logs of the whole system) and everything below it that matches, for good"
DANGEROUS = Proposal(
    line="find /var/log -type f -size +10M -mtime +7 -delete",
    source="examples",
    near=KNOWN,
    manuals=("find(1)",),
    options=(passage("-delete", "Delete files; true if that worked. " * 9),),
    verdict=Verdict(decision="block", crud="DELETE", reasons=(DANGER,)),
)


def proposed(*lines: Proposal, width: int) -> list[str]:
    return proposals(Proposals(proposals=lines), width, color=False).split("\n")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_what_is_said_of_a_line_is_not_cut(width: int) -> None:
    rows = proposed(DANGEROUS, width=width)
    assert max(map(len, rows)) <= width
    assert " ".join(row.strip() for row in rows) == (
        f"1  {DANGEROUS.line} -delete: Delete files; true if that worked "
        f"known to do '{KNOWN}'; checked: syntax, programs, options in find(1) "
        f"dangerous: {DANGER}"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_what_is_very_long_is_cut_and_what_was_checked_is_not(width: int) -> None:
    long = Proposal(
        line="x",
        source="taught",
        near="carry the site " * 99,
        unknown=("-q",),
        manuals=("find(1)",),
        verdict=Verdict(decision="warn", crud="DELETE", reasons=("because " * 99,)),
    )
    line, *said = proposed(long, width=width)
    assert (line, len(said)) == ("1  x", 6)
    assert max(map(len, said)) <= width
    assert " ".join(row.strip() for row in said[:3]).endswith("…'; not in find(1): -q")
    assert said[-1].endswith("…")


def test_a_line_is_never_cut() -> None:
    assert proposed(Proposal(line="x " * 99 + "y", source="model"), width=60)[0] == "1  " + "x " * 99 + "y"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 60, "short"),
        (
            "? [X]\n    do it; show this list of all the words\n",
            40,
            "? [X]\n    do it; show this list of all the\n  words\n",
        ),
        ("x" * 50 + " y", 40, "x" * 50 + "\n  y"),
        ("a --b-c " * 6, 10, "a --b-c a --b-c a --b-c a --b-c a --b-c\n  a --b-c"),
    ],
)
def test_lines_are_broken_between_words(text: str, width: int, expected: str) -> None:
    assert wrapped(text, width, "  ") == expected
