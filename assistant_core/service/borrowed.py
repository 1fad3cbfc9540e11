"""What a question borrows of models that other threads own: the command model and the chat model.

In: what is asked of a model. Out: what it says; nothing where there is none, or once the question was cancelled. A
question goes before all that waits for the model.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from assistant_core.service.owner import Owned, Owner

if TYPE_CHECKING:
    from assistant_core.engine.adapted import Adapted
    from assistant_core.engine.chat import Message, Said, Saying
    from assistant_core.engine.llm import Completion, Place
    from assistant_core.engine.prompt import Part
    from assistant_core.engine.told import Told

    Answers = list[tuple[str, float]]

CHAT_S: Final = 5.0  # longest work of the chat model, from the question on
STEP_S: Final = 1.0  # in which a large one ends the step that it is at, and says what it has

_T = TypeVar("_T")
_M = TypeVar("_M", bound=Owned)


class Loan(Generic[_M]):
    """What `owner` owns, for one question. `cancel` may be called in any thread."""

    def __init__(self, owner: Owner[_M]) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._cancelled = False
        self._stop: Callable[[], None] | None = None

    def cancel(self) -> None:
        """Have nothing more said to this question."""
        with self._lock:
            self._cancelled = True
            if self._stop is not None:
                self._stop()

    def ask(self, do: Callable[[_M], _T]) -> Callable[[float | None], _T | None]:
        """Have `do` done; what is returned waits for that and gives None where it came to nothing.

        It waits so many seconds, None: for ever, and raises queue.Empty then.
        """
        said: SimpleQueue[_T | None] = SimpleQueue()
        with self._lock:
            if self._cancelled:
                return lambda _: None
            self._stop = self._owner.submit(do, said.put, urgent=True)
        return (lambda seconds: said.get(timeout=seconds)) if self._stop is not None else lambda _: None


class Borrowed(Loan["Completion"]):
    """The command model, for one question about `request` of somebody at `place`."""

    def __init__(self, owner: Owner[Completion], request: str, place: Place) -> None:
        super().__init__(owner)
        self._request = request
        self._place = place

    def candidates(
        self, parts: Sequence[Part], typed: str = "", *, count: int, tokens: int, deadline_s: float
    ) -> Answers:
        """Return lines that may follow, with their natural log-probability."""
        return self._told(
            lambda model: model.candidates(parts, typed, count=count, tokens=tokens, deadline_s=deadline_s), []
        )

    def generate(self, parts: Sequence[Part], *, count: int, tokens: int, deadline_s: float) -> Answers:
        """Return lines that begin differently, with their natural log-probability."""
        return self._told(lambda model: model.generate(parts, count=count, tokens=tokens, deadline_s=deadline_s), [])

    def score(self, parts: Sequence[Part], text: str) -> float:
        """Return the natural log-probability of a line; none is as improbable as one that cannot be judged."""
        return self._told(lambda model: model.score(parts, text), float("-inf"))

    def _told(self, do: Callable[[Told], _T], silence: _T) -> _T:
        from assistant_core.engine.told import Told  # noqa: PLC0415 - slow to import

        answer = self.ask(lambda model: do(Told(model.answering(self._request), self._place)))(None)
        return silence if answer is None else answer


class Talker(Loan["Adapted"]):
    """The chat model, for one question of somebody at `place`."""

    def __init__(self, owner: Owner[Adapted], place: Place) -> None:
        super().__init__(owner)
        self._place = place

    def begin(self, messages: Sequence[Message]) -> Saying:
        """Ask for lines; what is returned waits for them, little more than CHAT_S, and then goes without them."""
        from assistant_core.engine.chat import Said  # noqa: PLC0415 - slow to import

        end = time.monotonic() + CHAT_S
        wait = self.ask(lambda model: model.lines(messages, self._place, deadline_s=end - time.monotonic()))

        @cache
        def saying() -> Said:
            try:
                said = wait(max(end + STEP_S - time.monotonic(), 0))
            except Empty:
                self.cancel()
                return Said(note=f"the chat model has said nothing in {CHAT_S:g} s; if it was being read, ask again")
            problem = self._owner.problem
            return said or Said(note=f"the chat model does not help: {problem}" if problem else "")

        return saying
