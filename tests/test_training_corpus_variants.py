"""More rows for rare programs."""

from __future__ import annotations

import random
import re
from typing import get_args

import pytest

from training.corpus.plausible import other
from training.corpus.variants import program, variants
from training.records import Row, Task


def row(task: str, *texts: str, group: str = "g") -> Row:
    assert task in get_args(Task)
    return Row(task=task, texts=texts, source="s", licence="MIT", group=group, at_ns=5)  # type: ignore[arg-type] # checked above


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("report.pdf", r"(?!report\b)\w+\.pdf"),
        ("a.tar.gz", r"\w+\.tar\.gz"),
        ("docs/a.txt", r"\w+/\w+\.txt"),
        ("~/a/b/c", r"~/\w+/\w+"),
        ("/home/bob/x.sh", r"/home/bob/\w+\.sh"),
        ("/opt/x", r"/opt/\w+"),
        ("/data/x", r"(?:/srv|/mnt|~)/\w+/\w+"),
        ("../x/y", r"\.\./\w+/\w+"),
        ("src/", r"\w+/"),
        ("10.1.2.3", r"(\d+\.){3}\d+"),
        ("example.com", r"(?!example\.com)[\w.]*example\.\w+"),
        ("bob@example.com", r"(?!bob)\w+@[\w.]+"),
        ("https://example.com/a/b.zip", r"https://[\w.]+/a/(?!b\.)\w+\.zip"),
        ("8080", r"(?!8080)[1-9]\d{3}"),
        ("7", r"(?!7)[2-9]"),
        ("my_thing", r"(?!my_thing)\w+"),
        ("1", None),
        ("0755", None),
        ("/etc/hosts", None),
        ("/dev/sda", None),
        ("./run", None),
        ("--all", None),
        ("main", None),
        ("127.0.0.1", None),
    ],
)
def test_another_value_of_the_same_kind(value: str, pattern: str | None) -> None:
    for seed in range(30):
        found = other(value, random.Random(seed))
        assert found is None if pattern is None else re.fullmatch(pattern, found or "")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ls -la", "ls"),
        ("sudo -n lamp on", "lamp"),
        ("A=1 B=2 /usr/bin/lamp", "lamp"),
        ("env X=1 lamp|sort", "lamp"),
        ("", ""),
    ],
)
def test_the_program_of_a_line(line: str, name: str) -> None:
    assert program(line) == name


def test_at_most_so_many_for_a_rare_program_and_none_for_a_common_one() -> None:
    common = [row("line", f"ls {at}.txt") for at in range(10)]
    found = list(variants([*common, row("line", "lamp a.txt"), row("line", "bulb b.txt")], seed=1, most=3, rare=5))
    assert [program(each.texts[0]) for each in found] == ["bulb"] * 3 + ["lamp"] * 3
    assert len({each.texts for each in found}) == 6


def test_the_same_value_is_replaced_by_the_same_one_in_all_texts() -> None:
    asked = row("request", "send a.txt to 10.0.0.7 and keep a.txt", "lamp a.txt bob@10.0.0.7:/tmp/x")
    for each in variants([asked], seed=3):
        wanted, line = each.texts
        match = re.fullmatch(r"lamp (?P<file>\w+\.txt) bob@(?P<host>[\d.]+):/tmp/\w+", line)
        assert match
        assert wanted == f"send {match['file']} to {match['host']} and keep {match['file']}"


def test_a_variant_stays_with_its_original_when_rows_are_held_out() -> None:
    found = list(variants([row("fix", "lmap a.txt", "lamp a.txt", group="page")], seed=1))
    assert {(each.group, each.at_ns, each.source, each.licence) for each in found} == {("page", 5, "s", "MIT")}


def test_a_session_lends_its_rare_lines_alone() -> None:
    lines = [row("session", "ls", "lamp a.txt"), *(row("line", "ls") for _ in range(30))]
    assert {(each.task, program(each.texts[0])) for each in variants(lines, seed=1)} == {("line", "lamp")}


def test_a_session_lends_no_line_that_failed_or_may_have() -> None:
    lines = ("lamp a.txt", "lapm a.txt", "bulb a.txt")
    session = Row(task="session", texts=lines, source="s", licence="private", exits=(0, 127, None))
    assert {program(each.texts[0]) for each in variants([session], seed=1)} == {"lamp"}


def test_a_variant_weighs_no_more_than_what_was_typed() -> None:
    taught = Row(task="line", texts=("lamp a.txt",), source="s", licence="private", weight=4.0)
    light = Row(task="line", texts=("bulb a.txt",), source="s", licence="MIT", weight=0.25)
    assert {(program(each.texts[0]), each.weight) for each in variants([taught, light], seed=1)} == {
        ("lamp", 1.0),
        ("bulb", 0.25),
    }


def test_numbers_that_mean_what_they_are_stay() -> None:
    found = list(variants([row("line", "chmod 755 a.sh"), row("line", "dd if=/dev/zero bs=4096")], seed=1))
    assert all(each.texts[0].startswith("chmod 755 ") for each in found if "chmod" in each.texts[0])
    assert all(each.texts[0].startswith("dd if=/dev/zero bs=") for each in found if each.texts[0].startswith("dd"))


def test_nothing_to_replace_gives_nothing_and_ends() -> None:
    assert list(variants([row("line", "lamp --on"), row("line", "")], seed=1)) == []


def test_a_seed_gives_the_same_variants_and_another_gives_others() -> None:
    rows = [row("line", "lamp a.txt"), row("request", "x", "bulb 10.0.0.1")]
    first = list(variants(rows, seed=1))
    assert first == list(variants(rows, seed=1)) != list(variants(rows, seed=2))
