"""The second paint: a question that missed its deadline is asked again where nobody waits.

In: a question and where to deliver. Out: the answer, handed to the prompt's own event loop. One daemon thread with
a connection of its own; of the questions that wait, only the newest is asked.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from assistant_core.errors import ServiceError

if TYPE_CHECKING:
    from assistant_core.records import Candidate, Query
    from assistant_core.service.client import Client
    from assistant_core.shell.session import Session

PATIENCE_S = 1.0  # a ghost that comes later than this comes too late
RETRY_S = 5.0  # pause after a connection that could not be made or broke

Deliver = Callable[[str, "Sequence[Candidate]"], object]


class _Question(NamedTuple):
    query: Query
    deliver: Deliver
    loop: asyncio.AbstractEventLoop


class Late:
    """Asks in the background. `connect` makes a connection; it runs in the thread and raises ServiceError."""

    def __init__(self, session: Session, connect: Callable[[], Client]) -> None:
        self._session = session
        self._connect = connect
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._retry_at = 0.0

    def ask(self, query: Query, deliver: Deliver) -> None:
        """Call `deliver(query.text, candidates)` in the running event loop if an answer comes while it runs."""
        self._questions.put(_Question(query, deliver, asyncio.get_running_loop()))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="assistant-late", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; wait for it no longer than an answer may take."""
        if self._thread is not None:
            self._questions.put(None)
            self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while (question := self._newest()) is not None:
            try:
                answer = self._answer(question.query)
            except Exception as error:  # noqa: BLE001 - the thread outlives any question
                self._session.log.failure(error)
                self._drop()
            else:
                if answer:
                    with suppress(RuntimeError):  # the prompt is over and its loop closed
                        question.loop.call_soon_threadsafe(question.deliver, question.query.text, answer)
        self._drop()

    def _newest(self) -> _Question | None:
        question = self._questions.get()
        while question is not None and not self._questions.empty():
            question = self._questions.get()
        return question

    def _answer(self, query: Query) -> Sequence[Candidate] | None:
        if self._client is None:
            if time.monotonic() < self._retry_at:
                return None
            self._client = self._connect()
        return self._client.suggest(query, PATIENCE_S)

    def _drop(self) -> None:
        client, self._client = self._client, None
        self._retry_at = time.monotonic() + RETRY_S
        if client is not None:
            with suppress(OSError, ServiceError):
                client.close()
