"""Questions in words and failed lines, worked on in a thread of their own; the command model is asked in its owner's.

In: questions, who asks. Out: proposals, handed on in that thread. One model serves ghost text and questions: a question
goes before all that waits for it. Cancelled, a question ends early, wherever it is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from assistant_core.records import Failure, Proposals, Question
from assistant_core.service.owner import Owner
from assistant_core.settings import Models, Paths

if TYPE_CHECKING:
    from assistant_core.engine.asking import Asker
    from assistant_core.engine.llm import Completion, Place
    from assistant_core.engine.prompt import Part
    from assistant_core.engine.told import Told

    Answers = list[tuple[str, float]]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Surroundings(Protocol):
    """Who asks (completers.Surroundings)."""

    @property
    def host(self) -> str:
        """Name of the machine."""

    @property
    def path(self) -> tuple[str, ...]:
        """Folders of programs."""

    @property
    def aliases(self) -> frozenset[str]:
        """Names that the shell itself knows; none: it may be any shell."""

    @property
    def home(self) -> str:
        """The home folder."""


class Borrowed:
    """The command model of `owner`, for one question about `request`; silent where there is none, or once cancelled."""

    def __init__(self, owner: Owner[Completion], request: str, place: Place) -> None:
        self._owner = owner
        self._request = request
        self._place = place
        self._lock = threading.Lock()
        self._cancelled = False
        self._stop: Callable[[], None] | None = None

    def candidates(
        self, parts: Sequence[Part], typed: str = "", *, count: int, tokens: int, deadline_s: float
    ) -> Answers:
        """Return lines that may follow, with their natural log-probability."""
        return self._ask(
            lambda model: model.candidates(parts, typed, count=count, tokens=tokens, deadline_s=deadline_s), []
        )

    def generate(self, parts: Sequence[Part], *, count: int, tokens: int, deadline_s: float) -> Answers:
        """Return lines that begin differently, with their natural log-probability."""
        return self._ask(lambda model: model.generate(parts, count=count, tokens=tokens, deadline_s=deadline_s), [])

    def score(self, parts: Sequence[Part], text: str) -> float:
        """Return the natural log-probability of a line; none is as improbable as one that cannot be judged."""
        return self._ask(lambda model: model.score(parts, text), float("-inf"))

    def cancel(self) -> None:
        """Have the model say no more to this question; in any thread."""
        with self._lock:
            self._cancelled = True
            if self._stop is not None:
                self._stop()

    def _ask(self, do: Callable[[Told], _T], silence: _T) -> _T:
        from assistant_core.engine.told import Told  # noqa: PLC0415 - slow to import

        said: SimpleQueue[_T | None] = SimpleQueue()
        with self._lock:
            if self._cancelled:
                return silence
            self._stop = self._owner.submit(
                lambda model: do(Told(model.answering(self._request), self._place)), said.put, urgent=True
            )
        answer = said.get() if self._stop is not None else None
        return silence if answer is None else answer


class _Asking:
    """An Asker, and the model that it has borrowed."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._model: Borrowed | None = None
        self._cancelled = False
        self._prepared = False

    def prepare(self) -> None:
        if self._prepared:
            return
        self._prepared = True
        try:
            self.asker.prepare()
        except Exception as error:  # noqa: BLE001 - questions are taken nevertheless
            _log.error("a question could not be prepared for", exc_info=error)

    def borrow(self, model: Borrowed | None) -> None:
        self._model = model
        if self._cancelled and model is not None:
            model.cancel()

    def begin(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        if (model := self._model) is not None:
            model.cancel()

    def close(self) -> None:
        """Nothing is held that needs to be freed."""


class Desk:
    """Takes questions. `model` owns the command model; `models` are the settings, as they are now."""

    def __init__(self, paths: Paths, model: Owner[Completion], models: Callable[[], Models]) -> None:
        self._paths = paths
        self._model = model
        self._models = models
        self._asking: Owner[_Asking] = Owner(self._open)

    def ask(
        self, asked: Question | Failure, surroundings: Surroundings, done: Callable[[Proposals | None], object]
    ) -> Callable[[], object] | None:
        """Have `done` called, in the thread, with proposals, or None where that failed or was cancelled.

        Return what cancels it, None where it cannot be asked: it failed before. Questions go before preparations.
        """
        return self._asking.submit(partial(self._answer, asked, surroundings), done, urgent=True)

    def prepare(self) -> None:
        """Read what a question will need, so that it need not wait; once, until all is read anew."""
        self._asking.submit(_Asking.prepare, lambda _: None)
        if self._models().command:
            self._model.submit(lambda _: None, lambda _: None)

    def renew(self) -> None:
        """Read everything anew for the next question."""
        self._asking.renew()

    def _open(self) -> _Asking:
        from assistant_core.engine.asking import Asker  # noqa: PLC0415 - slow to import

        return _Asking(Asker(self._paths, os.environ, self._models().embedding))

    def _answer(self, asked: Question | Failure, surroundings: Surroundings, asking: _Asking) -> Proposals | None:
        from assistant_core.engine.checks import Shell  # noqa: PLC0415 - slow to import
        from assistant_core.engine.llm import Place  # noqa: PLC0415 - slow to import

        user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
        shell = Shell(surroundings.path, surroundings.aliases, surroundings.home, asked.cwd or "")
        place = Place(surroundings.home, user, surroundings.host)
        text = asked.text if isinstance(asked, Question) else asked.line
        model = Borrowed(self._model, text, place) if self._models().command else None
        asking.borrow(model)
        answer: Any = asking.asker.ask if isinstance(asked, Question) else asking.asker.fix
        try:
            found: Proposals = answer(asked, shell, model)
        except Exception as error:  # noqa: BLE001 - one question that fails must not keep others from being answered
            _log.error("a question failed", exc_info=error)
            return None
        finally:
            asking.borrow(None)
        if self._models().command and self._model.problem:
            found = msgspec.structs.replace(found, notes=(*found.notes, f"no model helps: {self._model.problem}"))
        return found
