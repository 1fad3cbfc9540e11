"""The guard's question without a shell: what its keys mean, what its screen says, what is counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import CTRL_C, ENTER, Terminal

from assistant_core.records import Verdict
from assistant_core.shell.consequences import measure, size, uncommitted
from assistant_core.shell.dialog import Answer, decide
from assistant_core.shell.screen import Facts, screen

NO = Answer()
YES = Answer("yes")
ASKS = """\
import signal, threading
from assistant_core.shell.question import reader

threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # so the other thread receives it
signal.signal(signal.SIGWINCH, lambda *_: print("resized", flush=True))
with reader(0, lambda: None) as read:
    print("answer", read("[?] "), flush=True)
"""


@pytest.mark.parametrize(
    ("by_word", "typed", "expected"),
    [
        (False, [None], NO),
        (False, [""], NO),
        (False, ["n"], NO),
        (False, ["what"], NO),
        (False, ["y"], YES),
        (False, ["Yes"], YES),
        (False, ["e"], Answer("edit")),
        (False, ["s"], Answer("safer")),
        (False, ["?", "y"], YES),
        (False, ["?"] * 9, NO),
        (False, ["a", ""], Answer("allow", "session")),
        (False, ["a", "once"], Answer("allow", "once")),
        (False, ["a", "p"], Answer("allow", "project")),
        (False, ["a", "always"], Answer("allow", "always")),
        (False, ["a", None], NO),
        (False, ["a", "n"], NO),
        (True, [""], NO),
        (True, ["y"], NO),
        (True, ["yes"], YES),
        (True, ["edit"], Answer("edit")),
        (True, ["a", "", "y"], NO),
        (True, ["a", "", None], NO),
        (True, ["a", "", "yes"], Answer("allow", "session")),
    ],
)
def test_keys(by_word: bool, typed: list[str | None], expected: Answer) -> None:  # noqa: FBT001 - a cell of the table
    answers = iter(typed)
    assert decide(lambda _: next(answers), lambda _: None, by_word=by_word, safer=True) == expected


def test_without_a_safer_line_its_key_means_no() -> None:
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        return "s"

    assert decide(read, prompts.append, by_word=False, safer=False) == NO
    assert "safer" not in prompts[0]


def test_the_screen_says_what_why_and_where() -> None:
    verdict = Verdict(
        decision="block", crud="DELETE", reasons=("it is\x1b[2J all",), rules=("rm-wide",), targets=("/",), safer="ls"
    )
    facts = Facts("zap /\n", "rm -rf /", ["/: 3 files, 12 bytes", "a", "b", "c", "d"], "1 changed")
    assert screen(verdict, facts, "and not run yet").splitlines() == [
        "assistant: dangerous, and not run yet",
        "  line    zap /",
        "  runs    rm -rf /",
        "  why     it is\\x1b[2J all [rm-wide]",
        "  target  /: 3 files, 12 bytes",
        "  target  a",
        "  target  b",
        "  target  c",
        "          and 1 more",
        "  git     1 changed",
        "  safer   ls",
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_is_said_is_broken_between_words(width: int) -> None:
    said = "3 changed and 1 untracked, not committed; 2 commits are not pushed anywhere"
    verdict = Verdict(decision="block", crud="DELETE", reasons=(said,))
    rows = screen(verdict, Facts("rm", "", [said], said), "", width).splitlines()
    assert max(map(len, rows)) <= width
    assert " ".join(" ".join(row[10:] for row in rows[2:]).split()) == " ".join([said] * 3)


def test_a_long_line_does_not_fill_the_terminal() -> None:
    verdict = Verdict(decision="warn", crud="DELETE", reasons=("because " * 500,))
    assert len(screen(verdict, Facts("x" * 10_000, "", []), "")) < 800


def test_only_a_colored_screen_has_escapes() -> None:
    verdict = Verdict(decision="warn", crud="DELETE")
    assert "\x1b" not in screen(verdict, Facts("rm", "", []), "")
    assert "\x1b[1;33m" in screen(verdict, Facts("rm", "", []), "", color=True)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("tree", "3 files, 1.1 kB"),
        ("tree/*", "2 files, 1.1 kB"),
        ("tree/**/*.py", "1 file, 100 bytes"),
        ("tree/one.txt", "1 file, 1.0 kB"),
        ("link", "1 file, 4 bytes"),
        ("tree/empty", "no files"),
        ("missing", "no files"),
        ("tree/…", "cannot be told before it runs"),
    ],
)
def test_what_is_counted(tmp_path: Path, target: str, expected: str) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "empty").mkdir()
    (tmp_path / "tree" / "one.txt").write_text("x" * 1000)
    (tmp_path / "tree" / "deep" / "two.py").write_text("x" * 100)
    (tmp_path / "tree" / ".hidden").write_text("x" * 10)
    (tmp_path / "link").symlink_to("tree")
    assert measure([f"{tmp_path}/{target}"], 10) == [f"{tmp_path}/{target}: {expected}"]


def test_a_scan_without_time_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert measure([str(tmp_path), "s3://bucket"], 0) == [f"{tmp_path}: too large to count", "s3://bucket"]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2_300_000_000, "2.3 GB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_what_git_has_not_got(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert uncommitted(str(tmp_path), os.environ, 10) == "nothing is uncommitted"
    (tmp_path / "kept").touch()
    (tmp_path / "new").touch()
    subprocess.run(["git", "add", "kept"], cwd=tmp_path, check=True)
    assert uncommitted(str(tmp_path), os.environ, 10) == "1 changed and 1 untracked, not committed"
    assert uncommitted(str(tmp_path / "new"), os.environ, 10) == "0 changed and 1 untracked, not committed"
    assert uncommitted(str(tmp_path / ".git"), os.environ, 10) == "1 changed and 1 untracked, not committed"
    assert uncommitted(str(tmp_path), os.environ, 0) is None
    assert uncommitted("/nonexistent/x", os.environ, 10) is None


def test_a_signal_that_does_not_end_the_wait_is_noticed(tmp_path: Path) -> None:
    with Terminal([sys.executable, "-c", ASKS], os.environ, tmp_path) as terminal:
        terminal.wait_for("[?]")
        terminal.send(CTRL_C)
        terminal.wait_for("answer None")


def test_another_signal_is_no_answer(tmp_path: Path) -> None:
    with Terminal([sys.executable, "-c", ASKS], os.environ, tmp_path) as terminal:
        terminal.wait_for("[?]")
        terminal.resize(90, 40)
        terminal.wait_for("resized")
        terminal.send(f"yes{ENTER}")
        terminal.wait_for("answer yes")
