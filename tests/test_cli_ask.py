"""`assistant ask`: the same answers with a service and without, as text and as JSON."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import known_requests
import program
import pytest

from assistant_core.service import lifecycle
from assistant_core.settings import Paths

QUIET = {"XONTRIB_ASSISTANT_MODELS_COMMAND": "0", "PATH": os.environ["PATH"]}
OFF = {**QUIET, "XONTRIB_ASSISTANT_SERVICE_ENABLED": "0"}


@pytest.fixture
def known(environ: dict[str, str], paths: Paths) -> Iterator[dict[str, str]]:
    known_requests.install(paths)
    yield environ
    lifecycle.stop(paths)


def test_lines_are_proposed_and_nothing_is_run(known: dict[str, str], tmp_path: object) -> None:
    ran = program.run({**known, **OFF}, "ask", "make", "a file", "called ran")
    assert ran.code == 0
    assert ran.out.startswith("1  touch ran\n   known to do 'make a file called ran'; checked: syntax, programs\n")
    assert not os.path.exists(f"{tmp_path}/ran")  # noqa: PTH110 - a text


def test_lines_are_those_of_any_shell(known: dict[str, str]) -> None:
    ran = program.run({**known, **OFF}, "ask", "--json", "count the lines of all python files")
    first = ran.json["proposals"][0]
    assert first["line"] == "find . -name '*.py' -exec wc -l {} \\;"
    assert (first["source"], first["verdict"]["decision"]) == ("examples", "allow")


def test_the_service_answers_the_same(known: dict[str, str], paths: Paths) -> None:
    asked = ("ask", "--json", "find files larger than 7 GB")
    alone = program.process({**known, **OFF}, *asked)
    assert lifecycle.running(paths) is None
    served = program.process({**known, **QUIET}, *asked)
    assert lifecycle.running(paths) is not None
    assert served.json["proposals"][0]["line"] == "find . -size +7G"
    assert [each["line"] for each in served.json["proposals"]] == [each["line"] for each in alone.json["proposals"]]


def test_a_failed_line_is_repaired(known: dict[str, str]) -> None:
    ran = program.run({**known, **OFF}, "ask", "--fix", "127", "grpe foo bar.txt")
    assert ran.out.startswith("1  grep foo bar.txt\n   spelling corrected; checked: syntax, programs")


def test_names_of_a_shell_are_read(known: dict[str, str]) -> None:
    ran = subprocess.run(
        [*program.PROGRAM, "ask", "--json", "--names", "--fix", "1", "--", "frobnciate -x"],
        env=program.whole({**known, **OFF}),
        input="cd\nfrobnicate\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"line": "frobnicate -x"' in ran.stdout


def test_nothing_known(known: dict[str, str]) -> None:
    ran = program.run({**known, **OFF}, "ask", "xyzzy plugh")
    assert (ran.code, ran.out) == (1, "nothing is known that does this; other words may find it\n")
    ran = program.run({**known, **OFF}, "ask", "--fix", "1", "xyzzy plugh")
    assert (ran.code, ran.out.startswith("no repair is known: ")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: WHAT"),
        (["  "], "nothing is asked"),
        (["--fix", "0", "x"], "'0' is not a whole number from 1 to 255"),
        (["--fix", "x", "x"], "'x' is not a whole number"),
    ],
)
def test_usage(environ: dict[str, str], arguments: list[str], said: str) -> None:
    ran = program.run(environ, "ask", *arguments)
    assert ran.code == 2
    assert said in ran.err
