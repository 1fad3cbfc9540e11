"""JSON lines of instructions as rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from training.corpus import instructions
from training.corpus.source import UNKNOWN, Machine, Skips
from training.records import Row


def read(file: Path, skips: Skips) -> list[Row]:
    return list(instructions.read(file, Machine(), skips))


def asked(instruction: str, given: str, answer: str) -> dict[str, str]:
    return {"instruction": instruction, "input": given, "output": answer}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"nl": "list files", "cmd": "frob -l"}, ("request", "list files", "frob -l")),
        (asked("List files", "", "ls -la"), ("request", "List files", "ls -la")),
        (asked("List files", "", "```bash\nfrob -l\n```"), ("request", "List files", "frob -l")),
        (asked("List files", "", "`ls -la`"), ("request", "List files", "ls -la")),
        (asked("List files.", "only hidden ones", "ls -d .*"), ("request", "List files: only hidden ones", "ls -d .*")),
        (asked("Explain this command", "ls -la", "It lists all."), ("explain", "ls -la", "It lists all.")),
        (asked("What does `df -h` do?", "", "It shows free space."), ("explain", "df -h", "It shows free space.")),
        (asked("Explain this command", "tar xzf a.tgz", "It unpacks."), ("explain", "tar xzf a.tgz", "It unpacks.")),
        (asked("Fix the command", "git psuh", "git push"), ("fix", "git psuh", "git push")),
        (asked("Fix this command", "gti status", "git status"), ("fix", "gti status", "git status")),
        (asked("Fix it", "```\npyhton3 x.py\n```", "`python3 x.py`"), ("fix", "pyhton3 x.py", "python3 x.py")),
        (asked("Correct `sl -a`", "", "ls -a"), ("fix", "sl -a", "ls -a")),
        (asked("Fix: gti log", "", "git log"), ("fix", "gti log", "git log")),
        (asked("Fix the mode", "a.sh", "chmod +x a.sh"), ("request", "Fix the mode: a.sh", "chmod +x a.sh")),
        ({"instruction": "List", "output": "ls"}, ("request", "List", "ls")),
    ],
)
def test_what_an_object_becomes(tmp_path: Path, found: dict[str, Any], expected: tuple[str, ...]) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps(found))
    skips = Skips()
    (row,) = read(file, skips)
    assert (row.task, *row.texts) == expected
    assert (row.source, row.licence) == ("own.jsonl", UNKNOWN)
    assert not skips.counts


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[1]",
        "{}",
        '{"nl": "x", "cmd": 3}',
        json.dumps(asked("Write a poem", "", "Roses are red.")),
        json.dumps(asked("Two lines", "", "```sh\nls\npwd\n```")),
        json.dumps({"nl": "long", "cmd": "x" * 3000}),
        '{"nl": "\ud800',
        "[" * 100_000,
    ],
)
def test_a_bad_line_is_named_and_the_next_is_read(tmp_path: Path, line: str) -> None:
    file = tmp_path / "own.jsonl"
    file.write_bytes(f'{line}\n\n{{"nl": "list", "cmd": "ls"}}\n'.encode(errors="surrogatepass"))
    skips = Skips()
    assert [row.texts for row in read(file, skips)] == [("list", "ls")]
    assert list(skips.places.values()) == [[f"{file}:1"]]


def test_source_licence_and_page_are_honoured_in_a_packed_file(tmp_path: Path) -> None:
    file = tmp_path / "theirs.jsonl.gz"
    found = {"nl": "list", "cmd": "ls", "source": "them", "licence": "MIT", "page": "ls"}
    file.write_bytes(gzip.compress(json.dumps(found).encode()))
    (row,) = read(file, Skips())
    assert (row.source, row.licence, row.group) == ("them", "MIT", "them ls")


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "theirs.jsonl.gz"
    text = "".join(json.dumps({"nl": f"list {at}", "cmd": f"ls {at * 7919}"}) + "\n" for at in range(5000))
    file.write_bytes(gzip.compress(text.encode())[:-500])
    skips = Skips()
    assert 0 < len(read(file, skips)) < 5000
    assert sum(skips.counts.values()) == 1
