"""A wiki's dump as rows: real XML in real files, wikitext in tables."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tracemalloc
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest

from training.corpus import mediawiki
from training.corpus.source import UNKNOWN, Machine, Skips
from training.records import Row

SPACE = "http://www.mediawiki.org/xml/export-0.11/"
Article = tuple[str, str, str]  # title, number of the namespace, wikitext


def dump(*pages: Article, base: str = "https://wiki.archlinux.org/title/Main_page") -> str:
    shown = "".join(
        f"<page><title>{escape(title)}</title><ns>{space}</ns><revision><text>{escape(text)}</text></revision></page>"
        for title, space, text in pages
    )
    return f'<mediawiki xmlns="{SPACE}"><siteinfo><base>{base}</base></siteinfo>{shown}</mediawiki>'


def read(file: Path, skips: Skips | None = None) -> list[Row]:
    return list(mediawiki.read(file, Machine(), skips or Skips()))


def write(folder: Path, text: str) -> Path:
    file = folder / "wiki.xml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("To list them, run:\n $ lamp --list\n one\n two\n", [("request", "List them", "lamp --list")]),
        ("Switch the ''lamp'' on:\n # lamp on ''name''\n", [("request", "Switch the lamp on", "lamp on name")]),
        ("== Switch off ==\n{{bc|# lamp off}}\n", [("request", "Switch off", "lamp off")]),
        ("Show all:\n<pre>\n$ lamp | sort\n</pre>", [("request", "Show all", "lamp | sort")]),
        ("Show all:\n{{bc|1=<nowiki>$ lamp a={{x}} | sort</nowiki>}}", [
            ("request", "Show all", "lamp a={{x}} | sort")]),
        ("Show all:\n{{hc|1=$ lamp --state=on|2=\nnothing is on}}", [("request", "Show all", "lamp --state=on")]),
        ("Set the colour:\n{{hc|/etc/lamp.conf|2=\n# a comment\nred=1\n}}", []),
        ("Set the colour:\n# first open [[it]]\n# then look\n", []),  # a numbered list
        ("Set it:\n<syntaxhighlight lang='ini'>\n$ no\n</syntaxhighlight>", []),
        ("{{Note|Look {{ic|inside}} it:\n{{bc|$ lamp {{=}}x {{!}} less}}\n}}", [
            ("request", "Look inside it", "lamp =x | less")]),
        ("Two of them:\n # lamp on\n # lamp off\n", [("session", "lamp on", "lamp off")]),
        ("See [[Lamp#Bulbs|the bulbs]] and [https://e.org that]:\n $ bulb -a\n", [
            ("request", "See the bulbs and that", "bulb -a")]),
        ("<!-- $ no -->{{Unfinished|x\n $ lamp\n", [("line", "lamp")]),
        ("{| class=x\n|-\n| $ lamp\n|}\n", []),
    ],
)  # fmt: skip
def test_commands_and_what_is_said_before_them(tmp_path: Path, wikitext: str, expected: list[tuple[str, ...]]) -> None:
    rows = read(write(tmp_path, dump(("Lamp", "0", wikitext))))
    assert [(row.task, *row.texts) for row in rows if row.task != "explain"] == expected


LISTED = "List all of them:\n $ lamp --all\n"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (("Talk", "1", LISTED), "no article"),
        (("Old name", "0", "#REDIRECT [[Lamp]]"), "leads to another page"),
        (("Lamp (Deutsch)", "0", LISTED), "another language than English"),
        (("Lamp (简体中文)", "0", LISTED), "another language than English"),
        (("Lamp/de", "0", LISTED), "another language than English"),
    ],
)
def test_pages_that_are_left_out(tmp_path: Path, page: Article, reason: str) -> None:
    skips = Skips()
    assert {row.group for row in read(write(tmp_path, dump(page, ("Lamp", "0", LISTED))), skips)} == {
        "wiki.archlinux.org Lamp"
    }
    assert dict(skips.counts) == {("wiki", reason): 1}
    assert skips.places["wiki", reason] == [page[0]]


@pytest.mark.parametrize(
    ("base", "source", "licence"),
    [
        ("https://wiki.archlinux.org/title/Main_page", "wiki.archlinux.org", "GFDL-1.3-or-later"),
        ("https://wiki.example.org/", "wiki.example.org", UNKNOWN),
    ],
)
def test_the_licence_is_the_wikis(tmp_path: Path, base: str, source: str, licence: str) -> None:
    rows = read(write(tmp_path, dump(("Lamp", "0", LISTED), base=base)))
    assert {(row.source, row.licence) for row in rows} == {(source, licence)}


@pytest.mark.parametrize(
    ("ending", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_a_packed_dump_that_breaks_off_is_read_as_far_as_it_goes(
    tmp_path: Path, ending: str, compress: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / f"wiki.xml{ending}"
    whole = compress(dump(("Lamp", "0", LISTED)).encode())
    file.write_bytes(whole)
    assert len(read(file)) == 2
    file.write_bytes(whole[:-9])
    skips = Skips()
    read(file, skips)
    assert [reason[:18] for _, reason in skips.counts] == ["the dump breaks of"]


@pytest.mark.parametrize("text", ["", "no XML", dump(("Lamp", "0", LISTED))[:-9]])
def test_what_is_no_dump_is_named(tmp_path: Path, text: str) -> None:
    skips = Skips()
    rows = read(write(tmp_path, text), skips)
    assert len(rows) == (2 if "<page>" in text else 0)
    assert sum(skips.counts.values()) == 1


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    filler = "Some words about lamps that nobody needs to know. " * 20

    def peak(pages: int) -> int:
        file = write(tmp_path, dump(*((f"Lamp {at}", "0", filler + LISTED) for at in range(pages))))
        tracemalloc.start()
        for _ in mediawiki.read(file, Machine(), Skips()):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(50), peak(600)  # 0.05 and 0.6 MB of text
    assert large < small + 200_000
