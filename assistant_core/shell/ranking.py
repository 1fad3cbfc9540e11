"""The one ranked list that ghost text and menu share, and the question that fetches it.

In: the text typed so far. Out: candidates that may be shown, best first, or None when the service gave no answer
within the deadline. Importing this loads no third-party module.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from assistant_core.errors import ServiceError

if TYPE_CHECKING:  # these load msgspec, which the first prompt does not wait for
    from assistant_core.records import Candidate, Query
    from assistant_core.shell.session import Session

LIMIT = 10  # candidates asked for, unless the menu shows more


class Ranking:
    """The last answer: `candidates` for exactly `text` (None: nothing has been answered at this prompt).

    `late` says whether the last question went unanswered because the service is slow, not because it is absent.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._forgotten: set[str] = set()
        self.text: str | None = None
        self.candidates: tuple[Candidate, ...] = ()
        self.late = False

    def clear(self) -> None:
        """Hold nothing: the next question is asked anew."""
        self.text, self.candidates = None, ()

    def update(self, text: str) -> bool:
        """Hold the candidates for `text`, asking only if they are not here yet; say whether they are."""
        if text == self.text:
            return True
        if (found := self.ask(text)) is None:
            return False
        self.text, self.candidates = text, found
        return True

    def put(self, text: str, candidates: Iterable[Candidate]) -> None:
        """Hold an answer that came by another way."""
        self.text, self.candidates = text, self._usable(text, candidates)

    def at(self, text: str, first: Candidate | None) -> tuple[Candidate, ...]:
        """Return the candidates for `text` with `first` before all others; changes nothing, for any thread."""
        found = self.candidates if text == self.text else self.ask(text)
        if found is None:
            found = self._usable(text, self.candidates)
        if first is None or not self._usable(text, (first,)):
            return found
        return (first, *(candidate for candidate in found if candidate.line != first.line))

    def ask(self, text: str) -> tuple[Candidate, ...] | None:
        """Return the service's candidates for `text`; None if it is absent or misses the deadline."""
        session = self._session
        client = session.client()
        if client is None:
            return None
        try:
            answer = client.suggest(self.query(text), session.settings.suggest.deadline_ms / 1000)
        except ServiceError:
            self.late = False
            session.link.lost()
            return None
        self.late = answer is None
        if answer is None:
            session.link.missed()
            return None
        session.link.answered()
        return self._usable(text, answer)

    def query(self, text: str, *, slow: bool = False) -> Query:
        """Return the question for `text` as it stands now; nobody waits for the answer to a `slow` one."""
        from assistant_core.records import Query  # noqa: PLC0415 - loads msgspec; the client has loaded it by now

        try:
            cwd = os.getcwd()  # noqa: PTH109 - a text is wanted, at every key
        except OSError:  # the directory was removed
            cwd = None
        limit = max(LIMIT, self._session.settings.suggest.menu_items)
        return Query(text=text, session=self._session.id, cwd=cwd, limit=limit, slow=slow)

    def forget(self, line: str) -> None:
        """Never hold `line` again until it is remembered anew."""
        self._forgotten.add(line)
        self.candidates = tuple(candidate for candidate in self.candidates if candidate.line != line)

    def remember(self, line: str) -> None:
        """Allow a forgotten `line` again: it has been run."""
        self._forgotten.discard(line)

    def _usable(self, text: str, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
        from assistant_core.redact import MARK  # noqa: PLC0415 - not before the first prompt

        return tuple(
            candidate
            for candidate in candidates
            if (line := candidate.line).startswith(text)
            and line != text
            and "\n" not in line
            and MARK not in line
            and line not in self._forgotten
        )
