"""The table of sources, what goes wrong in one of them, and the report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console

from assistant_core.errors import TrainingError
from assistant_core.settings import Paths
from training import corpus
from training.corpus.report import Count, count
from training.corpus.source import Machine, Skips
from training.records import Row


def row(source: str, licence: str, task: str = "line", *texts: str) -> Row:
    return Row(task=task, texts=texts or ("ls",), source=source, licence=licence)  # type: ignore[arg-type] # a Task


def test_a_source_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("this is no database at all, and long enough to be taken for one" * 20)
    (tmp_path / "a.md").write_text("Free space:\n\n    df -h\n")
    skips = Skips()
    places = {"documents": [tmp_path / "a.md"], "store": [tmp_path / "history.db"]}
    assert [each.texts for each in corpus.read(places, Machine(), skips)] == [
        ("Free space", "df -h"),
        ("df -h", "Free space"),
    ]
    assert [source for source, _ in skips.counts] == ["store"]


def test_a_source_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"'tdlr'.*nearest is 'tldr'"):
        list(corpus.read({"tdlr": []}, Machine(), Skips()))


@pytest.mark.parametrize("source", corpus.SOURCES, ids=lambda source: source.name)
def test_every_reader_names_a_place_that_is_not_there(tmp_path: Path, source: corpus.Source) -> None:
    skips = Skips()
    assert list(corpus.read({source.name: [tmp_path / "gone"]}, Machine(), skips)) == []
    assert [name for name, _ in skips.counts] in ([source.name], [])
    assert skips.counts or source.name in {"manuals", "ours"}  # a folder may hold none of what they look for


def test_what_is_ones_own(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "man").mkdir()
    found = corpus.personal(paths, {"MANPATH": str(tmp_path / "man")})
    assert found == {"store": [paths.history], "guard": [paths.guard_corrections], "manuals": [tmp_path / "man"]}


def test_this_machine(tmp_path: Path) -> None:
    (tmp_path / "frob").touch()
    here = Machine.here({"HOME": "/home/alice", "USER": "alice", "PATH": f"{tmp_path}{os.pathsep}/nowhere{os.pathsep}"})
    assert (here.home, here.user, here.programs) == ("/home/alice", "alice", frozenset({"frob"}))


ROWS = [
    row("man:ls(1)", "as installed", "explain", "ls", "list"),
    row("man:cp(1)", "as installed", "explain", "cp", "copy"),
    row("x/y", "MIT"),
    row("x/y", "MIT", "session", "a", "b"),
    row("x/y", "MIT", "request", "a", "b"),
]


def test_counts_by_source_and_licence() -> None:
    assert count(ROWS) == [
        Count("x/y", "MIT", {"line": 1, "session": 1, "request": 1}, 6),
        Count("man", "as installed", {"explain": 2}, 12),
    ]


def shown(rows: list[Row], **more: object) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(corpus.report(rows, **more))  # type: ignore[arg-type] # `encode` or nothing
    return capture.get()


def test_the_report_sums_up() -> None:
    assert shown(ROWS).split("\n")[0].split() == [
        "source", "licence", "session", "line", "request", "explain", "rows", "characters",
    ]  # fmt: skip
    assert [line.split() for line in shown(ROWS).splitlines()[1:]] == [
        ["x/y", "MIT", "1", "1", "1", "0", "3", "6"],
        ["man", "as", "installed", "0", "0", "0", "2", "2", "12"],
        ["all", "2", "licences", "1", "1", "1", "2", "5", "18"],
    ]
    assert "tokens" in shown(ROWS, encode=lambda text: list(text.encode()))


def test_many_small_sources_are_told_together() -> None:
    rows = [row(f"project{at}", "MIT" if at % 2 else "ISC") for at in range(100)]
    lines = shown(rows).splitlines()
    assert len(lines) < 50
    assert [line.split()[:4] for line in lines[-3:-1]] == [
        ["29", "other", "sources", "ISC"],
        ["31", "other", "sources", "MIT"],
    ]


def test_what_was_left_out_is_told_with_examples() -> None:
    skips = Skips()
    for at in range(5):
        skips.add("documents", "too long", f"note{at}.txt")
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(skips.table())
    assert "too long" in capture.get()
    assert "5" in capture.get()
    assert "note2.txt" in capture.get()
    assert "note3.txt" not in capture.get()
