"""The index in service, and the one that is being built to replace it. Loads and changes in, an index out.

A load runs in a thread; the old index serves until the new one is there. What happens meanwhile is told to both.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from assistant_core.errors import AssistantError
from assistant_core.records import Candidate, Command, Query, Suggestion
from assistant_core.service import memory
from assistant_core.service.wire import ProgressValue

MISSED: Final = 100_000  # changes kept for an index that is being built

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Index(Protocol):
    """What ranks: `completers.Completer`. Every method answers within a key press."""

    def complete(
        self,
        query: Query,
        surroundings: Any,  # noqa: ANN401 - the backend's own type
        offers: Sequence[Candidate] = (),
        /,
    ) -> list[Candidate]:
        """Return the ranked lines for a query, a model's `offers` among them."""

    def before(self, session: str | None, /) -> list[tuple[str, int | None]]:
        """Return the last lines of a session, oldest first, and how each ended, None where unknown."""

    def observe(self, command: Command, /) -> object:
        """Learn a command that was run."""

    def forget(self, line: str, /) -> object:
        """Unlearn a line."""

    def learn(self, suggestion: Suggestion, /) -> object:
        """Learn what became of a suggestion."""

    def stats(self) -> dict[str, int]:
        """Return what is in the index: `lines` that were run, `unique` ones, and more."""


class Loaded(NamedTuple):
    """A fresh index, and what is wrong with it or with the settings; "" when all is well."""

    fresh: Index
    problem: str = ""


Change = Callable[[Index], object]
Watcher = Callable[[ProgressValue], None]  # told of a load; "end" comes last
Report = Callable[[str, int | None], None]  # text and percentage of what is being done


class LiveIndex:
    """Holds the index that `load` builds. All methods belong to the thread of the running event loop."""

    def __init__(self, load: Callable[[Report], Loaded]) -> None:
        self.current: Index | None = None
        self.problem = ""
        self.loading = False
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._watchers: list[Watcher] = []  # of the load under way
        self._next: list[Watcher] = []  # of the load after it
        self._missed: deque[Change] = deque(maxlen=MISSED)

    def reload(self, watcher: Watcher) -> None:
        """Build the index anew; what is read is at least as new as this call."""
        self._next.append(watcher)
        if not self.loading:
            self._begin()

    def apply(self, change: Change) -> None:
        """Tell `change` to the index, and to the one that is being built once it is there."""
        if self.loading:
            self._missed.append(change)
        if self.current is not None:
            change(self.current)

    def _begin(self) -> None:
        self.loading = True
        self._watchers, self._next = self._next, []
        self._missed.clear()
        self._tell(ProgressValue(kind="begin", message="reading the history"))
        in_thread(self._loop, self._read, self._end)

    def _read(self) -> Loaded | str:
        """Return what was loaded or why it could not be; runs in a thread."""
        try:
            return self._load(self._report)
        except AssistantError as error:
            _log.error("the history cannot be read: %s", error)
            return str(error)
        except Exception as error:  # noqa: BLE001 - the thread's last frame: the service lives on
            _log.exception("the history cannot be read")
            return f"the history cannot be read: {type(error).__name__}; `assistant service logs` says where"

    def _report(self, message: str, percentage: int | None) -> None:
        value = ProgressValue(kind="report", message=message, percentage=percentage)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, value)

    def _end(self, outcome: Loaded | str) -> None:
        if isinstance(outcome, str):
            self.problem = outcome
        else:
            self.current, self.problem = outcome
            for change in self._missed:
                change(self.current)
        self._missed.clear()
        self.loading = False
        memory.set_aside()
        self._tell(ProgressValue(kind="end", message=self.problem or "the history is read", percentage=100))
        if self._next:
            self._begin()

    def _tell(self, value: ProgressValue) -> None:
        for watcher in self._watchers:
            watcher(value)


def in_thread(loop: asyncio.AbstractEventLoop, work: Callable[[], _T], done: Callable[[_T], None]) -> None:
    """Run `work`, which must not raise, in a thread, and `done` with its result in the loop.

    The thread is a daemon: the service does not wait for it at its end.
    """

    def run() -> None:
        result = work()
        if not loop.is_closed():
            loop.call_soon_threadsafe(done, result)

    threading.Thread(target=run, daemon=True).start()
