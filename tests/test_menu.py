from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, ThreadedCompleter
from prompt_toolkit.document import Document
from prompting import Memory, Prompt, candidate, prompting, settle

from assistant_core.shell import menu

STATUS = candidate("git status", 0.4, last_exit=0)
STASH = candidate("git stash pop", 0.3)
STAGE = candidate("git stage .", 0.01)
SHOW = candidate("git show", 0.01)
GIT = (STATUS, STASH, STAGE, SHOW)
TAB, NEXT = "\t", "\x1bn"


class Words(Completer):
    """Completes the last word out of `words`, in their order, as xonsh does: with a space behind some."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.asked = 0

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - ptk's names
        self.asked += 1
        word = document.get_word_before_cursor(WORD=True)
        return [Completion(item, -len(word)) for item in self.words if item.startswith(word)]


class Later(Words):
    """The same, found by waiting: a completer that is asynchronous by nature."""

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        for item in self.get_completions(document, complete_event):
            await asyncio.sleep(0)
            yield item


class Whole(Words):
    """Replaces all of the text, which leaves no common part to insert."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - ptk's names
        return [Completion(item, -len(document.text)) for item in self.words]


REQUESTED = CompleteEvent(completion_requested=True)
TYPED = CompleteEvent(text_inserted=True)


def offered(
    environ: dict[str, str],
    completer: Completer,
    text: str,
    *,
    memory: Memory | None = None,
    event: CompleteEvent = REQUESTED,
) -> list[str]:
    """Return the lines that the menu would make of `text`, in order."""

    async def body() -> list[str]:
        async with prompting(environ, memory or Memory(*GIT), completer) as prompt:
            prompt.press(text)
            found, document = prompt.xsh.shell.shell.pt_completer, prompt.buffer.document
            at_once = list(found.get_completions(document, event))
            assert at_once == [item async for item in found.get_completions_async(document, event)]
            return [text[: len(text) + item.start_position] + item.text for item in at_once]

    return asyncio.run(body())


@pytest.mark.parametrize("kind", [Words, Later])
@pytest.mark.parametrize(
    ("text", "words", "lines"),
    [
        ("git st", ("stripspace", "status "), ["git status", "git stash pop", "git stage .", "git stripspace"]),
        ("git st", (), ["git status", "git stash pop", "git stage ."]),
        ("git st", ("stash",), ["git stash"]),  # Tab puts it in
        ("git st", ("stash", "stag"), ["git stash", "git stag"]),  # Tab puts in "a", which is common
        ("git s", ("status", "set"), ["git status", "git stash pop", "git stage .", "git show", "git set"]),
        ("? git s", ("set", "show"), ["? git set", "? git show"]),
        ("x", ("xa", "xb"), ["xa", "xb"]),
    ],
)
def test_what_the_menu_holds(
    environ: dict[str, str], kind: type[Words], text: str, words: Sequence[str], lines: list[str]
) -> None:
    assert offered(environ, kind(*words), text) == lines


@pytest.mark.parametrize(
    ("words", "lines"),
    [(("GIT",), ["GIT"]), (("GIT", "Git"), ["git status", "git stash pop", "git stage .", "git show", "GIT", "Git"])],
)
def test_the_only_other_answer_stays_the_one_that_tab_puts_in(
    environ: dict[str, str], words: Sequence[str], lines: list[str]
) -> None:
    assert offered(environ, Whole(*words), "git s") == lines


@pytest.mark.parametrize(
    ("env", "event", "words", "lines"),
    [
        ({}, TYPED, ("show", "set"), ["git show", "git set"]),  # nobody asked for a menu
        ({"UPDATE_COMPLETIONS_ON_KEYPRESS": "1"}, TYPED, ("show", "set"), ["git show", "git status", "git set"]),
        ({"UPDATE_COMPLETIONS_ON_KEYPRESS": "1"}, TYPED, ("set",), ["git set", "git show", "git status"]),
        ({"COMPLETION_MODE": "menu-complete"}, REQUESTED, ("show", "set"), ["git show", "git set", "git status"]),
    ],
)
def test_xonshs_variables(
    environ: dict[str, str], env: dict[str, str], event: CompleteEvent, words: Sequence[str], lines: list[str]
) -> None:
    assert offered(environ | env, Words(*words), "git s", memory=Memory(SHOW, STATUS), event=event) == lines


@pytest.mark.parametrize(
    ("settings", "texts"),
    [
        ({"menu_items": 2}, ["git status", "git stash pop", "set"]),
        ({"menu": False}, ["status", "set"]),
    ],
)
def test_settings(environ: dict[str, str], settings: dict[str, Any], texts: list[str]) -> None:
    async def body() -> list[str]:
        async with prompting(environ, Memory(*GIT), Words("status", "set")) as prompt:
            suggest = prompt.session.settings.suggest._replace(**settings)
            prompt.session.settings = prompt.session.settings._replace(suggest=suggest)
            prompt.press("git s")
            return [item.text for item in items(prompt)]

    assert asyncio.run(body()) == texts


def items(prompt: Prompt) -> Iterable[Completion]:
    completer: Completer = prompt.xsh.shell.shell.pt_completer
    return completer.get_completions(prompt.buffer.document, REQUESTED)


