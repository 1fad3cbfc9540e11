"""Work for the one thread that may do it: made late, given up early, cancelled, failing."""

from __future__ import annotations

import math
import threading
from queue import SimpleQueue
from typing import Any

import pytest

from assistant_core.errors import ModelError
from assistant_core.service.owner import Owner

WAIT_S = 20.0  # for another thread; far more than it takes


class Bell:
    """Something that one thread alone may call; `ring` lasts until it is let go or cancelled."""

    begun = 0

    def __init__(self, log: SimpleQueue[str]) -> None:
        self.log = log
        self.thread = threading.get_ident()
        self.ringing, self.let = threading.Event(), threading.Event()
        log.put("made")

    def ring(self) -> str:
        assert threading.get_ident() == self.thread
        self.ringing.set()
        assert self.let.wait(WAIT_S)
        return "rung"

    def begin(self) -> None:
        self.begun += 1
        self.let.clear()

    def cancel(self) -> None:
        self.log.put("cancelled")
        self.let.set()

    def close(self) -> None:
        self.log.put("closed")


class Tower:
    """An owner, and what becomes of its work, in order."""

    def __init__(self, idle_s: float = 60, failures: int = 0, retry_s: float = math.inf) -> None:
        self.log: SimpleQueue[str] = SimpleQueue()
        self.bell: Bell | None = None
        self.failures = failures
        self.owner = Owner(self.make, idle_s, retry_s)
        self.done: SimpleQueue[Any] = SimpleQueue()

    def make(self) -> Bell:
        if self.failures:
            self.failures -= 1
            raise ModelError("no bell")
        self.bell = Bell(self.log)
        return self.bell

    def say(self, text: str) -> str | None:
        """What the work comes to; None where it is not taken at all."""
        taken = self.owner.submit(lambda _bell: text, self.done.put)
        return None if taken is None else str(self.done.get(timeout=WAIT_S))


def test_it_is_made_when_it_is_wanted_and_once() -> None:
    tower = Tower()
    assert tower.log.empty()
    assert [tower.say(text) for text in "abc"] == ["a", "b", "c"]
    assert tower.log.get(timeout=WAIT_S) == "made"
    assert tower.log.empty()
    assert tower.bell is not None
    assert tower.bell.thread != threading.get_ident()


def test_it_is_given_up_when_it_is_not_used_and_made_anew() -> None:
    tower = Tower(idle_s=0.01)
    assert tower.say("a") == "a"
    assert [tower.log.get(timeout=WAIT_S) for _ in range(2)] == ["made", "closed"]
    assert tower.say("b") == "b"
    assert tower.log.get(timeout=WAIT_S) == "made"


def test_renewing_gives_it_up_after_the_work_that_waits() -> None:
    tower = Tower()
    tower.owner.renew()
    tower.owner.submit(lambda _: tower.log.put("work"), lambda _: None)
    tower.owner.renew()
    assert tower.say("a") == "a"
    assert [tower.log.get(timeout=WAIT_S) for _ in range(4)] == ["made", "work", "closed", "made"]


def test_what_could_not_be_made_is_tried_again_after_a_while() -> None:
    owner, said = Owner(Tower(failures=1).make, retry_s=0), SimpleQueue[bool | None]()
    for expected in (None, True):
        owner.submit(lambda _: True, said.put)
        assert said.get(timeout=WAIT_S) is expected
        assert bool(owner.problem) is not expected
    owner.renew()


def test_what_cannot_be_made_is_not_tried_before_it_is_renewed() -> None:
    tower = Tower(failures=1)
    assert tower.say("a") == "None"
    assert tower.say("b") is None
    tower.owner.renew()
    while tower.say("c") is None:  # until the thread has seen it
        pass
    assert tower.say("d") == "d"


@pytest.mark.parametrize("error", [ModelError("out of memory"), ZeroDivisionError()])
def test_what_fails_at_its_work_is_given_up(error: Exception) -> None:
    tower = Tower()

    def fail(_: Bell) -> None:
        raise error

    tower.owner.submit(fail, tower.done.put)
    assert tower.done.get(timeout=WAIT_S) is None
    assert [tower.log.get(timeout=WAIT_S) for _ in range(2)] == ["made", "closed"]
    assert tower.say("a") is None


def test_work_is_cancelled_while_it_is_done_and_before() -> None:
    tower = Tower()
    assert tower.say("a") == "a"
    assert tower.bell is not None
    first = tower.owner.submit(Bell.ring, tower.done.put)
    second = tower.owner.submit(lambda _: tower.log.put("second was done"), tower.done.put)
    assert first is not None
    assert second is not None
    assert tower.bell.ringing.wait(WAIT_S)
    second()
    first()
    assert [tower.done.get(timeout=WAIT_S) for _ in range(2)] == ["rung", None]
    assert tower.say("b") == "b"
    first()  # too late: nothing happens to what is done now
    assert [tower.log.get(timeout=WAIT_S) for _ in range(2)] == ["made", "cancelled"]
    assert tower.log.empty()


def test_work_that_is_cancelled_before_it_does_anything_ends_early() -> None:
    tower, begun, let = Tower(), threading.Event(), threading.Event()

    def ring(bell: Bell) -> str:
        begun.set()
        assert let.wait(WAIT_S)
        return bell.ring()

    stop = tower.owner.submit(ring, tower.done.put)
    assert stop is not None
    assert begun.wait(WAIT_S)
    stop()
    let.set()
    assert tower.done.get(timeout=WAIT_S) == "rung"
    assert tower.say("a") == "a"
    assert tower.bell is not None
    assert tower.bell.begun == 2


def test_work_is_cancelled_while_what_it_needs_is_made() -> None:
    tower, making, let = Tower(), threading.Event(), threading.Event()

    def make() -> Bell:
        making.set()
        assert let.wait(WAIT_S)
        return tower.make()

    tower.owner = Owner(make)
    stop = tower.owner.submit(Bell.ring, tower.done.put)
    assert stop is not None
    assert making.wait(WAIT_S)
    stop()
    let.set()
    assert tower.done.get(timeout=WAIT_S) is None
    assert tower.say("a") == "a"
