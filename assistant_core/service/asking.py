"""Questions in words and failed lines, worked on in a thread of their own; models are asked in their owners'.

In: questions, who asks. Out: proposals, handed on in that thread. Cancelled, a question ends early, wherever it is.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from assistant_core.records import Failure, Proposals, Question
from assistant_core.service.borrowed import Borrowed, Loan, Talker
from assistant_core.service.owner import Owner
from assistant_core.settings import Models, Paths

if TYPE_CHECKING:
    from assistant_core.engine.adapted import Adapted
    from assistant_core.engine.asking import Asker
    from assistant_core.engine.llm import Completion

_log = logging.getLogger(__name__)


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


class Owners(NamedTuple):
    """Who owns the command model, and who the chat model that the settings may name."""

    command: Owner[Completion]
    chat: Owner[Adapted]


class _Asking:
    """An Asker, and the models that it has borrowed."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._loans: Sequence[Loan[Any]] = ()
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

    def borrow(self, *loans: Loan[Any]) -> None:
        self._loans = loans
        if self._cancelled:
            self.cancel()

    def begin(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        for loan in self._loans:
            loan.cancel()

    def close(self) -> None:
        """Nothing is held that needs to be freed."""


class Desk:
    """Takes questions. `owners` have the models; `models` are the settings, as they are now."""

    def __init__(self, paths: Paths, owners: Owners, models: Callable[[], Models]) -> None:
        self._paths = paths
        self._owners = owners
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
            self._owners.command.submit(lambda _: None, lambda _: None)

    def expect(self) -> None:
        """Do what `prepare` does, and have the chat model read, which takes memory: a question is being typed."""
        self.prepare()
        if self._models().chat:
            self._owners.chat.submit(_read, lambda _: None)

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
        model = Borrowed(self._owners.command, text, place) if self._models().command else None
        talker = Talker(self._owners.chat, place) if self._models().chat else None
        asking.borrow(*(loan for loan in (model, talker) if loan is not None))
        answer: Any = asking.asker.ask if isinstance(asked, Question) else asking.asker.fix
        try:
            found: Proposals = answer(asked, shell, model, talker)
        except Exception as error:  # noqa: BLE001 - one question that fails must not keep others from being answered
            _log.error("a question failed", exc_info=error)
            return None
        finally:
            asking.borrow()
        if self._models().command and (problem := self._owners.command.problem):
            found = msgspec.structs.replace(found, notes=(*found.notes, f"no model helps: {problem}"))
        return found


def _read(model: Adapted) -> None:
    from assistant_core.engine import chat  # noqa: PLC0415 - slow to import

    model.warm(chat.request(""))
