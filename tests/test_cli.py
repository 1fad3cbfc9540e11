"""The program as a whole: usage, errors, exit codes, JSON, and what never happens on the way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import PROGRAM, process, record, run, whole

from assistant_core import cli
from assistant_core.cli import console
from assistant_core.cli.command import Group, Leaf
from assistant_core.records import Command
from assistant_core.settings import Paths

Environ = dict[str, str]
ROOT = Path(__file__).parent.parent


def leaves(commands: tuple[Leaf | Group, ...] = cli.COMMANDS, *before: str) -> Iterator[tuple[list[str], Leaf]]:
    for command in commands:
        if isinstance(command, Group):
            yield from leaves(command.commands, *before, command.name)
        else:
            yield [*before, command.name], command


@pytest.mark.parametrize(
    ("words", "leaf"), list(leaves()), ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_every_command_has_help_with_examples_that_parse(words: list[str], leaf: Leaf, environ: Environ) -> None:
    import shlex  # noqa: PLC0415 - only here

    shown = run(environ, *words, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert "--json" in shown.out
    for example in leaf.examples:
        assert example in shown.out
        arguments = shlex.split(example.partition(" | source")[0].partition(" > history")[0], comments=True)
        if arguments[0] == "assistant":
            assert cli.parser().parse_args(arguments[1:]).run is leaf.run


def test_every_command_is_in_the_help(environ: Environ) -> None:
    shown = run(environ, "--help").out
    assert [command.name for command in cli.COMMANDS if f"    {command.name} " not in shown.replace("\n", " \n")] == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["data", "lst"], "invalid choice: 'lst'"),
        (["data", "show", "x"], "'x' is not a whole number"),
        (["data", "show", "99999999999999999999"], "is not a whole number from 1 to"),
        (["data", "list", "--limit", "0"], "'0' is not a whole number"),
        (["data", "list", "--lim", "3"], "unrecognized arguments: --lim"),
        (["data", "list", "--containing", "\udcff"], "is not UTF-8"),
        (["data", "delete"], "expected either numbers"),
        (["data", "delete", "1", "--line", "ls"], "expected either numbers"),
        (["data", "export", "--format", "word"], "invalid choice: 'word'"),
        (["config", "get", "suggest.treshold"], "nearest is 'suggest.threshold'"),
        (["config", "set", "suggest.threshold", "much"], "expected a number"),
        (["config", "set", "suggest.threshold"], "takes one value, not 0"),
        (["import", "cmd.exe"], "invalid choice: 'cmd.exe'"),
        (["explain"], "there is no LINE"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["service", "logs", "-n", "-1"], "'-1' is not a whole number"),
    ],
)
def test_wrong_usage_is_one_line_or_one_document(argv: list[str], message: str, environ: Environ) -> None:
    plain, as_json = run(environ, *argv), run(environ, *argv[:1], "--json", *argv[1:])
    assert (plain.code, plain.out, plain.err.count("\n")) == (2, "", 1)
    assert plain.err.startswith("assistant: ")
    assert message in plain.err
    assert (as_json.code, as_json.err, list(as_json.json)) == (2, "", ["error"])
    assert message in as_json.json["error"]


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        (["train", "deploy", "v1", "v2"], "assistant train deploy"),
        (["train", "status", "now"], "assistant train status"),
        (["train", "history", "--all"], "assistant train history"),
        (["train", "deploy"], "assistant train deploy"),
        (["train", "lern"], "assistant train"),
        (["status", "now"], "assistant status"),
        (["--all", "status"], "assistant"),
    ],
)
def test_wrong_usage_points_to_the_help_of_the_command_that_was_meant(
    argv: list[str], asked: str, environ: Environ
) -> None:
    assert run(environ, *argv).err.endswith(f"; see `{asked} --help`\n")
    assert run(environ, *asked.split()[1:], "--help").out.startswith(f"usage: {asked} ")


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["status"], 0),
        (["data", "list"], 1),
        (["data", "show", "1"], 1),
        (["data", "delete", "1"], 1),
        (["data", "delete", "--line", "ls"], 1),
        (["data", "export"], 1),
        (["data", "purge", "--yes"], 0),
        (["data", "review"], 1),
        (["stats"], 1),
        (["private", "status"], 0),
        (["config", "show"], 0),
        (["config", "path"], 0),
        (["config", "unset", "suggest.ghost"], 1),
        (["service", "status"], 1),
        (["service", "logs"], 1),
    ],
)
def test_before_anything_is_recorded_every_command_works_and_creates_nothing(
    argv: list[str], code: int, environ: Environ, paths: Paths
) -> None:
    assert run(environ, *argv)[::2] == (code, "")
    assert [folder for folder in paths if folder.exists()] == []


@pytest.mark.parametrize(
    "argv", [["data", "list"], ["data", "show", "1"], ["stats"], ["data", "export"], ["data", "review"]]
)
def test_a_history_that_cannot_be_opened_is_one_line(argv: list[str], environ: Environ, paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    paths.history.write_bytes(b"no database, but " * 100)
    ran = run(environ, *argv)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "file is not a database; `assistant doctor` says what to do" in ran.err


def test_no_folder_can_be_entered(environ: Environ, tmp_path: Path) -> None:
    (tmp_path / "share").write_text("a file where the folder should be")
    assert "nothing is recorded" in run(environ, "data", "list").out
    (tmp_path / "file").write_text("")
    assert run(environ, "data", "export", str(tmp_path / "missing" / "x"))[0] == 1


def test_broken_settings_are_named_by_what_needs_them_and_stop_nothing_else(environ: Environ, paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    paths.settings.write_text("[suggest\n")
    status = run(environ, "status", "--json")
    assert (status.code, list(status.json["settings"])) == (1, ["error"])
    assert status.json["store"]["commands"] == 0
    assert run(environ, "config", "path").out == f"{paths.settings}\n"
    assert run(environ, "config", "get", "suggest.ghost").code == 2
    assert run(environ, "data", "list").code == 1


HOSTILE = "echo \x1b]0;owned\x07\x9b31m\u202e\u2028 \nrm\tx"


@pytest.mark.parametrize(
    "argv",
    [
        ["data", "list"],
        ["data", "show", "1"],
        ["data", "review"],
        ["stats"],
        ["data", "list", "--json"],
        ["data", "show", "1", "--json"],
        ["data", "review", "--json"],
        ["stats", "--json"],
    ],
)
def test_no_stored_text_reaches_the_terminal_as_it_is(argv: list[str], environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line=HOSTILE, session=HOSTILE, cwd=HOSTILE, host=HOSTILE)])
    shown = run(environ, *argv).out
    assert "owned" in shown
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls -l", "ls -l"),
        ("\x1b[31m\n\t\x00\x7f\x9b", r"\x1b[31m\n\t\x00\x7f\x9b"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("grüße 漢字 \U0001f600", "grüße 漢字 \U0001f600"),
        ("\udcff", r"\udcff"),
        (r"\x1b", r"\x1b"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert console.visible(text) == shown


@pytest.mark.parametrize(
    ("bytes_", "shown"), [(0, "0 B"), (1023, "1023 B"), (2048, "2 KiB"), (5 * 2**20, "5 MiB"), (3 * 2**30, "3.0 GiB")]
)
def test_size(bytes_: int, shown: str) -> None:
    assert console.size(bytes_) == shown


@pytest.mark.parametrize(
    ("duration_ns", "shown"), [(None, "-"), (1_500_000, "2 ms"), (2_500_000_000, "2.5 s"), (3600 * 10**9, "3,600 s")]
)
def test_span(duration_ns: int | None, shown: str) -> None:
    assert console.span(duration_ns) == shown


@pytest.mark.parametrize(("at_ns", "shown"), [(None, "-"), (10**27, f"@{10**18}")])
def test_moment_of_what_no_calendar_has(at_ns: int | None, shown: str) -> None:
    assert console.moment(at_ns) == shown


def test_columns_stand_below_each_other() -> None:
    assert console.columns([(1, None, "a\n"), ("long", 22, "")]) == [r"1     -   a\n", "long  22"]
    assert console.columns([]) == []


def test_a_process_of_its_own_says_the_same(environ: Environ) -> None:
    assert process(environ, "data", "list") == run(environ, "data", "list")
    assert process(environ, "data", "lst") == run(environ, "data", "lst")
    script = subprocess.run(["assistant", "--version"], env=whole(environ), capture_output=True, text=True, check=True)
    assert script.stdout.startswith("assistant ")


def test_a_closed_pipe_is_no_error(environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="x" * 1000, session="s")] * 300)
    listed = subprocess.Popen(
        [*PROGRAM, "data", "list", "--limit", "300"], env=whole(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listed.stdout
    assert listed.stderr
    listed.stdout.read(10)
    listed.stdout.close()
    assert listed.stderr.read() == b""
    listed.stderr.close()
    assert listed.wait() == 141


def test_text_that_the_terminal_cannot_show_is_escaped(environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="echo grüße 漢", session="s")])
    shown = process({**environ, "PYTHONIOENCODING": "ascii:strict"}, "data", "list")
    assert shown.code == 0
    assert "echo gr\\xfc\\xdfe \\u6f22" in shown.out


def test_help_imports_nothing_heavy(environ: Environ) -> None:
    code = (
        "import sys; from assistant_core import cli; cli.parser()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:] = {[str(ROOT), *sys.path]!r}\n{code}"],
                          env=whole(environ), capture_output=True, text=True, check=True)  # fmt: skip
    assert {name for name in done.stdout.split() if not name.startswith("_")} == {"assistant_core"}
