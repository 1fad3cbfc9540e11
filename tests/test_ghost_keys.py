from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prompting import Memory, Prompt, candidate, play, prompting, settle

from assistant_core.records import Command
from assistant_core.service.wire import Line
from assistant_core.settings import Keys
from assistant_core.store import Store

STATUS = candidate("git status", 0.4, count=12, last_exit=0)
STASH = candidate("git stash pop", 0.3)
PUSH = candidate("git push --force", 0.05)
GIT = (STATUS, STASH, PUSH)

LINE, WORD, NEXT, PREVIOUS, WHY, FORGET = "\x1b;", "\x1b'", "\x1bn", "\x1bp", "\x1bi", "\x1bx"


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        (["g", LINE], [("g", "it status"), ("git status", "")]),
        (["g", WORD, WORD], [("g", "it status"), ("git", " status"), ("git status", "")]),
        (["x", LINE, WORD], [("x", "")] * 3),  # nothing to take, and nothing typed by the key
        (["g", "\x01", LINE], [("g", "it status")] * 3),  # the cursor is not at the end
        (
            ["g", NEXT, NEXT, NEXT],
            [("g", "it status"), ("g", "it stash pop"), ("g", "it push --force"), ("g", "it status")],
        ),
        (["g", PREVIOUS, PREVIOUS], [("g", "it status"), ("g", "it push --force"), ("g", "it stash pop")]),
        (
            ["g", NEXT, "it s", WORD],
            [("g", "it status"), ("g", "it stash pop"), ("git s", "tash pop"), ("git stash", " pop")],
        ),
        (["git p", NEXT], [("git p", ""), ("git p", "ush --force")]),  # below the threshold, but asked for
        (["git st", NEXT], [("git st", "atus"), ("git st", "ash pop")]),
        ([NEXT], [("", "git status")]),
        ([PREVIOUS], [("", "git push --force")]),
        (["x", NEXT, PREVIOUS], [("x", "")] * 3),
    ],
)
def test_taking_and_cycling(environ: dict[str, str], steps: list[str], shown: list[tuple[str, str]]) -> None:
    assert play(environ, Memory(*GIT), steps) == shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ls -la /usr/local/bin", ["ls", " -la", " /usr/", "local/", "bin"]),
        ("curl https://a.org/b", ["curl", " https://", "a.org/", "b"]),
        ("x  'a b'  ", ["x", "  'a", " b'", "  "]),
        ("cd //", ["cd", " //"]),
    ],
)
def test_a_word_is_a_word_or_a_part_of_a_path(environ: dict[str, str], line: str, words: list[str]) -> None:
    seen = play(environ, Memory(candidate(line, 0.9)), [WORD] * len(words))
    assert [text for text, _ in seen] == ["".join(words[: count + 1]) for count in range(len(words))]


def with_keys(prompt: Prompt, **keys: str) -> None:
    """Change the settings, and begin a prompt."""
    prompt.session.settings = prompt.session.settings._replace(keys=Keys(**keys))
    prompt.xsh.builtins.events.on_pre_prompt.fire()


