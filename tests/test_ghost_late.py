from __future__ import annotations

import asyncio
import select
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import CompletionState
from prompting import WAIT_S, Held, Memory, Prompt, candidate, prompting, settle

from assistant_core.errors import ServiceError
from assistant_core.records import Candidate, Query
from assistant_core.settings import Models
from assistant_core.shell.late import Late

STATUS = candidate("git status", 0.4)
SHORT = candidate("git status --short", 0.4)
STASH = candidate("git stash", 0.9)
UNLIKELY = candidate("git gc", 0.01)


def slow(prompt: Prompt, late: Any) -> None:  # noqa: ANN401 - Late, or a Held
    """Let the service miss every deadline."""
    prompt.connect(Memory(closed=True))
    prompt.ghost.late = late
    settings = prompt.session.settings
    prompt.session.settings = settings._replace(suggest=settings.suggest._replace(deadline_ms=1))


def nothing(_prompt: Prompt) -> None:
    pass


def shown_already(prompt: Prompt) -> None:
    prompt.ghost.ranking.put("g", [STATUS])
    prompt.ghost.refresh()


def shown_by_another(prompt: Prompt) -> None:
    prompt.buffer.suggestion = Suggestion("!")


def switched_off(prompt: Prompt) -> None:
    prompt.xsh.env["XONSH_PROMPT_AUTO_SUGGEST"] = False


def menu_opened(prompt: Prompt) -> None:
    prompt.buffer.complete_state = CompletionState(prompt.buffer.document)


@pytest.mark.parametrize(
    ("late", "meanwhile", "rest"),
    [
        ((STATUS,), nothing, "it status"),
        ((STASH, STATUS), nothing, "it stash"),
        ((UNLIKELY,), nothing, ""),
        ((), nothing, ""),
        ((SHORT,), shown_already, "it status --short"),  # extends what is shown
        ((STASH,), shown_already, "it status"),  # does not replace it, however likely
        ((STATUS,), shown_by_another, "!"),
        ((STATUS,), switched_off, ""),
        ((STATUS,), menu_opened, ""),
        ((STATUS,), lambda prompt: prompt.press("\x1b[D"), ""),  # the cursor has left the end
        ((STATUS,), lambda prompt: prompt.press("i"), ""),  # it was asked for another text
    ],
)
def test_a_late_answer_fills_or_extends(
    environ: dict[str, str], late: tuple[Candidate, ...], meanwhile: Callable[[Prompt], None], rest: str
) -> None:
    async def body() -> str:
        held = Held()
        async with prompting(environ, None) as prompt:
            slow(prompt, held)
            prompt.press("g")
            assert (held.texts, prompt.rest) == ([], "")  # not before the key is painted
            await settle()
            assert (held.texts, prompt.rest) == (["g"], "")
            deliver = held.deliver
            meanwhile(prompt)
            deliver("g", late)
            return prompt.rest

    assert asyncio.run(body()) == rest


def test_a_late_answer_is_painted_and_counts_as_shown(environ: dict[str, str]) -> None:
    async def body() -> None:
        held = Held()
        async with prompting(environ, None) as prompt:
            slow(prompt, held)
            prompt.press("g")
            await settle()
            assert prompt.session.last_shown is None
            held.deliver("g", [STATUS])
            await settle()
            assert prompt.session.last_shown is not None
            assert prompt.session.last_shown.line == "git status"

    asyncio.run(body())


class Dead(Memory):
    def suggest(self, query: Query, deadline_s: float) -> list[Candidate] | None:
        super().suggest(query, deadline_s)
        raise ServiceError("closed")


def test_an_absent_service_is_not_asked_in_the_background(environ: dict[str, str]) -> None:
    async def body() -> None:
        held = Held()
        async with prompting(environ, None) as prompt:
            prompt.ghost.late = held  # type: ignore[assignment] # as much of Late as is used
            prompt.press("g")
            await settle()
            assert held.texts == []
            slow(prompt, held)
            prompt.press("i")
            await settle()
            assert held.texts == ["gi"]
            prompt.connect(Dead())
            prompt.press("t p")
            await settle()
            assert held.texts == ["gi"]

    asyncio.run(body())


# --- a model is asked --------------------------------------------------------------------------------------------

CTRL_C, ENTER = "\x03", "\r"


