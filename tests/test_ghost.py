from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from typing import Any

import pytest
from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompting import EARLIER, Held, Memory, candidate, play, prompting, settle

from assistant_core.errors import ServiceError
from assistant_core.records import Candidate, Query
from assistant_core.redact import MARK
from assistant_core.settings import Service
from assistant_core.shell import fallback, link
from assistant_core.shell.session import Shown

STATUS = candidate("git status", 0.4)
STASH = candidate("git stash pop", 0.3)
PUSH = candidate("git push --force", 0.05)
GIT = (STATUS, STASH, PUSH)

BACKSPACE, RIGHT, LEFT, UP, TAB = "\x7f", "\x1b[C", "\x1b[D", "\x1b[A", "\t"
ALT_F, CTRL_E, CTRL_U, ENTER = "\x1bf", "\x05", "\x15", "\r"
LINE, WORD, PASTE, PASTED = "\x1b;", "\x1b'", "\x1b[200~", "\x1b[201~"


@pytest.mark.parametrize(
    ("steps", "shown", "asked"),
    [
        (["g", "i", "t"], [("g", "it status"), ("gi", "t status"), ("git", " status")], ["g"]),
        (["git sta", "s"], [("git sta", "tus"), ("git stas", "h pop")], ["g", "git stas"]),
        (["git st", BACKSPACE], [("git st", "atus"), ("git s", "tatus")], ["g"]),
        (["git stas", BACKSPACE], [("git stas", "h pop"), ("git sta", "tus")], ["g", "git stas", "git sta"]),
        (["g", CTRL_U, "g"], [("g", "it status"), ("", ""), ("g", "it status")], ["g", "", "g"]),
        (["git p"], [("git p", "")], ["g", "git p"]),
        (["git x"], [("git x", "")], ["g", "git x"]),
        (["git status", " "], [("git status", ""), ("git status ", "")], ["g", "git status", "git status "]),
        (["it", "\x01g"], [("it", ""), ("git", "")], ["i", "it"]),  # typed at the start of the line
        (["git", LEFT, "x"], [("git", " status"), ("git", " status"), ("gixt", "")], ["g"]),
        (["? git"], [("? git", "")], []),
        (["?explain git"], [("?explain git", "")], []),
        ([":train "], [(":train ", "")], [":", ":t", ":tr", ":tra", ":trai"]),
        (["for i:\x1b\r"], [("for i:", "")], ["f", "fo", "for"]),
    ],
)
def test_ghost_text_follows_what_is_typed(
    environ: dict[str, str], steps: list[str], shown: list[tuple[str, str]], asked: list[str]
) -> None:
    memory = Memory(*GIT)
    assert play(environ, memory, steps) == shown
    assert memory.asked[1 : len(asked) + 1] == asked  # the first question was for the empty prompt


@pytest.mark.parametrize(
    ("candidates", "settings", "rest"),
    [
        ((STATUS,), {"threshold": 0.4}, "it status"),
        ((STATUS,), {"threshold": 0.41}, ""),
        ((STATUS,), {"ghost": False}, ""),
        ((candidate("git a\ngit b"), STATUS), {}, "it status"),
        ((candidate(f"git clone https://{MARK}@host"), STATUS), {}, "it status"),
        ((candidate("g"), STATUS), {}, "it status"),
        ((), {}, ""),
    ],
)
def test_what_may_be_ghost_text(
    environ: dict[str, str], candidates: tuple[Candidate, ...], settings: dict[str, Any], rest: str
) -> None:
    assert play(environ, Memory(*candidates), ["g"], settings) == [("g", rest)]


@pytest.mark.parametrize(
    ("probability", "settings", "rest"),
    [
        (0.5, {}, "make test"),
        (0.49, {}, ""),
        (0.49, {"empty_threshold": 0.4}, "make test"),
        (0.9, {"empty": False}, ""),
    ],
)
def test_the_next_command_at_an_empty_prompt(
    environ: dict[str, str], probability: float, settings: dict[str, Any], rest: str
) -> None:
    seen = play(environ, Memory(candidate("make test", probability)), ["x", BACKSPACE, "m"], settings)
    assert seen == [("x", ""), ("", rest), ("m", "ake test")]


@pytest.mark.parametrize(("default", "rest"), [("", "make test"), ("make", " test"), ("ls", "")])
def test_the_first_paint_of_a_prompt_offers_already(environ: dict[str, str], default: str, rest: str) -> None:
    async def body() -> str:
        async with prompting(environ, Memory(candidate("make test", 0.9)), default=default) as prompt:
            return prompt.rest

    assert asyncio.run(body()) == rest


