"""Settings: read, written with comments kept, explained, and mended where they are broken."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from program import run

from assistant_core import settings
from assistant_core.settings import Paths

Environ = dict[str, str]


def write(paths: Paths, text: str) -> None:
    paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.settings.write_text(text)


@pytest.mark.parametrize(
    ("argv", "value", "printed"),
    [
        (["suggest.threshold", "0.3"], 0.3, "0.3\n"),
        (["suggest.ghost", "off"], False, "false\n"),
        (["guard.timeout_s", "5"], 5, "5\n"),
        (["keys.why", "escape w"], "escape w", "escape w\n"),
        (["keys.why", ""], "", "\n"),
        (["record.ignore", "a:b", "^vault "], ("a:b", "^vault "), "a:b\n^vault \n"),
        (["record.ignore"], (), ""),
        (
            ["training.sources", "documents=~/notes", "tldr=~/tldr"],
            ("documents=~/notes", "tldr=~/tldr"),
            "documents=~/notes\ntldr=~/tldr\n",
        ),
    ],
)
def test_set_and_get(argv: list[str], value: object, printed: str, environ: Environ, paths: Paths) -> None:
    assert run(environ, "config", "set", *argv).code == 0
    assert run(environ, "config", "get", argv[0]) == (0, printed, "")
    section, _, key = argv[0].partition(".")
    assert getattr(getattr(settings.load(environ, paths.settings), section), key) == value
    assert stat.S_IMODE(paths.settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.config.stat().st_mode) == 0o700


@pytest.mark.parametrize("value", ["3", "-0.5", "nan"])
def test_a_value_out_of_its_range_is_not_written(value: str, environ: Environ, paths: Paths) -> None:
    write(paths, "[training]\ntrial_share = 0.25\n")
    said = run(environ, "config", "set", "training.trial_share", value)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"assistant: config set: training.trial_share is {value!r}; expected a number from 0 to 1\n"
    assert run(environ, "config", "get", "training.trial_share").out == "0.25\n"


BEFORE = """\
# mine
[suggest]  # what is offered
ghost = true   # I like it

[guard]
timeout_s = 30
"""


@pytest.mark.parametrize(
    ("argv", "after"),
    [
        (["set", "suggest.ghost", "false"], BEFORE.replace("ghost = true ", "ghost = false ")),
        (["set", "guard.enabled", "true"], BEFORE + "enabled = true\n"),
        (["set", "keys.why", "c-w"], BEFORE + '\n[keys]\nwhy = "c-w"\n'),
        (["unset", "guard.timeout_s"], BEFORE.replace("timeout_s = 30\n", "")),
        (["set", "guard.timeout_s", "30"], BEFORE),
    ],
)
def test_the_rest_of_the_file_stays_as_it_is(argv: list[str], after: str, environ: Environ, paths: Paths) -> None:
    write(paths, BEFORE)
    assert run(environ, "config", *argv).code == 0
    assert paths.settings.read_text() == after
    assert list(paths.config.iterdir()) == [paths.settings]


def test_a_link_stays_a_link(environ: Environ, paths: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    paths.config.mkdir(parents=True)
    paths.settings.symlink_to(real)
    assert run(environ, "config", "set", "suggest.ghost", "no").code == 0
    assert paths.settings.is_symlink()
    assert real.read_text() == "[suggest]\nghost = false\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[suggest\n", "cannot be read as TOML"),
        ("\udcff", "cannot be read as TOML"),
        ("[suggest]\nghots = true\n", "nearest is 'suggest.ghost'"),
        ("[suggest]\nghost = 3\n", "expected true or false"),
        ("ghost = true\n", "outside a section"),
    ],
)
def test_broken_files_can_be_looked_at(text: str, problem: str, environ: Environ, paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.settings.write_bytes(text.encode(errors="surrogateescape"))
    shown = run(environ, "config", "show")
    assert (shown.code, shown.err) == (1, "")
    assert problem in shown.out.splitlines()[0]
    found = run(environ, "config", "show", "--json").json
    assert len(found["problems"]) == 1
    assert len(found["settings"]) == len(list(settings.table()))
    assert run(environ, "config", "path") == (0, f"{paths.settings}\n", "")
    assert run(environ, "config", "get", "suggest.ghost").code == 2


@pytest.mark.parametrize("name", ["suggest.ghots", "nothing", "suggest"])
def test_what_does_not_belong_there_can_be_removed(name: str, environ: Environ, paths: Paths) -> None:
    write(paths, "nothing = 1\n[suggest]\nghots = true\n")
    assert run(environ, "config", "unset", name).code == 0
    assert run(environ, "config", "unset", name).code == 1


@pytest.mark.parametrize("argv", [["set", "suggest.ghost", "on"], ["unset", "suggest.ghost"]])
def test_no_file_is_written_over_what_cannot_be_read(argv: list[str], environ: Environ, paths: Paths) -> None:
    write(paths, "[suggest\n")
    assert run(environ, "config", *argv).code == 2
    assert paths.settings.read_text() == "[suggest\n"


def test_a_section_that_is_none(environ: Environ, paths: Paths) -> None:
    write(paths, "suggest = 1\n")
    ran = run(environ, "config", "set", "suggest.ghost", "on")
    assert (ran.code, paths.settings.read_text()) == (2, "suggest = 1\n")
    assert "should be the section [suggest]" in ran.err


def test_where_a_value_comes_from(environ: Environ, paths: Paths) -> None:
    write(paths, "[suggest]\nghost = false\nthreshold = 0.5\n")
    environ["XONTRIB_ASSISTANT_SUGGEST_THRESHOLD"] = "0.7"
    rows = {row["key"]: row for row in run(environ, "config", "show", "--json").json["settings"]}
    assert [
        (rows[key]["value"], rows[key]["origin"]) for key in ("suggest.ghost", "suggest.threshold", "suggest.menu")
    ] == [
        (False, str(paths.settings)),
        (0.7, "$XONTRIB_ASSISTANT_SUGGEST_THRESHOLD"),
        (True, "default"),
    ]
    assert "from $XONTRIB_ASSISTANT_SUGGEST_THRESHOLD" in run(environ, "config", "show").out
    hidden = run(environ, "config", "set", "suggest.threshold", "0.1")
    assert hidden.code == 0
    assert "where $XONTRIB_ASSISTANT_SUGGEST_THRESHOLD is set, as here, it goes first: 0.7" in hidden.out


def test_a_wrong_variable_is_a_problem(environ: Environ) -> None:
    environ["XONTRIB_ASSISTANT_SUGGEST_GHOST"] = "maybe"
    assert run(environ, "config", "show", "--json").json["problems"] == [
        "$XONTRIB_ASSISTANT_SUGGEST_GHOST: suggest.ghost is 'maybe'; expected true or false"
    ]


def test_private_mode(environ: Environ, paths: Paths) -> None:
    assert run(environ, "private", "status", "--json").json == {"private": False}
    assert run(environ, "private", "on") == (0, "private mode is on in all shells\n", "")
    assert settings.load(environ, paths.settings).record.private
    assert run(environ, "private", "status").out == "private mode is on: nothing is remembered\n"
    status = run(environ, "status", "--json").json["settings"]
    assert (status["private"], status["recording"]) == (True, False)
    assert "recording is off: private mode" in run(environ, "status").out
    assert run(environ, "private", "off", "--json").json["private"] is False
    assert run(environ, "status", "--json").json["settings"]["recording"] is True