def test_an_item_says_where_it_comes_from_and_a_long_one_is_cut(environ: dict[str, str]) -> None:
    long = candidate("git " + "x" * 80, 0.2)

    async def body() -> list[tuple[str, str]]:
        async with prompting(environ, Memory(STATUS, long), Words()) as prompt:
            prompt.press("git ")
            return [(item.display_text, item.display_meta_text) for item in items(prompt)]

    shown = asyncio.run(body())
    assert shown[0] == ("git status", "history 40%, exit 0")
    assert shown[1] == ("git " + "x" * (menu.WIDTH - 5) + "…", "history 20%")


def test_menu_and_ghost_agree_after_cycling(environ: dict[str, str]) -> None:
    async def body() -> tuple[str, list[str]]:
        async with prompting(environ, Memory(*GIT), Words()) as prompt:
            prompt.press(f"g{NEXT}it ")  # the answer is for "g", the second line of it is shown
            return prompt.buffer.text + prompt.rest, [item.text for item in items(prompt)]

    ghost_line, lines = asyncio.run(body())
    assert ghost_line == lines[0] == "git stash pop"
    assert sorted(lines) == sorted(item.line for item in GIT)


def test_without_an_answer_the_menu_has_what_is_known_and_what_was_there(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        async with prompting(environ, Memory(*GIT), Words("set", "show")) as prompt:
            prompt.press("g")
            prompt.connect(None)
            prompt.press("it s")
            return [item.text for item in items(prompt)]

    assert asyncio.run(body()) == ["git status", "git stash pop", "git stage .", "git show", "set"]


@pytest.mark.parametrize(
    ("words", "steps", "text"),
    [
        (("foo1", "foo2"), [TAB], "ls foo"),
        (("foo",), [TAB], "ls foo"),
        (("foo", "fox"), [TAB], "ls fo"),  # a menu, nothing chosen
        (("foo", "fox"), [TAB, TAB], "ls former"),  # the first of it, which is ours
        (("foo", "fox"), [TAB] * 5, "ls foo"),
        ((), [TAB], "ls fo"),
        ((), [TAB, TAB], "ls former"),
    ],
)
def test_tab(environ: dict[str, str], words: Sequence[str], steps: list[str], text: str) -> None:
    async def body(completer: Completer) -> tuple[str, str]:
        memory = Memory(candidate("ls former", 0.9), candidate("ls forest", 0.1), candidate("ls fog.txt", 0.1))
        async with prompting(environ, memory, completer) as prompt:
            prompt.press("ls fo")
            for key in steps:
                prompt.press(key)
                await settle()
            return prompt.buffer.text, prompt.rest if prompt.buffer.complete_state else ""

    assert asyncio.run(body(Words(*words))) == (text, "rmer" if text == "ls fo" else "")


def test_no_ghost_text_behind_a_chosen_item(environ: dict[str, str]) -> None:
    async def body() -> list[tuple[str, str]]:
        seen = []
        memory = Memory(candidate("git show", 0.5), candidate("git show HEAD", 0.9))
        async with prompting(environ, memory, Words("show", "set")) as prompt:
            prompt.press("git s")
            for key in (TAB, TAB, "\r", " "):
                prompt.press(key)
                await settle()
                seen.append((prompt.buffer.text, prompt.rest))
        return seen

    assert asyncio.run(body())[1] == ("git show", "")


def test_in_a_thread(environ: dict[str, str]) -> None:
    async def body() -> list[str]:
        async with prompting(environ, Memory(*GIT), Words("set")) as prompt:
            prompt.press("git st")
            completer = ThreadedCompleter(prompt.xsh.shell.shell.pt_completer)
            return [item.text async for item in completer.get_completions_async(prompt.buffer.document, REQUESTED)]

    assert asyncio.run(body()) == ["git status", "git stash pop", "git stage ."]


class Faulty(Memory):
    def suggest(self, *_: object) -> Any:  # noqa: ANN401 - never returns
        raise ZeroDivisionError


def test_a_fault_of_ours_leaves_the_other_answers(environ: dict[str, str]) -> None:
    assert offered(environ, Words("set", "show"), "git s", memory=Faulty()) == ["git set", "git show"]


def test_unload_gives_the_completer_back_or_stays_silent_behind_another(environ: dict[str, str]) -> None:
    async def body() -> None:
        words = Words("set", "show")
        async with prompting(environ, Memory(*GIT), words) as prompt:
            shell, ours = prompt.xsh.shell.shell, prompt.xsh.shell.shell.pt_completer
            prompt.press("git s")
            assert len(list(items(prompt))) > len(words.words)
            shell.pt_completer = other = ThreadedCompleter(ours)
            prompt.session.undo.close()
            assert shell.pt_completer is other
            assert [item.text for item in items(prompt)] == list(words.words)
        async with prompting(environ, Memory(*GIT), words) as prompt:
            assert prompt.xsh.shell.shell.pt_completer is not words
            prompt.session.undo.close()
            assert prompt.xsh.shell.shell.pt_completer is words

    asyncio.run(body())


def test_a_shell_without_a_completer_is_left_alone(environ: dict[str, str]) -> None:
    async def body() -> object:
        async with prompting(environ, Memory(*GIT)) as prompt:
            return prompt.xsh.shell.shell.pt_completer

    assert asyncio.run(body()) is None
