"""What one shell holds: settings, the connection to the service, background work, and how all of it is undone.

In: xonsh's session object. Out: one object that recorder, gate, meta-commands, ghost and menu share. Everything
they register goes through `on` or `undo`, so that unloading leaves nothing behind. Standard library only: the
first prompt waits for nothing else.
"""

import functools
import sys
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from assistant_core import settings
from assistant_core.errors import SettingsError
from assistant_core.shell.journal import Journal
from assistant_core.shell.link import Link
from assistant_core.shell.log import Log
from assistant_core.shell.worker import Worker

if TYPE_CHECKING:
    from assistant_core.records import About, Acceptance, Proposal
    from assistant_core.service.client import Client
    from assistant_core.shell.ghost import Ghost

P = ParamSpec("P")
R = TypeVar("R")


# A file that cannot be read may say what must not be remembered.
UNKNOWN = settings.Settings(record=settings.Record(private=True))


class Shown(NamedTuple):
    """The suggestion last shown for the line being typed, and what was taken of it."""

    typed: str  # the text before the cursor when it was shown
    line: str  # the whole suggested line
    source: str
    probability: float
    accepted: "Acceptance" = "no"


class Subject(NamedTuple):
    """What `:feedback` is about."""

    about: "About"
    subject: str  # the line or the question
    response: str  # what was shown; of several lines the one that is in the prompt


class Session:
    """The assistant's state in one shell.

    `last_shown` is set by the ghost text and taken by the recorder when the line has run; `subject` is what the
    user would mean by "helpful". `settings` is current at every prompt and before every command is recorded.
    """

    def __init__(self, xsh: Any) -> None:  # noqa: ANN401 - xonsh's session has no types
        self.xsh = xsh
        self.id = uuid.uuid4().hex
        self.paths = settings.paths(xsh.env)
        self.settings = settings.Settings()
        self.undo = ExitStack()
        self.log = Log(self.paths.state / "shell.log")
        self.worker = Worker(self.log)
        self.link = Link(self)
        self.journal = Journal(self.paths.history, self.worker, self.log, self.tell)
        self.ghost: Ghost | None = None  # where there is prompt_toolkit
        self.last_shown: Shown | None = None
        self.subject: Subject | None = None
        self.failed: tuple[str, int] | None = None  # the last line that failed, as typed, and its exit code
        self.asked: Subject | None = None  # the last `?` or `?fix`
        self.proposed: tuple[Proposal, ...] = ()  # what came of it
        self._of_file = UNKNOWN
        self._table = tuple(settings.table())
        self._stamp: object = None
        self._messages: list[str] = []
        self.undo.callback(self.worker.stop)
        self.undo.callback(self.link.close)
        self.undo.callback(self.journal.close)

    def refresh(self) -> None:
        """Load the settings anew if the file or a variable has changed; what cannot be used is told once."""
        values = {setting.variable: self.xsh.env.get(setting.variable) for setting in self._table}
        stamp = (_changed_ns(self.paths.settings), values)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._of_file = settings.load({}, self.paths.settings)
        except SettingsError as error:
            unknown = self._of_file == UNKNOWN
            self.tell(f"{error}; {'until then nothing is remembered' if unknown else 'until then all stays as it was'}")
        self.settings = self._with_variables(self._of_file, values)

    def _with_variables(self, current: settings.Settings, values: dict[str, Any]) -> settings.Settings:
        for setting in self._table:
            if (value := values[setting.variable]) is None:
                continue
            try:
                found = {setting.key: settings.convert(setting, value, f"${setting.variable}")}
            except SettingsError as error:
                self.tell(f"{error}; it is left out")
            else:
                current = current._replace(**{setting.section: getattr(current, setting.section)._replace(**found)})
        return current

    def on(self, event: str, handler: Callable[..., object]) -> None:
        """Register `handler` for xonsh's `event` until unload; it is guarded and must take `**_`."""
        slot = getattr(self.xsh.builtins.events, event)
        safe = self.guarded(handler)
        self.undo.callback(slot.discard, safe)
        slot(safe)

    def define(self, name: str, alias: Callable[..., int] | list[str], doc: str) -> None:
        """Define `alias` until unload; what the user had under that name comes back then."""
        aliases = self.xsh.aliases
        before = aliases.get(name) if name in aliases else None
        aliases[name] = {"alias": alias, "doc": doc}

        def restore() -> None:
            aliases.pop(name, None)
            if before is not None:
                aliases[name] = before

        self.undo.callback(restore)

    def guarded(self, function: Callable[P, R]) -> Callable[P, R | None]:
        """Return `function` such that an Exception is logged and None returned: it never reaches the prompt."""

        @functools.wraps(function)
        def safe(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the boundary between the shell and us
                self.log.failure(error)
                return None

        return safe

    def client(self) -> "Client | None":
        """Return the connection to the service, or None at once while there is none; see `link`."""
        return self.link.client()

    def submit(self, job: Callable[[], object]) -> None:
        """Run `job` in the background thread; an exception in it is logged."""
        self.worker.submit(job)

    def tell(self, message: str) -> None:
        """Show `message` on stderr above the next prompt; may be called in any thread."""
        if message not in self._messages:
            self._messages.append(message)

    def show_messages(self) -> None:
        """Print what was told since the last prompt."""
        while self._messages:
            sys.stderr.write(f"assistant: {self._messages.pop(0)}\n")


def _changed_ns(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None
