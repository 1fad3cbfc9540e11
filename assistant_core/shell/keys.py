"""The keys of the ghost text, as the settings name them.

In: the `keys` section of the settings. Out: bindings of the prompt, renewed when the settings change. A name that
prompt_toolkit does not know is told once; the other keys work.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from assistant_core import settings
from assistant_core.errors import StoreError

if TYPE_CHECKING:  # ghost imports this module
    from assistant_core.shell.ghost import Ghost
    from assistant_core.shell.session import Session

NOTHING = "no suggestion is shown"


class Keys:
    """Holds what is bound."""

    def __init__(self, session: Session, ghost: Ghost, bindings: KeyBindings) -> None:
        self._session = session
        self._ghost = ghost
        self._bindings = bindings
        self._bound: settings.Keys | None = None
        self._handlers: list[Callable[[KeyPressEvent], None]] = []

    def refresh(self) -> None:
        """Bind the keys of the settings in force, in place of those bound before."""
        wanted = self._session.settings.keys
        if wanted == self._bound:
            return
        self.remove()
        self._bound = wanted
        for name, keys in wanted._asdict().items():
            if keys.split():
                self._bind(name, keys)

    def remove(self) -> None:
        """Unbind all."""
        while self._handlers:
            self._bindings.remove(self._handlers.pop())
        self._bound = None

    def _bind(self, name: str, keys: str) -> None:
        action = self._session.guarded(ACTIONS[name])

        def handler(_event: KeyPressEvent) -> None:
            action(self._ghost)

        try:
            self._bindings.add(*keys.split(), filter=has_focus(DEFAULT_BUFFER))(handler)
        except ValueError as error:
            self._session.tell(
                f"keys.{name} is {keys!r}: {error}; expected names of prompt_toolkit's keys parted by spaces, such as "
                f"{settings.Keys._field_defaults[name]!r}"
            )
        else:
            self._handlers.append(handler)


def _why(ghost: Ghost) -> None:
    from assistant_core.shell import why  # noqa: PLC0415 - not before the first prompt

    shown = ghost.shown
    _say(NOTHING if shown is None else why.describe(shown, time.time_ns()))


def _forget(ghost: Ghost) -> None:
    if (shown := ghost.forget()) is None:
        _say(NOTHING)
        return
    line, session, say = shown.line, ghost.session, _sayer(ghost.session)
    session.submit(lambda: _delete(session, line, say))


def _delete(session: Session, line: str, say: Callable[[str], None]) -> None:
    """Delete `line` from the store and tell the service; runs in the background, where a disk may be slow."""
    from assistant_core.service.wire import Line  # noqa: PLC0415 - not before the first prompt
    from assistant_core.store import Store  # noqa: PLC0415 - as above

    try:
        with closing(Store(session.paths.history)) as store:
            count = store.forget(line)
    except StoreError as error:
        say(f"the suggestion is not deleted: {error}")
        return
    session.link.notify("forget", Line(line=line))
    say(f"deleted from memory for good ({count} {'entry' if count == 1 else 'entries'})")


def _sayer(session: Session) -> Callable[[str], None]:
    """Return what shows a message from any thread: above this prompt, or above the next when this one is over."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()

    def say(message: str) -> None:
        try:
            loop.call_soon_threadsafe(_say, message, context=context)
        except RuntimeError:  # the loop is closed
            session.tell(message)

    return say


def _say(message: str) -> None:
    from xonsh.tools import print_above_prompt  # noqa: PLC0415 - present in every shell, and only there

    print_above_prompt(f"assistant: {message}")


ACTIONS: Mapping[str, Callable[[Ghost], None]] = {
    "accept_line": lambda ghost: ghost.take_line(),
    "accept_word": lambda ghost: ghost.take_word(),
    "cycle_next": lambda ghost: ghost.cycle(1),
    "cycle_previous": lambda ghost: ghost.cycle(-1),
    "why": _why,
    "forget": _forget,
}
