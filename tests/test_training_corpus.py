"""The table of sources, what goes wrong in one of them, and the report."""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from assistant_core.errors import TrainingError
from assistant_core.records import Command
from assistant_core.settings import Paths
from assistant_core.store import Store
from training import corpus
from training.corpus import ours
from training.corpus.clean import clean
from training.corpus.report import Count, count
from training.corpus.source import PRIVATE, Machine, Skips
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
    with pytest.raises(TrainingError, match=r"'tdlr'.*expected one of store, .*tldr"):
        list(corpus.read({"tdlr": []}, Machine(), Skips()))


def test_places_as_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    asked = [f"documents={tmp_path}", f"tldr={tmp_path}", f"documents={tmp_path / 'a=b'}"]
    assert corpus.places(asked) == {"documents": [tmp_path, tmp_path / "a=b"], "tldr": [tmp_path]}
    assert corpus.places([]) == {}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("tldr", "'tldr' names nothing that is there; expected tldr=PATH, PATH a checkout of tldr-pages"),
        ("documents=", "'documents=' names nothing that is there"),
        ("ours=/gone", "'ours=/gone' names nothing that is there; expected ours=PATH, PATH a folder of our corpora"),
        ("/notes", "there is no source '/notes' to learn from; expected one of store, guard, manuals, documents"),
        ("note=/", "there is no source 'note'"),
    ],
)
def test_places_that_are_none_are_errors(asked: str, said: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(said)):
        corpus.places([asked])


@pytest.mark.parametrize("source", corpus.SOURCES, ids=lambda source: source.name)
def test_every_reader_names_a_place_that_is_not_there(tmp_path: Path, source: corpus.Source) -> None:
    skips = Skips()
    assert list(corpus.read({source.name: [tmp_path / "gone"]}, Machine(), skips)) == []
    assert [name for name, _ in skips.counts] == [source.name]
    assert str(tmp_path / "gone") in str(skips.counts) + str(skips.places)


ALICE = Machine("/home/alice", "alice", "vm")
BACKUP = "cp -r /home/alice/photos alice@vm:/backup"


@pytest.mark.parametrize(
    ("source", "name", "text", "expected"),
    [
        ("documents", "a.md", f"Copy /home/alice to vm:\n\n    {BACKUP}\n", [
            ("Copy ~ to {host}", "cp -r ~/photos {user}@{host}:/backup"),
            ("cp -r ~/photos {user}@{host}:/backup", "Copy ~ to {host}")]),
        ("instructions", "own.jsonl", json.dumps({"nl": "Back up", "cmd": BACKUP}), [
            ("Back up", "cp -r ~/photos {user}@{host}:/backup")]),
        ("instructions", "theirs.jsonl", json.dumps({"nl": "Back up", "cmd": BACKUP, "licence": "MIT"}), [
            ("Back up", BACKUP)]),  # of a public set: "vm" is no name of this machine there
        ("instructions", "own.jsonl", json.dumps({"nl": "Fetch", "cmd": "curl -u alice:s3cr3tW0rd https://vm/x"}), []),
    ],
)  # fmt: skip
def test_rows_of_ones_own_are_without_names_and_secrets(
    tmp_path: Path, source: str, name: str, text: str, expected: list[tuple[str, ...]]
) -> None:
    (tmp_path / name).write_text(text)
    rows = clean(corpus.read({source: [tmp_path / name]}, ALICE, Skips()))
    assert [each.texts for each in rows] == expected


def test_names_in_the_history_are_replaced_once(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "history.db")) as store:
        store.append(Command(line="echo {user} alice", session="s", user="alice"))
    rows = corpus.read({"store": [tmp_path / "history.db"]}, ALICE, Skips())
    assert [each.texts for each in rows] == [("echo {=user} {user}",)]


def test_variants_of_rare_lines_follow_where_they_are_wanted(tmp_path: Path) -> None:
    lines = ["frob draw.svg", "mkfs.ext4 /dev/sda1 8192", "cat /etc/hosts", *(["ls"] * 30)]
    with closing(Store(tmp_path / "history.db")) as store:
        for at, line in enumerate(lines):
            store.append(Command(line=line, session="s", started_ns=at, duration_ns=0, exit_code=0))
    places = {"store": [tmp_path / "history.db"]}
    plain = list(corpus.read(places, Machine(), Skips()))
    more = list(corpus.read(places, Machine(), Skips(), seed=0))
    assert [each.texts for each in plain] == [tuple(lines)]
    assert more[:1] == plain
    assert len(more) > 3
    assert {each.texts[0].split()[0] for each in more[1:]} == {"frob"}  # the guard stops the other
    assert {(each.task, each.licence, each.at_ns) for each in more[1:]} == {("line", PRIVATE, plain[0].at_ns)}
    assert more == list(corpus.read(places, Machine(), Skips(), seed=0))
    assert more != list(corpus.read(places, Machine(), Skips(), seed=1))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("", b"", "gone is no folder: expected .jsonl or .jsonl.zst files, one or more of nl2cmd_train, "),
        ("notes.txt", b"", "gone holds none of our corpora: expected "),
        ("cmdlines.jsonl", b'{"cmd": "ls", "n": 1, "source": "a", "licence": "MIT"}\n{}\n', "jsonl, line 2: not"),
        ("cmdlines.jsonl", b'{"cmd": "ls", "n": 1, "source": "a", "licence": "MIT"}\n\xff\n', "jsonl, line 2: not"),
        ("cmdlines.jsonl.zst", b"no such thing" * 9, "cmdlines.jsonl.zst cannot be read: "),
    ],
)
def test_corpora_that_are_none_are_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    folder = tmp_path / "gone"
    if name:
        folder.mkdir()
        (folder / name).write_bytes(content)
    with pytest.raises(TrainingError, match=re.escape(said)):
        list(ours.read(folder))


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
