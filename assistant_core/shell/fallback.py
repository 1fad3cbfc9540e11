"""What stands where prompt_toolkit expects a suggester: it returns the ghost text that is set already.

In: the suggester that was there. Out: its answers too, but only while the service is switched off or cannot be
reached, because xonsh's own reads the whole history at every key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

if TYPE_CHECKING:  # for annotations alone
    from assistant_core.shell.session import Session

UNREACHABLE_S = 5.0  # a service that was absent for so long is not just starting


class Fallback(AutoSuggest):
    """Stands in for `previous`; `wanted` says whether there may be ghost text at all, `clock` counts seconds.

    Once it is not `active` any more, it only hands on the answers of `previous`.
    """

    def __init__(
        self,
        session: Session,
        previous: AutoSuggest | None,
        wanted: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._clock = clock
        self._absent_since: float | None = None
        self.previous = previous
        self.active = True

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        """Return what is set, or the other's answer."""
        other = self._other()
        return other.get_suggestion(buffer, document) if other else buffer.suggestion

    async def get_suggestion_async(self, buff: Buffer, document: Document) -> Suggestion | None:
        """Return the same; the other may take its own way of waiting."""
        other = self._other()
        return await other.get_suggestion_async(buff, document) if other else buff.suggestion

    def _other(self) -> AutoSuggest | None:
        if not self.active:
            return self.previous
        return self.previous if self._wanted() and self._unreachable() else None

    def _unreachable(self) -> bool:
        if self._session.client() is not None:
            self._absent_since = None
            return False
        now = self._clock()
        if self._absent_since is None:
            self._absent_since = now
        return not self._session.settings.service.enabled or now - self._absent_since >= UNREACHABLE_S