@pytest.mark.parametrize(
    ("memory", "models", "asked"),
    [
        ((), Models(), [True]),
        ((UNLIKELY,), Models(), [True]),  # below the threshold
        ((STATUS,), Models(), [True]),  # shown, but weak
        ((STASH,), Models(), []),
        ((), Models(command=False), []),
        ((STATUS,), Models(command=False), []),
    ],
)
def test_what_memory_knows_too_little_of_is_asked_again(
    environ: dict[str, str], memory: tuple[Candidate, ...], models: Models, asked: list[bool]
) -> None:
    assert background(environ, Memory(*memory), models, "g").slow == asked


@pytest.mark.parametrize(("models", "slow"), [(Models(), True), (Models(command=False), False)])
def test_a_deadline_missed_is_asked_again_with_or_without_a_model(
    environ: dict[str, str], models: Models, *, slow: bool
) -> None:
    assert background(environ, Memory(closed=True), models, "g").slow == [slow]


@pytest.mark.parametrize(
    ("keys", "texts", "taken_back"),
    [
        (["g", "i"], ["g", "gi"], 0),  # the newer question replaces the older one by itself
        (["gi"], ["gi"], 0),  # painted at once
        (["g", "it sta"], ["g"], 1),  # along the ghost
        (["git sta"], [], 0),
        (["g\r"], [], 0),
        (["g", "\x15"], ["g"], 1),  # nothing is typed any more, and the next command is known
        (["g", "\x1b[D"], ["g"], 0),
        (["g", ENTER], ["g"], 1),
        (["g", CTRL_C], ["g"], 1),
        (["z"], ["z"], 0),
        (["?", " "], [], 0),
    ],
)
def test_what_is_no_longer_wanted_is_taken_back(
    environ: dict[str, str], keys: list[str], texts: list[str], taken_back: int
) -> None:
    memory = Memory(candidate("make", 0.9), *([STATUS] if "it sta" in "".join(keys) else []))
    held = background(environ, memory, Models(), *keys)
    assert (held.texts, held.taken_back) == (texts, taken_back)


@pytest.mark.parametrize(("text", "taken_back"), [("gi", 0), ("g", 1)])
def test_an_older_answer_does_not_stand_for_the_newer(environ: dict[str, str], text: str, taken_back: int) -> None:
    async def body() -> int:
        async with prompting(environ, None) as prompt:
            prompt.connect(Memory(candidate("make", 0.9)))
            held = Held()
            prompt.ghost.late = held  # type: ignore[assignment] # as much of Late as is used
            for key in "gi":
                prompt.press(key)
                await settle()
            held.deliver(text, [])
            prompt.ghost.take_back()
            return held.taken_back

    assert asyncio.run(body()) == taken_back


def background(environ: dict[str, str], memory: Memory, models: Models, *steps: str) -> Held:
    """Return what was asked in the background while `steps` were typed; the empty prompt does not count."""

    async def body() -> Held:
        async with prompting(environ, None) as prompt:
            prompt.connect(memory)
            held = Held()
            prompt.ghost.late = held  # type: ignore[assignment] # as much of Late as is used
            suggest = prompt.session.settings.suggest._replace(deadline_ms=1)
            prompt.session.settings = prompt.session.settings._replace(suggest=suggest, models=models)
            events = prompt.xsh.builtins.events
            for keys in steps:
                if keys == CTRL_C:  # which xonsh answers with another prompt, and no other event
                    events.on_pre_prompt.fire()
                    continue
                prompt.press(keys)
                await settle()
                if keys == ENTER:
                    events.on_post_prompt.fire()
            seen = Held()
            seen.texts, seen.slow, seen.taken_back = held.texts.copy(), held.slow.copy(), held.taken_back
            return seen

    return asyncio.run(body())


# --- the thread --------------------------------------------------------------------------------------------------


