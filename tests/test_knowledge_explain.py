"""Lines and manual pages → explanations. The pages are our own, in tests/manuals."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from assistant_core.knowledge import Manuals, explain
from assistant_core.knowledge.arguments import MAX_QUOTE, quote
from assistant_core.knowledge.parse import MAX_LINE, MAX_PIECES
from assistant_core.records import Passage

MANUALS = Manuals(search=[Path(__file__).parent / "manuals"])
TAR = "tar - keep files together in one"
NEWER = "Time X of the file is newer than time Y of reference."


def passages(line: str) -> tuple[Passage, ...]:
    return explain(line, MANUALS).passages


def told(line: str) -> list[tuple[int, str, str]]:
    return [(passage.depth, passage.words, passage.text) for passage in passages(line)]


@pytest.mark.parametrize(
    ("line", "words", "text", "source"),
    [
        ("tar x", "tar", TAR, "tar(1) NAME"),
        ("/bin/tar -x", "/bin/tar", TAR, "tar(1) NAME"),
        ("tar --get", "--get", "Take files out of ARCHIVE. They keep their names.", "tar(1) DESCRIPTION"),
        ("tar -f a.tgz", "-f a.tgz", "Use the file ARCHIVE.", "tar(1) OPTIONS"),
        ("tar --file=a.tgz", "--file=a.tgz", "Use the file ARCHIVE.", "tar(1) OPTIONS"),
        ("tar --file 'a b'", "--file 'a b'", "Use the file ARCHIVE.", "tar(1) OPTIONS"),
        ("tar -fa.tgz", "-fa.tgz", "Use the file ARCHIVE.", "tar(1) OPTIONS"),
        ("tar --color=auto", "--color=auto", "Use colours.", "tar(1) OPTIONS"),
        ("tar --color x", "--color", "Use colours.", "tar(1) OPTIONS"),
        ("tar --exc=x", "--exc=x", "Leave files out.", "tar(1) OPTIONS"),
        ("tar --verb", "--verb", "Say more.", "tar(1) OPTIONS"),
        ("tar -O2", "-O2", "Set the level.", "tar(1) OPTIONS"),
        ("tar -5", "-5", "Keep NUM copies.", "tar(1) OPTIONS"),
        ("tar --dry", "--dry", "tar -x [-f ARCHIVE] [--dry]", "tar(1) SYNOPSIS"),
        ("git commit -m x", "commit", "git-commit - write a version down", "git-commit(1) NAME"),
        ("git commit -m x", "-m x", "Use <msg> as the message.", "git-commit(1) OPTIONS"),
        ("git commit --no-verify", "--no-verify", "Run the checks, or not.", "git-commit(1) OPTIONS"),
        ("git commit -C x", "-C x", "Start in <path>.", "git(1) OPTIONS"),
        ("git -C x commit -a", "-a", "Take what isn't new. New files are left out.", "git-commit(1) OPTIONS"),
        ("systemctl restart x", "restart", "Stop and start units. Example:", "systemctl(1) COMMANDS"),
        ("systemctl status --deep", "--deep", "Show it all.", "systemctl(1) COMMANDS"),
        ("dd if=/dev/zero", "if=/dev/zero", "read from FILE", "dd(1) DESCRIPTION"),
        ("find . -name '*.c'", "-name '*.c'", "The name matches pattern.", "find(1) EXPRESSION"),
        ("find . ! -name x", "!", "Not.", "find(1) EXPRESSION"),
        ("find . -newermt 2024-01-01 -print", "-newermt 2024-01-01", NEWER, "find(1) EXPRESSION"),
        ("ps aux -p 1", "-p 1", "Those of pidlist.", "ps(1) OPTIONS"),
        ("set -e", "-e", "End at the first failure.", "bash(1) SHELL BUILTIN COMMANDS"),
        ("tar1.2 -z", "-z", "Filter through gzip(1).", "tar(1) OPTIONS"),
    ],
)
def test_quotes(line: str, words: str, text: str, source: str) -> None:
    passage = next(passage for passage in passages(line) if passage.words == words)
    assert (passage.text, passage.source, passage.found) == (text, source, True)
    assert passage.start == line.index(words)


@pytest.mark.parametrize(
    ("line", "pieces"),
    [
        ("tar -xzf a.tgz b", ["tar", "-x", "-z", "-f a.tgz"]),
        ("tar xzf a.tgz b", ["tar", "x", "z", "f a.tgz"]),
        ("tar -xfa.tgz", ["tar", "-x", "-fa.tgz"]),
        ("tar -x -- -z", ["tar", "-x", "--"]),
        ("tar --ex x", ["tar", "--ex"]),
        ("ps ax", ["ps", "a", "x"]),
        ("ls -pl x", ["ls", "-p", "-l"]),
        ("tar -C $HOME -x", ["tar", "-C $HOME", "$HOME", "-x"]),
        ("find -nobody -n -xo", ["find", "-nobody", "-n", "-xo"]),  # its options are words
        ("find -newermtx", ["find", "-newermtx"]),
    ],
)
def test_words_fall_into_pieces(line: str, pieces: list[str]) -> None:
    assert [passage.words for passage in passages(line)] == pieces


@pytest.mark.parametrize(
    ("line", "words", "text"),
    [
        ("tar --bogus", "--bogus", "not in the manual of tar(1)"),
        ("tar -xQz", "-Q", "not in the manual of tar(1)"),
        ("tar --ex", "--ex", "not in the manual of tar(1)"),
        ("git commit --bogus", "--bogus", "not in the manual of git-commit(1)"),
        ("foo -x", "foo", "no manual page is installed for foo"),
        ("foo -x", "-x", "unknown, as foo has no manual page here"),
        ("日本語 --オプション", "--オプション", "unknown, as 日本語 has no manual page here"),
        ("find -nobody", "-nobody", "not in the manual of find(1)"),
        ("$x -y", "$x", "which program this is shows only when the line runs"),
        ("''", "''", "no name of a program"),
    ],
)
def test_what_is_not_found_is_said(line: str, words: str, text: str) -> None:
    passage = next(passage for passage in passages(line) if passage.words == words)
    assert (passage.text, passage.source, passage.found) == (text, "", False)


def test_an_option_that_the_page_only_names() -> None:
    (_, passage) = passages("tar --old")
    assert passage.found
    assert passage.text == "named in the manual of tar(1), but not explained in a list of options"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sudo -u bob tar -x", [(0, "sudo"), (1, "-u bob"), (1, "tar"), (2, "-x")]),
        ("sudo A=1 tar -x", [(0, "sudo"), (1, "A=1"), (1, "tar"), (2, "-x")]),
        ("nohup timeout 5 tar -x", [(0, "nohup"), (1, "timeout"), (2, "tar"), (3, "-x")]),
        ("nice -n 5 tar -x", [(0, "nice"), (1, "-n"), (1, "tar"), (2, "-x")]),
        ("xargs -n 1 tar -x", [(0, "xargs"), (1, "-n"), (1, "tar"), (2, "-x")]),
        ("find -exec ls -l {} + -print", [(0, "find"), (1, "-exec"), (1, "ls"), (2, "-l"), (1, "-print")]),
        ("bash -c 'ls -l'", [(0, "bash"), (1, "-c"), (1, "ls"), (2, "-l")]),
        ("ssh -p 1 h ls -l", [(0, "ssh"), (1, "-p 1"), (1, "ls"), (2, "-l")]),
        ("watch 'ls -l | tar -x'", [(0, "watch"), (1, "ls"), (2, "-l"), (1, "|"), (1, "tar"), (2, "-x")]),
        ("sudo ls *.c > x", [(0, "sudo"), (1, "ls"), (2, "*.c"), (1, "> x")]),
        ("ls $(tar -x)", [(0, "ls"), (1, "$(tar -x)"), (2, "tar"), (3, "-x")]),
        ("for i in a; do ls; done", [(0, "for"), (0, "in"), (0, ";"), (0, "do"), (1, "ls"), (0, ";"), (0, "done")]),
        ("time tar -x", [(0, "time"), (1, "tar"), (2, "-x")]),
    ],
)
def test_commands_within_commands_are_deeper(line: str, expected: list[tuple[int, str]]) -> None:
    assert [(depth, words) for depth, words, _ in told(line)] == expected


@pytest.mark.parametrize(
    ("line", "words", "text"),
    [
        ("ls > f", "> f", "standard output goes to the file f, which is overwritten"),
        ("ls 2>> '{x}'", "2>> '{x}'", "standard error is appended to the file '{x}'"),
        ("ls 2>&1", "2>&1", "standard error goes where standard output goes"),
        ("ls >", ">", "standard output goes to the file that is still to be named, which is overwritten"),
        ("cd x", "cd", "changes the current folder to the one named"),
        ("ls e> f", "e> f", "standard error goes to the file f"),
        ("![ls]", "![ls]", "runs the command within with its output to the terminal"),
    ],
)
def test_signs_and_builtins_come_from_tables(line: str, words: str, text: str) -> None:
    passage = next(passage for passage in passages(line) if passage.words == words)
    assert passage.text.startswith(text)
    assert passage.found


def test_notes_say_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    (note,) = explain("foo -x", MANUALS).notes
    assert "foo has no manual page here" in note
    (note,) = explain("tar -x", Manuals(search=[])).notes
    assert "no manual pages are installed" in note
    assert "man-db" in note
    (tmp_path / "man1").mkdir()
    (tmp_path / "man1/tar.1.gz").write_bytes(gzip.compress(b"x" * 1000)[:-5])
    broken = explain("tar -x", Manuals(search=[tmp_path]))
    assert any("ends too early" in note for note in broken.notes)
    assert not broken.passages[0].found


@pytest.mark.parametrize("line", ["", " ", "\n"])
def test_an_empty_line(line: str) -> None:
    answer = explain(line, MANUALS)
    assert (answer.line, answer.passages) == (line, ())
    assert answer.notes == ("there is nothing to explain: the line is empty",)


def test_nothing_in_the_line_runs(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for line in (
        f"echo $(touch {canary})",
        f"`touch {canary}`",
        f"touch {canary}",
        f"$[touch {canary}]",
        f"ls > {canary}",
    ):
        assert explain(line, MANUALS).passages
    assert not canary.exists()


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "$(",
        "a&&",
        "a|",
        "sudo ",
        "bash -c '",
        "![",
        "find -exec ",
        "tar -x ",
        "-" + "x" * 3000,
        "e>",
        "A=1 ",
        "* ",
    ],
)
def test_hostile_lines_are_bounded(unit: str) -> None:
    line = ("tar " + unit * 100_000)[:100_000]
    answer = explain(line, MANUALS)
    assert len(answer.passages) <= 2 * MAX_PIECES
    assert answer.notes
    assert all(passage.start < MAX_LINE for passage in answer.passages)


def test_passages_stand_in_the_order_of_the_line() -> None:
    starts = [passage.start for passage in passages("A=1 tar -xf a.tgz > x | sudo ls -l *.c && find . -exec ls {} ;")]
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("short", "short"),
        ("A" * 50 + ". " + "B" * 300, "A" * 50 + "."),
        ("A" * 50 + ". " + "B" * 50 + ". " + "C" * 300, "A" * 50 + ". " + "B" * 50 + "."),
        ("word " * 100, ("word " * 59).strip() + " …"),
    ],
)
def test_quotations_are_short_and_end_well(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert len(quote(text)) <= MAX_QUOTE
