"""Manual pages as explanations: the pages of the tests, and small ones of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.corpus import manuals
from training.corpus.source import INSTALLED, PERSONAL, Machine, Skips
from training.records import Row

PAGES = Path(__file__).parent / "manuals"
OWN = """.TH {upper} 1
.SH NAME
{name} \\- keep things in order
.SH SYNOPSIS
.B {usage}
.SH COMMANDS
.TP
add THING
Put a thing on the shelf.
.SH OPTIONS
.TP
.BR \\-c ", " \\-\\-color [=\\fIWHEN\\fR]
Paint the shelf.
.TP
.BR \\-f ", " \\-\\-file =\\fIFILE\\fR
Read things from FILE.
.TP
.B \\-q
.SH ENVIRONMENT
.TP
SHELF_DIR
Where the shelf is.
"""


def page(root: Path, name: str, usage: str, text: str = OWN) -> Path:
    file = root / "man1" / f"{name}.1"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.format(name=name, upper=name.upper(), usage=usage))
    return root


def read(place: Path, skips: Skips, *programs: str) -> list[Row]:
    return list(manuals.read(place, Machine(programs=frozenset(programs)), skips))


def test_all_that_a_page_explains(tmp_path: Path) -> None:
    skips = Skips()
    rows = read(page(tmp_path, "shelf", "shelf [OPTION]... COMMAND"), skips)
    assert [row.texts for row in rows] == [
        ("shelf", "keep things in order"),
        ("shelf [OPTION]... COMMAND", "keep things in order"),
        ("shelf add", "Put a thing on the shelf."),
        ("shelf -c", "Paint the shelf."),
        ("shelf --color[=WHEN]", "Paint the shelf."),
        ("shelf -f FILE", "Read things from FILE."),
        ("shelf --file=FILE", "Read things from FILE."),
    ]
    assert dict(skips.counts) == {("manuals", "an option without a text"): 1}
    assert {(row.task, row.source, row.licence, row.group) for row in rows} == {
        ("explain", "man:shelf(1)", INSTALLED, "shelf(1)")
    }
    assert INSTALLED in PERSONAL


@pytest.mark.parametrize(
    ("name", "usage", "line"),
    [
        ("rack-store", "rack store [-c] THING", "rack store -c"),  # run as `rack store`
        ("rack-store", "rack-store [-c] THING", "rack-store -c"),
        ("rack3.1", "rack3.1 -c", "rack3.1 -c"),
    ],
)
def test_a_program_is_named_as_it_is_run(tmp_path: Path, name: str, usage: str, line: str) -> None:
    assert line in [row.texts[0] for row in read(page(tmp_path, name, usage), Skips())]


@pytest.mark.parametrize(
    ("programs", "pages"), [((), {"a", "b", "git-x"}), (("a",), {"a"}), (("git",), {"git-x"}), (("z",), set())]
)
def test_only_installed_programs(tmp_path: Path, programs: tuple[str, ...], pages: set[str]) -> None:
    for name in ("a", "b", "git-x"):
        page(tmp_path, name, name)
    skips = Skips()
    assert {row.group.removesuffix("(1)") for row in read(tmp_path, skips, *programs)} == pages
    assert skips.counts["manuals", "the program is not installed"] == 3 - len(pages)


def test_a_damaged_page_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    page(tmp_path, "good", "good")
    (tmp_path / "man1" / "bad.1.gz").write_bytes(b"\x1f\x8bnot really")
    skips = Skips()
    assert {row.group for row in read(tmp_path, skips)} == {"good(1)"}
    (places,) = [places for (_, reason), places in skips.places.items() if reason.startswith("cannot be read")]
    assert places == ["bad(1)"]


@pytest.mark.parametrize(
    "line",
    ["tar --file=ARCHIVE", "git commit -m <msg>", "dd bs=BYTES", "systemctl restart", "ls --style=slash", "tar -NUM"],
)
def test_pages_as_they_come(line: str) -> None:
    assert line in {row.texts[0] for row in read(PAGES, Skips())}
