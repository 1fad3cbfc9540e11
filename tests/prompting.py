"""A real prompt without a terminal: keys go in through prompt_toolkit's own parser, ghost text is read after each."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import Completer
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyBindings, KeyPress
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.shortcuts import PromptSession
from xonsh.events import EventManager

from assistant_core.records import Candidate, Query
from assistant_core.shell import ghost, menu
from assistant_core.shell.late import Deliver
from assistant_core.shell.session import Session

EARLIER = "git status"  # what Up brings back
WAIT_S = 20.0  # for another thread; far more than it takes


def candidate(
    line: str, probability: float = 0.5, *, count: int = 0, last_ns: int | None = None, last_exit: int | None = None
) -> Candidate:
    return Candidate(
        line=line, probability=probability, source="history", count=count, last_ns=last_ns, last_exit=last_exit
    )


class Memory:
    """A client whose service knows `candidates`, best first; while `closed`, every deadline passes unanswered."""

    def __init__(self, *candidates: Candidate, closed: bool = False) -> None:
        self.candidates = candidates
        self.open = threading.Event()
        self.asked: list[str] = []
        self.told: list[tuple[str, msgspec.Struct]] = []
        if not closed:
            self.open.set()

    def suggest(self, query: Query, deadline_s: float) -> list[Candidate] | None:
        self.asked.append(query.text)
        if not self.open.wait(deadline_s):
            return None
        return [item for item in self.candidates if item.line.startswith(query.text)][: query.limit]

    def notify(self, method: str, params: msgspec.Struct) -> None:
        self.told.append((method, params))

    def close(self) -> None:
        self.candidates = ()


class Held:
    """Keeps the questions that went to the background; the test delivers the answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.slow: list[bool] = []
        self.taken_back = 0
        self.deliver: Deliver = lambda _text, _candidates: None

    def ask(self, query: Query, deliver: Deliver) -> None:
        self.texts.append(query.text)
        self.slow.append(query.slow)
        self.deliver = deliver

    def cancel(self) -> None:
        self.taken_back += 1

    def stop(self) -> None:
        self.texts.clear()


class Environment(dict[str, Any]):
    """As much of xonsh's environment as the assistant reads."""

    def detype(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.items()}


class Prompt:
    """One shell's prompt, used in a running event loop; `memory` None: there is no service."""

    def __init__(
        self, environ: Mapping[str, str], memory: Memory | None, completer: Completer | None, screen: io.StringIO
    ) -> None:
        env = Environment(environ, XONSH_PROMPT_AUTO_SUGGEST=True)
        self.screen = screen
        self.bindings = KeyBindings()
        self.prompter: PromptSession[str] = PromptSession(history=InMemoryHistory([EARLIER]))
        self.prompter.app.max_render_postpone_time = None  # paint in the next turn
        self.buffer = self.prompter.default_buffer
        shell = SimpleNamespace(prompter=self.prompter, pt_completer=completer)
        self.xsh = SimpleNamespace(
            env=env, aliases={}, builtins=SimpleNamespace(events=EventManager()), shell=SimpleNamespace(shell=shell)
        )
        self.session = Session(self.xsh)
        self.connect(memory)
        self.ghost = ghost.install(self.session, self.prompter, self.bindings)
        menu.install(self.session)

    def connect(self, memory: Memory | None) -> None:
        setattr(self.session.link, "_client", memory)  # noqa: B010 - what a finished connection leaves behind

    def start(self, default: str = "") -> asyncio.Task[str]:
        """Show the prompt."""
        self.xsh.builtins.events.on_pre_prompt.fire()
        shell = self.xsh.shell.shell
        arguments = {"key_bindings": self.bindings, "completer": shell.pt_completer, "complete_while_typing": False}
        return asyncio.ensure_future(self.prompter.prompt_async("> ", default=default, **arguments))

    def press(self, keys: str) -> None:
        """Process `keys`, as a terminal sends them, in this turn of the event loop."""
        presses: list[KeyPress] = []
        parser = Vt100Parser(presses.append)
        parser.feed(keys)
        parser.flush()
        self.prompter.app.key_processor.feed_multiple(presses)
        self.prompter.app.key_processor.process_keys()

    @property
    def rest(self) -> str:
        """The ghost text."""
        return self.buffer.suggestion.text if self.buffer.suggestion else ""

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until another thread has brought `condition` about."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110 - the other thread knows no event of ours
                await asyncio.sleep(0.001)

    async def printed(self, text: str) -> None:
        """Wait until `text` has been printed."""
        await self.until(lambda: text in self.screen.getvalue())


async def settle() -> None:
    """Let everything run that waits for nothing but its turn, painting included."""
    for _ in range(30):
        await asyncio.sleep(0)


@asynccontextmanager
async def prompting(
    environ: Mapping[str, str], memory: Memory | None, completer: Completer | None = None, default: str = ""
) -> AsyncIterator[Prompt]:
    """A prompt that is shown and painted; undone at the end."""
    screen = io.StringIO()
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=PlainTextOutput(screen)):
        prompt = Prompt(environ, memory, completer, screen)
        task = prompt.start(default)
        await settle()
        try:
            yield prompt
        finally:
            prompt.session.undo.close()
            if not task.done():
                prompt.prompter.app.exit(result="")
            await task


def play(
    environ: Mapping[str, str], memory: Memory | None, steps: Sequence[str], settings: Mapping[str, Any] | None = None
) -> list[tuple[str, str]]:
    """Return text and ghost text after each step of keys, with these `suggest` settings."""

    async def body() -> list[tuple[str, str]]:
        seen = []
        async with prompting(environ, memory) as prompt:
            suggest = prompt.session.settings.suggest._replace(**settings or {})
            prompt.session.settings = prompt.session.settings._replace(suggest=suggest)
            for keys in steps:
                prompt.press(keys)
                seen.append((prompt.buffer.text, prompt.rest))
                await settle()
                assert seen[-1] == (prompt.buffer.text, prompt.rest)  # set in the same turn, and steady
        return seen

    return asyncio.run(body())