def test_another_plugins_next_command_goes_first(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        memory = Memory(candidate("make test", 0.9))
        async with prompting(environ | {"XONSH_PROMPT_NEXT_CMD_SUGGESTION": "git push"}, memory) as prompt:
            prompt.press("x")
            return memory.asked

    assert asyncio.run(body()) == ["x"]


def test_xonshs_own_switch_counts_at_once(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        seen = []
        async with prompting(environ, Memory(*GIT)) as prompt:
            for wanted in (True, False, True):
                prompt.xsh.env["XONSH_PROMPT_AUTO_SUGGEST"] = wanted
                prompt.press(f"{CTRL_U}g")
                seen.append(prompt.rest)
        return seen

    assert asyncio.run(body()) == ["it status", "", "it status"]


# --- flicker, errors, absence ------------------------------------------------------------------------------------


def test_along_a_ghost_nothing_is_erased_between_two_keys(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        painted = []
        async with prompting(environ, Memory(STATUS)) as prompt:
            prompt.prompter.app.before_render += lambda _: painted.append(prompt.buffer.text + prompt.rest)
            for key in "git sta":
                prompt.press(key)
                await settle()
            return painted.copy()

    assert set(asyncio.run(body())) == {"git status"}


class Broken(Memory):
    """A connection that is dead, or a client with a fault of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def suggest(self, query: Query, deadline_s: float) -> list[Candidate] | None:
        super().suggest(query, deadline_s)
        raise self.error


def test_a_dead_connection_is_dropped_and_typing_goes_on(environ: dict[str, str]) -> None:
    memory = Broken(ServiceError("closed"))
    assert play(environ, memory, ["git"]) == [("git", "")]
    assert memory.asked == [""]


def test_a_fault_never_reaches_typing(environ: dict[str, str]) -> None:
    assert play(environ, Broken(ZeroDivisionError()), ["git"]) == [("git", "")]


def test_a_silent_service_is_left_alone_after_a_few_keys(environ: dict[str, str]) -> None:
    memory = Memory(*GIT, closed=True)
    assert play(environ, memory, ["git st"], {"deadline_ms": 1}) == [("git st", "")]
    assert len(memory.asked) <= link.MISSES + 1


def test_a_service_that_is_slow_now_and_then_is_asked_on(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        memory = Memory(closed=True)
        async with prompting(environ, None) as prompt:
            prompt.connect(memory)
            prompt.ghost.late = Held()  # type: ignore[assignment] # as much of Late as is used
            suggest = prompt.session.settings.suggest._replace(deadline_ms=1)
            prompt.session.settings = prompt.session.settings._replace(suggest=suggest)
            for key in "abcdefgh":
                if key in "ceg":
                    memory.open.set()
                else:
                    memory.open.clear()
                prompt.press(key)
        return memory.asked

    assert len(asyncio.run(body())) == len("abcdefgh")


def test_a_new_prompt_asks_anew(environ: dict[str, str]) -> None:
    async def body() -> tuple[list[str], list[str], Shown | None]:
        memory = Memory(candidate("make test", 0.9))
        async with prompting(environ, memory) as prompt:
            seen = [prompt.rest]
            prompt.press("m")
            prompt.prompter.app.exit(result="")
            await settle()
            memory.candidates = (candidate("git push", 0.9), STATUS)
            second = prompt.start()
            await settle()
            seen.append(prompt.rest)
            shown = prompt.session.last_shown
            prompt.prompter.app.exit(result="")
            await second
        return seen, memory.asked, shown

    rests, asked, shown = asyncio.run(body())
    assert (rests, asked) == (["make test", "git push"], ["", ""])
    assert shown == Shown("", "git push", "history", 0.9)


class Always(AutoSuggest):
    """A suggester that always knows something, as xonsh's own does from its history."""

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:  # noqa: ARG002 - ptk's names
        return Suggestion("!")


@pytest.mark.parametrize(
    ("service", "steps", "rests"),
    [
        (Service(), [(Memory(STATUS), 0)], ["it status"]),
        (Service(), [(Memory(), 0)], [""]),
        (Service(enabled=False), [(None, 0)], ["!"]),
        (Service(), [(None, 0), (None, 4), (None, 6)], ["", "", "!"]),  # at first it may just be starting
        (Service(), [(None, 0), (Memory(), 3), (None, 6), (None, 10), (None, 12)], ["", "", "", "", "!"]),
    ],
)
def test_the_suggester_that_was_there_answers_while_there_is_no_service(
    environ: dict[str, str], service: Service, steps: list[tuple[Memory | None, float]], rests: list[str]
) -> None:
    async def body() -> list[str]:
        seen = []
        async with prompting(environ, None) as prompt:
            now_s = 0.0
            prompt.buffer.auto_suggest = fallback.Fallback(
                prompt.session, Always(), prompt.ghost.wanted, clock=lambda: now_s
            )
            prompt.session.settings = prompt.session.settings._replace(service=service)
            for memory, now_s in steps:  # noqa: B007 - the clock reads it
                prompt.connect(memory)
                prompt.press(f"{CTRL_U}g")
                await settle()
                seen.append(prompt.rest)
        return seen

    assert asyncio.run(body()) == rests


# --- what became of it -------------------------------------------------------------------------------------------

NO, BY_WORD, BY_LINE = (Shown("g", "git status", "history", 0.4, accepted) for accepted in ("no", "word", "line"))


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        (["g"], NO),
        (["gi", "t status"], NO),
        (["g", "x"], NO),
        (["x"], None),
        (["g", RIGHT], BY_LINE),
        (["g", CTRL_E], BY_LINE),
        (["g", LINE], BY_LINE),
        (["git statu", LINE], BY_LINE),  # one character only, by our key
        (["g", ALT_F], BY_WORD),
        (["g", WORD], BY_WORD),
        (["g", WORD, WORD], BY_LINE),
        (["g", RIGHT, " -s"], BY_LINE),
        (["g", RIGHT, BACKSPACE], BY_WORD),
        (["g", RIGHT, BACKSPACE, "z"], BY_WORD),
        (["g", RIGHT, CTRL_U], NO),
        (["g", RIGHT, *(BACKSPACE * 9)], NO),
        (["git stas"], Shown("git stas", "git stash pop", "history", 0.3)),
        (["g", WORD, " stas"], BY_WORD),
        (["g", WORD, " stas", RIGHT], Shown("git stas", "git stash pop", "history", 0.3, "line")),
    ],
)
def test_what_was_shown_and_taken_is_known_when_the_line_runs(
    environ: dict[str, str], steps: list[str], last: Shown | None
) -> None:
    async def body() -> Shown | None:
        async with prompting(environ, Memory(*GIT)) as prompt:
            for keys in steps:
                for key in [keys] if keys.startswith("\x1b") else keys:
                    prompt.press(key)
                    await settle()
            return prompt.session.last_shown

    assert asyncio.run(body()) == last


def test_a_line_brought_back_by_up_was_not_taken(environ: dict[str, str]) -> None:
    async def body() -> Shown | None:
        async with prompting(environ, Memory(*GIT)) as prompt:
            prompt.press("g")
            await settle()
            prompt.press(UP)
            await settle()
            assert prompt.buffer.text == EARLIER == STATUS.line
            return prompt.session.last_shown

    assert asyncio.run(body()) == NO


@pytest.mark.parametrize(
    ("known_later", "typed_ahead", "last"),
    [
        (GIT, f"g{RIGHT}", BY_LINE),
        ((), f"{PASTE}make test{PASTED}", None),  # what the last prompt showed was not taken in this one
    ],
)
def test_keys_typed_ahead_of_the_first_paint(
    environ: dict[str, str], known_later: tuple[Candidate, ...], typed_ahead: str, last: Shown | None
) -> None:
    async def body() -> Shown | None:
        memory = Memory(candidate("make test", 0.9))
        async with prompting(environ, memory) as prompt:
            assert prompt.rest == "make test"
            prompt.prompter.app.exit(result="")
            await settle()
            memory.candidates = known_later
            second = prompt.start()
            prompt.prompter.app.pre_run_callables.append(lambda: prompt.press(typed_ahead))
            await settle()
            shown = prompt.session.last_shown
            prompt.prompter.app.exit(result="")
            await second
        return shown

    assert asyncio.run(body()) == last


# --- unload ------------------------------------------------------------------------------------------------------


def test_unload_gives_everything_back(environ: dict[str, str]) -> None:
    async def body() -> None:
        async with prompting(environ, Memory(*GIT)) as prompt:
            stands, app = prompt.buffer.auto_suggest, prompt.prompter.app
            assert isinstance(stands, fallback.Fallback)
            before = len(prompt.buffer.on_text_changed._handlers), len(app.before_render._handlers)  # noqa: SLF001 - nothing public counts them
            prompt.session.undo.close()
            after = len(prompt.buffer.on_text_changed._handlers), len(app.before_render._handlers)  # noqa: SLF001 - as above
            assert (before[0] - after[0], before[1] - after[1]) == (1, 1)
            assert prompt.buffer.auto_suggest is stands.previous
            assert prompt.bindings.bindings == []
            assert prompt.session.ghost is None
            prompt.press("g")
            assert prompt.rest == ""

    asyncio.run(body())


def test_unload_leaves_a_suggester_that_came_after_ours(environ: dict[str, str]) -> None:
    async def body() -> None:
        async with prompting(environ, None) as prompt:
            ours = prompt.buffer.auto_suggest
            assert isinstance(ours, fallback.Fallback)
            ours.previous, other = Always(), Always()
            prompt.buffer.auto_suggest = other
            prompt.session.undo.close()
            assert prompt.buffer.auto_suggest is other
            suggestion = ours.get_suggestion(prompt.buffer, prompt.buffer.document)
            assert suggestion is not None
            assert suggestion.text == "!"

    asyncio.run(body())


def test_no_other_package_is_loaded_for_it() -> None:
    code = "import prompt_toolkit.shortcuts, sys; before = {*sys.modules}; import assistant_core.shell.ghost, "
    code += "assistant_core.shell.menu; print({name.partition('.')[0] for name in {*sys.modules} - before})"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(loaded) - set(sys.stdlib_module_names) <= {"assistant_core", "xonsh"}
