"""Explanations on the command line, from a manual page of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import run

Environ = dict[str, str]

PAGE = """\
.TH FROB 1
.SH NAME
frob \\- turn files around
.SH SYNOPSIS
.B frob
[\\fB\\-v\\fR] \\fIFILE\\fR
.SH OPTIONS
.TP
.B \\-v
say what is done
"""


@pytest.fixture(autouse=True)
def manual(environ: Environ, tmp_path: Path) -> None:
    (tmp_path / "man/man1").mkdir(parents=True)
    (tmp_path / "man/man1/frob.1").write_text(PAGE)
    environ["MANPATH"] = str(tmp_path / "man")


@pytest.mark.parametrize("argv", [["frob", "-v", "x"], ["frob -v x"], ["--", "frob", "-v", "x"], ["--", "frob -v x"]])
def test_explain(argv: list[str], environ: Environ) -> None:
    shown = run(environ, "explain", *argv)
    assert (shown.code, shown.err) == (0, "")
    assert "turn files around" in shown.out
    assert "say what is done" in shown.out
    assert "frob(1) OPTIONS" in shown.out
    found = run(environ, "explain", "--json", *argv).json
    assert found["line"] == "frob -v x"
    assert [piece["words"] for piece in found["passages"] if piece["found"]][:2] == ["frob", "-v"]


@pytest.mark.parametrize("argv", [["no-such-program-here"], ["--", "no-such-program-here", "--json"]])
def test_what_no_manual_knows(argv: list[str], environ: Environ) -> None:
    assert run(environ, "explain", *argv).code == 1


def test_nothing_is_run(environ: Environ, tmp_path: Path) -> None:
    run(environ, "explain", f"frob $(touch {tmp_path}/canary) `touch {tmp_path}/canary`")
    assert not (tmp_path / "canary").exists()


def test_no_control_character_is_shown(environ: Environ) -> None:
    shown = run(environ, "explain", "frob -v '\x1b]0;owned\x07\u202e'").out
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []
