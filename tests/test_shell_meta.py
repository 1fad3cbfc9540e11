"""Meta-commands: the rest of the line is a literal text, in every shell and whatever it holds."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from terminal import ENTER, TAB, Home, Terminal

from assistant_core.cli import parser
from assistant_core.cli.completion import candidates
from assistant_core.settings import paths
from assistant_core.shell.answers import TRAIN
from assistant_core.shell.meta import TABLE, is_call, is_typed, next_words, transform
from assistant_core.store import Store

ROOT = Path(__file__).parent.parent  # where `training` may be imported from
META = {meta.name: meta for meta in TABLE}

# Every one of these would leave a file named "ran" if any part of it ran.
HOSTILE = [
    "echo $(touch ran)",
    "echo `touch ran`",
    "a and touch ran",
    "a or touch ran",
    "a; touch ran",
    "a && touch ran",
    "a || touch ran",
    "a | touch ran",
    "a > ran",
    "a &",
    "it's $(touch ran)",
    'a "$(touch ran)',
    "![touch ran]",
    "$[touch ran]",
    "@(open('ran', 'w'))",
    "'); open('ran', 'w'); ('",
    '""" + open("ran", "w") + """',
    "ends with a colon:",
    "ends with a backslash \\",
    "$HOME ~ *.py {a,b}",
    "for f in x:",
    "\\'; open('ran', 'w') #",
]


@pytest.mark.parametrize("shell", ["ptk", "readline"])
def test_nothing_in_it_runs(tmp_path: Path, shell: str) -> None:
    home = Home(tmp_path)
    with home.open("--shell-type", shell) as terminal:
        for name in (":feedback", ":train"):  # these answer at once
            for text in HOSTILE:
                terminal.run(f"{name} {text}")
                assert not (tmp_path / "ran").exists(), text
        terminal.run("touch ran")
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("shell", ["ptk", "readline"])
def test_explain_runs_nothing(tmp_path: Path, shell: str) -> None:
    home = Home(tmp_path)
    with home.open("--shell-type", shell) as terminal:
        terminal.run("?explain echo $(touch ran) and touch ran > ran")
        assert "the output of the command within" in terminal.screen()
    assert not (tmp_path / "ran").exists()


def test_several_lines_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        before = terminal.prompts()
        terminal.paste("? a\ntouch ran\nb")
        terminal.send(ENTER)
        terminal.wait(lambda: terminal.prompts() > before, "the next prompt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("typed", "call"),
    [
        ("?explain ls -l\n", "?explain @('ls -l')\n"),
        ("  ? how do I\n", "? @('how do I')\n"),
        ("?explain @('x')\n", None),  # a call already
        ("?\n", None),  # as above
        (" ?fix \n", "?fix\n"),
        (":feedback helpful it's\n", ':feedback @("helpful it\'s")\n'),
        ("?explain a\nb\n", "?explain @('a\\nb')\n"),
        ("?explain @(x)\n", "?explain @('@(x)')\n"),
        ("?explain @('x' + y)\n", "?explain @(\"@('x' + y)\")\n"),
        ("?explain @('x') ; touch ran\n", "?explain @(\"@('x') ; touch ran\")\n"),
        ("ls\n", None),
        ("\n", None),
        ("?explainx\n", None),
        ("x?\n", None),
        (":trainer\n", None),
        ("echo ?explain\n", None),
    ],
)
def test_transform(typed: str, call: str | None) -> None:
    assert transform(typed) == call
    if call is not None:
        assert transform(call) in (None, call)
        assert is_call(call)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("meta", [meta.name for meta in TABLE])
def test_every_call_holds_its_text_literally(meta: str, text: str) -> None:
    call = transform(f"{meta} {text}\n")
    assert call is not None
    assert is_typed(f"{meta} {text}")
    assert is_call(call)
    assert not is_call(f"{meta} {text}\n")
    assert eval(call.removeprefix(meta).strip().removeprefix("@")) == text  # noqa: S307 - the literal that we made


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ([], {"add", "now", "status", "stop", "review", "schedule", "history", "deploy", "rollback"}),
        (["review"], {"drop", "edit"}),
        (["schedule"], {"on", "off", "status"}),
        (["now"], {"--foreground"}),
        (["add"], set()),
        (["schedule", "on"], set()),
        (["nonsense"], set()),
    ],
)
def test_the_words_that_follow(typed: list[str], offered: set[str]) -> None:
    assert next_words(TRAIN, typed) == offered
    assert {word for word in candidates(parser(), ["train", *typed, ""]) if not word.startswith("-")} == {
        word for word in offered if not word.startswith("-")
    }


def test_train_is_the_program(tmp_path: Path) -> None:
    home = Home(tmp_path, PYTHONPATH=str(ROOT), EDITOR="sed -i s/pul/pull/")
    with home.open() as terminal:
        terminal.run(':train add "du -sh *" "sizes"')
        terminal.run("echo git pul")
        terminal.run(":train review")
        assert "e1  1x  du -sh *" in terminal.screen()
        terminal.run(":train review drop e1")
        assert "dropped: du -sh *" in terminal.screen()
        terminal.run(":train review edit 1")
        assert "learned instead: echo git pull" in terminal.screen()
        terminal.run(":train review edit 1 'git fetch; touch ran'")
        assert "learned instead: git fetch; touch ran" in terminal.screen()
        terminal.run(":train schedule status")
        assert "no run is scheduled" in terminal.screen()
        terminal.run(":train rollback")
        assert "the shipped command model is in use" in terminal.screen()
        terminal.run("echo code $LAST_RETURN_CODE")
        assert "code 2" in terminal.screen()
    assert not (tmp_path / "ran").exists()
    with closing(Store(paths(home.environ).history)) as store:
        assert store.examples() == []
        assert [stored.command.line for stored in store.newest(9)][-1] == "git fetch; touch ran"


def test_the_table_is_the_help(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("?")
        for meta in TABLE:
            assert meta.help in terminal.screen()
        for meta in TABLE:
            terminal.run("clear")
            terminal.run(f"{meta.name} --help")
            assert f"usage: {meta.name}" in terminal.screen()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_what_is_said_is_broken_between_words(tmp_path: Path, columns: int) -> None:
    home = Home(tmp_path)
    with Terminal(home.xonsh(), home.environ, tmp_path, columns) as terminal:
        terminal.wait(lambda: terminal.prompts() > 0, "the first prompt")
        for line, said in (
            ("?", " ".join(f"{meta.name} {meta.usage} {meta.help}" for meta in TABLE)),
            (":train --help", f"usage: :train {META[':train'].usage} {META[':train'].help}"),
            ("?fix", "?fix: nothing has failed in this shell; `?fix LINE` repairs a line that you give"),
        ):
            terminal.run("clear")
            terminal.run(line)
            assert said in " ".join(terminal.screen().split())


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (":fee", ":feedback"),
        (":feedback unh", ":feedback unhelpful"),
        (":train sta", ":train status"),
        (":train review ed", ":train review edit"),
        ("assistant doc", "assistant doctor"),
        ("assistant service rest", "assistant service restart"),
    ],
)
def test_tab(tmp_path: Path, typed: str, completed: str) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.send(typed)
        terminal.wait_for(typed)
        terminal.press_until(TAB, lambda: f"<1> {completed}" in terminal.screen())


def test_tab_completes_the_line_to_explain_as_a_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "bin" / "frobnicate").symlink_to("/bin/true")
    with home.open() as terminal:
        terminal.send("?explain frobni")
        terminal.wait_for("frobni")
        terminal.press_until(TAB, lambda: "?explain frobnicate" in terminal.screen())


def test_what_cannot_be_done_yet_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        for line, said in (
            ("?fix", "nothing has failed in this shell"),
            (":train nonsense", "'nonsense' is nothing that :train can do"),
            (":train stop", "no run is under way"),
            (":train add x", 'expected: :train add "line" "meaning"'),
            (':train add "x', "No closing quotation"),
            (":feedback great", "'great' is no rating"),
        ):
            terminal.run("clear")
            terminal.run(line)
            assert said in terminal.screen()
            terminal.run("echo code $LAST_RETURN_CODE")
            assert "code 1" in terminal.screen()
            assert "Traceback" not in terminal.screen()


def test_feedback_and_examples_are_stored(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run(":feedback helpful")
        assert "about nothing" in terminal.screen()
        terminal.run("?explain true")
        terminal.run(":feedback unhelpful too | short")
        assert "the explanation for 'true'" in terminal.screen()
        terminal.run(':train add "du -sh * | sort -h" "folders by size"')
        terminal.run(":train status")
        assert "1 examples" in terminal.screen()
        terminal.run("assistant private on")
        terminal.run(":feedback helpful in private")
        assert "private mode is on" in terminal.screen()
    with closing(Store(paths(home.environ).history)) as store:
        first, second = store.feedback()
        assert (first.rating, first.about, first.subject) == ("helpful", "nothing", "")
        assert (second.rating, second.about, second.subject, second.note) == (
            "unhelpful",
            "explanation",
            "true",
            "too | short",
        )
        assert second.response
        assert [(e.line, e.meaning) for e in store.examples()] == [("du -sh * | sort -h", "folders by size")]
        assert list(store.commands()) == []


def test_private_mode_of_this_shell(tmp_path: Path) -> None:
    home = Home(
        tmp_path, rc="$PROMPT = '{assistant}' + $PROMPT() if False else (lambda: '{assistant:[{}]}' + _prompt())\n"
    )
    with home.open() as terminal:
        terminal.run("assistant private on")
        terminal.wait_for("[private]<2>")
        terminal.run("assistant private off")
        terminal.wait_for("\n<3>")


def test_the_program_answers_everything_else(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.open() as terminal:
        terminal.run("assistant config get suggest.ghost")
        terminal.run("assistant nonsense")
        terminal.run("echo code $LAST_RETURN_CODE")
        assert "code 2" in terminal.screen()
        terminal.run("assistant --version | tr a-z A-Z")
        assert "ASSISTANT 0" in terminal.screen()
