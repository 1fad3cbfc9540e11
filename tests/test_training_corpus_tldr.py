"""A checkout of short pages as rows: own pages in the same form."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from training.corpus import tldr
from training.corpus.source import Machine, Skips
from training.records import Row

PAGE = """# lamp

> Switch lamps.
> More information: <https://lamp.example>.

- Switch the [l]amp of a room on:

`lamp on {{kitchen}}`

- Show all `lamps` as JSON:

`lamp list --json`
"""
ALIAS = "# lmp\n\n> This command is an alias of `lamp`.\n\n- View the page of the original:\n\n`tldr lamp`\n"


def checkout(root: Path, pages: dict[str, str]) -> Path:
    for name, text in pages.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def read(place: Path, skips: Skips | None = None) -> list[Row]:
    return list(tldr.read(place, Machine(), skips or Skips()))


def test_a_page(tmp_path: Path) -> None:
    rows = read(checkout(tmp_path, {"pages/common/lamp.md": PAGE}))
    assert [(row.task, *row.texts) for row in rows] == [
        ("explain", "lamp", "Switch lamps"),
        ("request", "Switch the lamp of a room on", "lamp on kitchen"),
        ("explain", "lamp on kitchen", "Switch the lamp of a room on"),
        ("request", "Show all lamps as JSON", "lamp list --json"),
        ("explain", "lamp list --json", "Show all lamps as JSON"),
    ]
    assert {(row.source, row.licence, row.group) for row in rows} == {
        ("tldr-pages/tldr", "CC-BY-4.0", "tldr-pages/tldr lamp")
    }


def test_platforms_and_pages_that_are_left_out(tmp_path: Path) -> None:
    pages = {f"pages/{platform}/lamp.md": PAGE for platform in ("linux", "windows", "dos", "cisco-ios")}
    pages |= {"pages.de/linux/lamp.md": PAGE, "pages/linux/lmp.md": ALIAS, "pages/osx/empty.md": "# empty\n"}
    checkout(tmp_path, pages)
    (tmp_path / "pages/linux/bad.md").write_bytes(b"\xff")
    skips = Skips()
    assert len(read(tmp_path, skips)) == 5
    counts = {reason: count for (_, reason), count in skips.counts.items() if not reason.startswith("cannot")}
    assert counts == {"of windows": 1, "of dos": 1, "of cisco-ios": 1, "no examples on the page": 2}
    assert sum(skips.counts.values()) == 6


def test_a_folder_without_pages_is_named(tmp_path: Path) -> None:
    skips = Skips()
    assert read(tmp_path, skips) == []
    assert skips.places["tldr", "no pages/PLATFORM/PAGE.md there"] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("lamp {{[-o|--on]}} {{[-v|--verbose]}}", r"lamp (-o -v|--on --verbose)"),
        ("lamp {{on|off}}", r"lamp (on|off)"),
        ("lamp {{on | off}}", r"lamp (on|off)"),
        ("lamp {{on|off|...}}", r"lamp (on|off)"),
        ("lamp {{v|vv|...|vvvv}}", r"lamp v+"),
        ("lamp {{|}} wc", r"lamp \| wc"),
        ("lamp {{[-dc|--dim --cold]}}", r"lamp (-dc|--dim --cold)"),
        ("lamp {{[run|switch run]}} {{[-a|--all]}}", r"lamp (run -a|switch run --all)"),
        ("lamp {{path/to/scene.tar[.gz|.bz2|.xz]}}", r"lamp (?!path/to)[\w/]+\.tar\.(gz|bz2|xz)"),
        ("lamp {{3 weeks ago|2021-05-13}}", r"lamp (3 weeks ago|2021-05-13)"),
        ("lamp {{--json simple|--txt}}", r"lamp (--json simple|--txt)"),
        ("lamp '{{list | sed 1q}}'", r"lamp 'list \| sed 1q'"),
        ("lamp {{list | sort | ...}}", r"lamp list \| sort"),
        ("lamp {{a.b.c.d/24|room1,room2,...}}", r"lamp (a\.b\.c\.d/24|room1,room2)"),
        ("lamp {{path/to/file.png}}", r"lamp (?!path/to)[\w/]+\.png"),
        ("lamp {{path/to/file1 path/to/file2 ...}}", r"lamp [\w/]+ [\w/]+"),
        ("lamp {{path/to/directory}}/x", r"lamp [\w/]+/x"),
        ("lamp --port {{8080}}", r"lamp --port [1-9]\d{3}"),
        ("lamp {{username}}@{{192.168.0.1}}", r"lamp [a-z]+@(\d{1,3}\.){3}\d{1,3}"),
        ("lamp {{colour}}", r"lamp colour"),
        ("lamp '{{{}}}'", r"lamp '\{\}'"),
        ("lamp ${x} {y}", r"lamp \$\{x\} \{y\}"),
    ],
)
def test_placeholders_are_filled_or_kept(template: str, pattern: str) -> None:
    for seed in range(20):
        line = tldr.filled(template, random.Random(seed))
        assert re.fullmatch(pattern, line), line


def test_the_same_page_gives_the_same_rows(tmp_path: Path) -> None:
    text = PAGE.replace("kitchen", "path/to/file")
    first = read(checkout(tmp_path / "a", {"pages/common/lamp.md": text}))
    assert first == read(checkout(tmp_path / "b", {"pages/common/lamp.md": text}))