class Gate:
    """A client that answers a question, with its text and `!` as the line, once `let` is set; or none, once woken."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.asked: list[str] = []
        self.begun, self.let, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.woken: list[str] = []  # questions that were given up

    def suggest(self, query: Query, _deadline_s: float, wake: int) -> list[Candidate] | None:
        self.asked.append(query.text)
        self.begun.set()
        while not self.let.wait(0.001):
            if select.select([wake], [], [], 0)[0]:
                self.woken.append(query.text)
                return None
        if self.fails:
            raise ZeroDivisionError
        return [candidate(f"{query.text}!")]

    def close(self) -> None:
        self.closed.set()


def threaded(prompt: Prompt, gate: Gate) -> Late:
    return Late(prompt.session, lambda: gate)  # type: ignore[arg-type,return-value] # as much of a client as is used


def scenario(environ: dict[str, str], gate: Gate, steps: Callable[[Prompt, Late], Awaitable[None]]) -> None:
    async def body() -> None:
        async with prompting(environ, None) as prompt:
            late = threaded(prompt, gate)
            try:
                await steps(prompt, late)
            finally:
                gate.let.set()
                late.stop()

    asyncio.run(body())


def test_of_the_questions_that_wait_only_the_newest_is_asked(environ: dict[str, str]) -> None:
    async def steps(prompt: Prompt, late: Late) -> None:
        got, done = list[str](), asyncio.Event()

        def deliver(text: str, _candidates: object) -> None:
            got.append(text)
            if text == "d":
                done.set()

        late.ask(Query(text="a"), deliver)
        await asyncio.to_thread(gate.begun.wait, WAIT_S)
        for text in "bcd":
            late.ask(Query(text=text), deliver)
        await prompt.until(lambda: gate.asked[-1] == "d")
        gate.let.set()
        await asyncio.wait_for(done.wait(), WAIT_S)
        assert got == ["d"]
        assert gate.asked[0] == gate.woken[0] == "a"
        assert gate.asked.count("d") == 1

    gate = Gate()
    scenario(environ, gate, steps)
    assert gate.closed.is_set()


def test_a_question_taken_back_is_given_up_and_the_next_is_asked(environ: dict[str, str]) -> None:
    async def steps(prompt: Prompt, late: Late) -> None:
        got = list[str]()

        def deliver(text: str, _candidates: object) -> None:
            got.append(text)

        late.cancel()  # nothing was asked: nothing happens
        late.ask(Query(text="a"), deliver)
        await asyncio.to_thread(gate.begun.wait, WAIT_S)
        late.cancel()
        await prompt.until(lambda: gate.woken == ["a"])
        gate.let.set()
        late.ask(Query(text="b"), deliver)
        await prompt.until(lambda: got == ["b"])

    gate = Gate()
    scenario(environ, gate, steps)


def test_the_thread_ends_at_once_though_a_question_is_out(environ: dict[str, str]) -> None:
    async def steps(_prompt: Prompt, late: Late) -> None:
        late.ask(Query(text="a"), lambda _text, _candidates: None)
        await asyncio.to_thread(gate.begun.wait, WAIT_S)
        late.stop()
        assert gate.closed.is_set()
        assert not gate.let.is_set()

    gate = Gate()
    scenario(environ, gate, steps)


def test_an_answer_out_of_the_thread_is_painted(environ: dict[str, str]) -> None:
    async def body() -> None:
        async with prompting(environ, None) as prompt:
            gate = Gate()
            slow(prompt, threaded(prompt, gate))
            prompt.press("g")
            gate.let.set()
            await prompt.until(lambda: prompt.rest == "!")

    asyncio.run(body())


def test_a_fault_in_the_thread_is_logged_and_the_connection_dropped(environ: dict[str, str]) -> None:
    async def steps(prompt: Prompt, late: Late) -> None:
        gate.let.set()
        late.ask(Query(text="secret"), lambda _text, _candidates: None)
        await asyncio.to_thread(gate.closed.wait, WAIT_S)
        late.stop()
        log = prompt.session.log.file.read_text(encoding="utf-8")
        assert "ZeroDivisionError" in log
        assert "secret" not in log

    gate = Gate(fails=True)
    scenario(environ, gate, steps)


def test_enter_does_not_wait_for_the_background_and_a_closed_prompt_is_no_error(environ: dict[str, str]) -> None:
    gate = Gate()

    async def body() -> tuple[Prompt, Late]:
        async with prompting(environ, None) as prompt:
            late = threaded(prompt, gate)
            slow(prompt, late)
            prompt.press("g")
            await asyncio.to_thread(gate.begun.wait, WAIT_S)
            prompt.ghost.late = Held()  # type: ignore[assignment] # so that unload does not wait for the thread either
            prompt.press("\r")
            await settle()
            assert not prompt.prompter.app.is_running
            assert not gate.let.is_set()
        return prompt, late

    prompt, late = asyncio.run(body())  # returns, though the question is still out
    gate.let.set()
    late.stop()  # after the answer went to a loop that is closed
    assert gate.closed.is_set()
    assert not prompt.session.log.file.exists()
