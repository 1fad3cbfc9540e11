"""The second paint: a question whose answer is missing or weak is asked again where nobody waits.

In: a question and where to deliver. Out: the answer, handed to the prompt's own event loop. One daemon thread with
a connection of its own; a question that is taken back, or that a newer one replaces, is cancelled in the service.
"""

from __future__ import annotations

import asyncio
import os
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


class _Taken:
    """Stands for a question that was taken back."""


class Late:
    """Asks in the background. `connect` makes a connection; it runs in the thread and raises ServiceError.

    Each word to the thread comes with a byte in a pipe. The thread reads as many words as bytes: while there is
    something in the pipe, there is a newer word than those it knows, and the question under way is out of date.
    """

    def __init__(self, session: Session, connect: Callable[[], Client]) -> None:
        self._session = session
        self._connect = connect
        self._words: SimpleQueue[_Question | _Taken | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._wake, self._bell = -1, -1  # the ends of the pipe
        self._client: Client | None = None
        self._retry_at = 0.0

    def ask(self, query: Query, deliver: Deliver) -> None:
        """Call `deliver(query.text, candidates)` in the running event loop if an answer comes while it runs."""
        if self._thread is None:
            self._wake, self._bell = os.pipe()
            os.set_blocking(self._bell, False)
            self._thread = threading.Thread(target=self._run, name="assistant-late", daemon=True)
            self._thread.start()
        self._tell(_Question(query, deliver, asyncio.get_running_loop()))

    def cancel(self) -> None:
        """Take back what was asked, if it was not answered yet."""
        if self._thread is not None:
            self._tell(_Taken())

    def stop(self) -> None:
        """End the thread, for good; wait for it no longer than it may take to connect."""
        if self._thread is not None:
            self._tell(None)
            self._thread.join(PATIENCE_S)
            self._thread = None
            os.close(self._bell)

    def _tell(self, word: _Question | _Taken | None) -> None:
        self._words.put(word)
        with suppress(BlockingIOError):  # tens of thousands of words wait
            os.write(self._bell, b"!")

    def _run(self) -> None:
        while (word := self._newest()) is not None:
            if isinstance(word, _Taken):
                continue
            try:
                answer = self._answer(word.query)
            except Exception as error:  # noqa: BLE001 - the thread outlives any question
                self._session.log.failure(error)
                self._drop()
            else:
                if answer:
                    with suppress(RuntimeError):  # the prompt is over and its loop closed
                        word.loop.call_soon_threadsafe(word.deliver, word.query.text, answer)
        self._drop()
        os.close(self._wake)

    def _newest(self) -> _Question | _Taken | None:
        word = None
        for _ in os.read(self._wake, 4096):
            if (word := self._words.get()) is None:
                break
        return word

    def _answer(self, query: Query) -> Sequence[Candidate] | None:
        if self._client is None:
            if time.monotonic() < self._retry_at:
                return None
            self._client = self._connect()
        return self._client.suggest(query, PATIENCE_S, self._wake)

    def _drop(self) -> None:
        client, self._client = self._client, None
        self._retry_at = time.monotonic() + RETRY_S
        if client is not None:
            with suppress(OSError, ServiceError):
                client.close()
