"""Something that one thread alone may call, made when it is first wanted and given up when it is not used.

In: work, such as a question to a model. Out: what it comes to, handed on in that thread. Nobody else waits: not for the
making, not for the work, and not for its end when it is cancelled.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import Empty, PriorityQueue
from typing import Any, Final, Generic, Protocol, TypeVar

from assistant_core.errors import AssistantError

IDLE_S: Final = 600.0  # without work, after which it is given up

_log = logging.getLogger(__name__)


class Owned(Protocol):
    """What is owned."""

    def begin(self) -> None:
        """Get ready for new work, which nobody has cancelled yet."""

    def cancel(self) -> None:
        """Have the work that has begun end early, even if none of it is done yet; called by other threads."""

    def close(self) -> None:
        """Free what it holds."""


T = TypeVar("T", bound=Owned)


class _Work(Generic[T]):
    def __init__(self, do: Callable[[T], Any], done: Callable[[Any], object], *, urgent: bool) -> None:
        self.do = do
        self.done = done
        self.urgent = urgent
        self.cancelled = False


class Owner(Generic[T]):
    """Owns what `make` returns, after `idle_s` seconds without work nothing. All methods may be called in any thread.

    Where it cannot be made, or fails at its work, the log says why, and it is tried again after `retry_s` seconds, or
    `renew`.
    """

    def __init__(self, make: Callable[[], T], idle_s: float = IDLE_S, retry_s: float = math.inf) -> None:
        self._make = make
        self._idle_s = idle_s
        self._retry_s = retry_s
        self._owned: T | None = None
        self._work: PriorityQueue[tuple[bool, int, _Work[T] | None]] = PriorityQueue()  # what is urgent first
        self._numbers = count()
        self._current: _Work[T] | None = None
        self._lock = threading.Lock()  # between beginning with work and cancelling it
        self._thread: threading.Thread | None = None
        self._absent_until = 0.0  # by time.monotonic
        self.problem = ""  # why it is absent, if it is

    def submit(
        self, do: Callable[[T], Any], done: Callable[[Any], object], *, urgent: bool = False
    ) -> Callable[[], None] | None:
        """Have `done` called, in the thread, with what `do` returns, or None; return what cancels it.

        `done` must not raise, and is called in any case. None is returned, and nothing done, where there is nothing to
        do it with. Urgent work is done before any other, and ends other work that is being done.
        """
        if self._is_absent:
            return None
        work = _Work(do, done, urgent=urgent)
        self._put(work, urgent=urgent)
        if urgent and (current := self._current) is not None and not current.urgent:
            self._cancel(current)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="owner", daemon=True)
            self._thread.start()
        return partial(self._cancel, work)

    def renew(self) -> None:
        """Give up what is owned, before any work submitted from now on; it is made anew when it is wanted again."""
        if self._thread is not None:  # otherwise there is nothing yet
            self._put(None, urgent=True)

    @property
    def _is_absent(self) -> bool:
        return time.monotonic() < self._absent_until

    def _put(self, work: _Work[T] | None, *, urgent: bool) -> None:
        self._work.put((not urgent, next(self._numbers), work))

    def _cancel(self, work: _Work[T]) -> None:
        with self._lock:
            work.cancelled = True
            if self._current is work and self._owned is not None:
                self._owned.cancel()

    def _run(self) -> None:
        while True:
            try:
                _, _, work = self._work.get(timeout=self._idle_s if self._owned is not None else None)
            except Empty:
                self._give_up()
                continue
            if work is None:
                self._give_up()
                self._absent_until, self.problem = 0.0, ""
            else:
                work.done(self._result(work))

    def _result(self, work: _Work[T]) -> Any:  # noqa: ANN401 - what the work comes to
        self._current = work
        try:
            if work.cancelled or self._is_absent:
                return None
            if self._owned is None:
                self._owned, self.problem = self._make(), ""
            with self._lock:
                if work.cancelled:
                    return None
                self._owned.begin()
            return work.do(self._owned)
        except AssistantError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - the thread outlives any work
            self._fail(type(error).__name__, error)
        finally:
            with self._lock:  # a cancellation that comes now must not end the next
                self._current = None
        return None

    def _fail(self, reason: str, error: Exception | None = None) -> None:
        _log.info("absent until the next reload or for %g s: %s", self._retry_s, reason, exc_info=error)
        self._absent_until, self.problem = time.monotonic() + self._retry_s, reason
        self._give_up()

    def _give_up(self) -> None:
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.close()
