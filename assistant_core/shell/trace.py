"""What became of a suggestion: shown only, taken by the word, or taken as a whole.

In: every change of the text, and what is on display. Out: `session.last_shown`, which the recorder writes down
when the line has run. One that was taken is kept until another is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.document import Document

from assistant_core.shell.session import Shown

if TYPE_CHECKING:  # loads msgspec, which the first prompt does not wait for
    from assistant_core.records import Acceptance, Candidate
    from assistant_core.shell.session import Session


class Trace:
    """Follows the text of one prompt; `taking` is true while a key of ours inserts a suggestion."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._before = ""
        self._taken = ""  # the text up to where a suggestion was taken
        self.taking = False

    def start(self, text: str) -> None:
        """Begin a prompt whose text is `text` before anything is typed."""
        self._session.last_shown, self._before, self._taken = None, text, ""

    def painted(self, shown: Candidate, typed: str) -> None:
        """Note that `shown` is on the screen, first offered when the text was `typed`."""
        last = self._session.last_shown
        if last is None or (last.accepted == "no" and last.line != shown.line):
            self._session.last_shown = _shown(shown, typed, "no")

    def changed(self, document: Document, shown: Candidate | None, typed: str) -> None:
        """Follow a change of the text, made while `shown` was offered.

        Taking, by whichever key, differs from typing in that the text grows along the suggestion by more than one
        character at once. What is deleted again no longer counts as taken.
        """
        text, before, self._before = document.text, self._before, document.text
        last = self._session.last_shown
        along = shown is not None and text.startswith(before) and shown.line.startswith(text)
        at_once = self.taking or (len(text) - len(before) > 1 and document.is_cursor_at_the_end)
        if shown is not None and along and at_once:
            self._taken = text
            self._session.last_shown = _shown(shown, typed, "line" if text == shown.line else "word")
        elif last is not None and last.accepted != "no" and not text.startswith(self._taken):
            self._taken = text
            kept = last.line.startswith(text) and len(text) > len(last.typed)
            self._session.last_shown = last._replace(accepted="word" if kept else "no")


def _shown(candidate: Candidate, typed: str, accepted: Acceptance) -> Shown:
    return Shown(typed, candidate.line, candidate.source, candidate.probability, accepted)