def test_keys_follow_the_settings_from_prompt_to_prompt(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        seen = []
        async with prompting(environ, Memory(*GIT)) as prompt:
            with_keys(prompt, accept_line="c-x y", accept_word="")
            for keys in ("g", LINE[1:], "\x15g", "\x18y"):
                prompt.press(keys)
                seen.append(prompt.buffer.text)
            assert len(prompt.bindings.bindings) == len(Keys._fields) - 1
        return seen

    assert asyncio.run(body()) == ["g", "g;", "g", "git status"]


def test_a_key_that_does_not_exist_is_told_and_the_others_work(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    async def body() -> str:
        async with prompting(environ, Memory(*GIT)) as prompt:
            with_keys(prompt, why="escape hyper-w")
            with_keys(prompt, why="escape hyper-w")
            prompt.session.show_messages()
            prompt.press(f"g{LINE}")
            return prompt.buffer.text

    assert asyncio.run(body()) == "git status"
    assert capsys.readouterr().err == (
        "assistant: keys.why is 'escape hyper-w': Invalid key: hyper-w; expected names of prompt_toolkit's keys "
        "parted by spaces, such as 'escape i'\n"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (f"g{WHY}", "assistant: git status: from history, 40% likely, run 12 times, last exit code 0"),
        (f"x{WHY}", "assistant: no suggestion is shown"),
        (f"x{FORGET}", "assistant: no suggestion is shown"),
    ],
)
def test_why(environ: dict[str, str], keys: str, said: str) -> None:
    async def body() -> None:
        async with prompting(environ, Memory(*GIT)) as prompt:
            prompt.press(keys)
            text = prompt.buffer.text
            await prompt.printed(said)
            assert prompt.buffer.text == text

    asyncio.run(body())


def test_forget_deletes_for_good_and_offers_the_next(environ: dict[str, str]) -> None:
    async def body() -> None:
        memory = Memory(*GIT)
        async with prompting(environ, memory) as prompt:
            store = Store(prompt.session.paths.history)
            for line in ("git status", "git status", "git stash pop"):
                store.append(Command(line=line, session="s"))
            prompt.press(f"g{FORGET}")
            assert prompt.rest == "it stash pop"
            await prompt.printed("assistant: deleted from memory for good (2 entries)")
            await prompt.until(lambda: memory.told)
            assert memory.told == [("forget", Line(line="git status"))]
            assert [row.line for row in store.ranking_rows()] == ["git stash pop"]
            store.close()
            prompt.press("\x15git stat")  # the service has not taken it in yet
            assert prompt.rest == ""
            prompt.xsh.builtins.events.on_postcommand.fire(cmd="git status\n", rtn=0, out=None, ts=[0, 1])
            prompt.press("\x15git stat")
            assert prompt.rest == "us"

    asyncio.run(body())


def test_what_is_forgotten_is_not_written_down_as_shown(environ: dict[str, str]) -> None:
    async def body() -> None:
        async with prompting(environ, Memory(STATUS)) as prompt:
            prompt.press("g")
            await settle()
            assert prompt.session.last_shown is not None
            prompt.press(FORGET)
            await settle()
            assert prompt.session.last_shown is None

    asyncio.run(body())


def test_what_cannot_be_deleted_is_said(environ: dict[str, str]) -> None:
    async def body() -> None:
        memory = Memory(*GIT)
        async with prompting(environ, memory) as prompt:
            prompt.session.paths.history.mkdir(parents=True)
            prompt.press(f"g{FORGET}")
            await prompt.printed("assistant: the suggestion is not deleted: ")
            assert memory.told == []

    asyncio.run(body())


BINDINGS = """
import json, os
_shell = __xonsh__.shell.shell
_app = _shell.prompter.app
_all = [*_app._default_bindings.bindings, *_app.key_bindings.bindings, *_shell._key_bindings_merge.bindings]
_names = [[getattr(key, 'value', key) for key in binding.keys] for binding in _all]
_written = open(os.environ['ANSWER'], 'w').write(json.dumps(_names))
exit
"""


def test_no_default_key_is_one_that_the_shell_has(environ: dict[str, str], tmp_path: Path) -> None:
    answer = tmp_path / "bindings.json"
    command = [sys.executable, "-m", "xonsh", "-i", "--no-rc", "--shell-type", "prompt_toolkit"]
    variables = {**environ, "PATH": os.environ["PATH"], "TERM": "xterm", "ANSWER": str(answer)}
    subprocess.run(command, input=BINDINGS, text=True, env=variables, capture_output=True, check=False, timeout=60)
    theirs = {tuple(keys) for keys in json.loads(answer.read_text(encoding="utf-8"))}
    assert {("escape", "f"), ("right",), ("escape", "right")} < theirs  # ptk's, its suggestions', xonsh's
    ours = {tuple(keys.split()) for keys in Keys()}
    assert len(ours) == len(Keys._fields)
    for keys in ours:
        assert all(other[: len(keys)] != keys for other in theirs)
        assert all(keys[: len(other)] != other for other in theirs if len(other) > 1)
