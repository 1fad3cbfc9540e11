"""Ghost text: the rest of the likeliest line, painted in the same turn of the event loop as the key.

In: changes of the prompt's text. Out: `buffer.suggestion`. Text that goes along with the line shown asks nothing;
other text asks the service with a deadline. Where that brings no answer or a weak one, the service is asked once more
in the background, a model included, as soon as the key is painted; what comes then only fills an empty ghost or extends
one that it agrees with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.shortcuts import PromptSession

from assistant_core.shell.fallback import Fallback
from assistant_core.shell.keys import Keys
from assistant_core.shell.meta import TABLE
from assistant_core.shell.ranking import Ranking
from assistant_core.shell.trace import Trace

if TYPE_CHECKING:  # these load msgspec, which the first prompt does not wait for
    from assistant_core.records import Candidate
    from assistant_core.shell.late import Late
    from assistant_core.shell.session import Session

META = tuple(meta.name for meta in TABLE)

# What one press takes: blanks and slashes before a word or a part of a path, and the slashes behind it.
WORD = re.compile(r"\s*/*[^\s/]+/*|.+")

SURE = 0.5  # probability; a ghost more likely than that is not asked about again


def install(session: Session, prompter: PromptSession[Any], bindings: KeyBindings) -> Ghost:
    """Put ghost text and its keys on the prompt until the session is undone."""
    ghost = Ghost(session, prompter)
    buffer, app = prompter.default_buffer, prompter.app
    previous = buffer.auto_suggest
    fallback = Fallback(session, previous, ghost.wanted)
    changed, render = session.guarded(ghost.text_changed), session.guarded(ghost.before_render)
    rendered = session.guarded(ghost.after_render)
    keys = Keys(session, ghost, bindings)

    def prompt(**_: object) -> None:
        ghost.begin()
        keys.refresh()

    def ran(cmd: str, **_: object) -> None:
        ghost.ranking.remember(cmd.strip())

    def undo() -> None:
        buffer.on_text_changed -= changed
        app.before_render -= render
        app.after_render -= rendered
        fallback.active = False
        if buffer.auto_suggest is fallback:  # whoever replaced us in the meantime stays
            buffer.auto_suggest = previous
        keys.remove()
        ghost.stop()

    buffer.auto_suggest = fallback
    buffer.on_text_changed += changed
    app.before_render += render
    app.after_render += rendered
    session.ghost = ghost
    session.undo.callback(undo)
    session.on("on_pre_prompt", prompt)
    session.on("on_post_prompt", lambda **_: ghost.take_back())
    session.on("on_postcommand", ran)
    return ghost


def suits(document: Document) -> bool:
    """Say whether whole lines may be offered: one line, the cursor at its end, no meta-command."""
    text = document.text
    return document.cursor_position == len(text) and "\n" not in text and not text.lstrip().startswith(META)


class Ghost:
    """The ghost text of one shell; `shown` is the candidate on display."""

    def __init__(self, session: Session, prompter: PromptSession[Any]) -> None:
        self.session = session
        self.buffer = prompter.default_buffer
        self.ranking = Ranking(session)
        self.shown: Candidate | None = None
        self._typed = ""  # the text when `shown` was first offered
        self._fresh = True  # a prompt that was not painted yet
        self._prompter = prompter
        self._trace = Trace(session)
        self._next: str | None = None  # to be asked about in the background, after the next render
        self._asked: str | None = None  # in the background, and not answered yet
        self.late: Late | None = None  # made for the first question that it is asked

    # --- prompt_toolkit's events -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Start a prompt: what was known for the last one is out of date."""
        self.shown, self._fresh = None, True
        self.take_back()
        self.ranking.clear()
        self._trace.start("")

    def text_changed(self, buffer: Buffer) -> None:
        """Set the ghost text for what is typed now."""
        self._fresh = False
        self._trace.changed(buffer.document, self.shown, self._typed)
        self.refresh()

    def before_render(self, _app: object) -> None:
        """Offer the first ghost text of a prompt, hide it behind a chosen menu item, and note what is really shown."""
        if self._fresh:
            self._fresh = False
            self._trace.start(self.buffer.text)
            self.refresh()
        if (menu := self.buffer.complete_state) is not None and menu.current_completion is not None:
            self._show(None)
        if self.shown is not None:
            self._trace.painted(self.shown, self._typed)

    def after_render(self, app: Application[Any]) -> None:
        """Ask in the background: its thread takes its turns now that the key is painted, not before."""
        text, self._next = self._next, None
        if text is not None and not app.is_done:
            self._ask_late(text)

    # --- what is shown ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what fits the text: the line shown before if it still does, otherwise the best of a new answer."""
        text, shown = self.buffer.text, self.shown
        ask = False
        if not self.wanted():
            self._show(None)
        elif shown is not None and self._goes_along(text, shown):
            self.buffer.suggestion = Suggestion(shown.line[len(text) :])
        elif self.ranking.update(text):
            self._show(self._best())
            ask = self.session.settings.models.command and (self.shown is None or self.shown.probability < SURE)
        else:
            self._show(None)
            ask = self.ranking.late
        if ask:
            self._next = text
        else:
            self.take_back()

    def wanted(self) -> bool:
        """Say whether there may be ghost text now, by the settings in force and the text."""
        settings, env = self.session.settings.suggest, self.session.xsh.env
        if not (settings.ghost and env.get("XONSH_PROMPT_AUTO_SUGGEST")):
            return False
        if not self.buffer.text and not (settings.empty and not env.get("XONSH_PROMPT_NEXT_CMD_SUGGESTION")):
            return False
        return suits(self.buffer.document)

    def _goes_along(self, text: str, shown: Candidate) -> bool:
        asked = self.ranking.text
        return asked is not None and text.startswith(asked) and shown.line.startswith(text) and shown.line != text

    def _best(self) -> Candidate | None:
        settings = self.session.settings.suggest
        least = settings.threshold if self.ranking.text else settings.empty_threshold
        best = next(iter(self.ranking.candidates), None)
        return best if best is not None and best.probability >= least else None

    def _show(self, candidate: Candidate | None) -> None:
        text, self.shown = self.buffer.text, candidate
        self._typed = text
        self.buffer.suggestion = None if candidate is None else Suggestion(candidate.line[len(text) :])

    def take_back(self) -> None:
        """Cancel what was asked in the background, or is to be."""
        self._next = None
        if self._asked is not None and self.late is not None:
            self._asked = None
            self.late.cancel()

    def _ask_late(self, text: str) -> None:
        if self.late is None:
            self.late = self._background()
        query = self.ranking.query(text, slow=self.session.settings.models.command)
        self.late.ask(query, self.session.guarded(self._arrived))
        self._asked = text

    def _arrived(self, text: str, candidates: Sequence[Candidate]) -> None:
        """Paint a late answer, if the prompt still is what it was asked for."""
        buffer, shown = self.buffer, self.shown
        if text == self._asked:
            self._asked = None
        if buffer.text != text or buffer.complete_state is not None or not self.wanted():
            return
        if shown is None and buffer.suggestion is not None:  # another's ghost text
            return
        self.ranking.put(text, candidates)
        best = self._best()
        if best is not None and (shown is None or (best.line.startswith(shown.line) and best.line != shown.line)):
            self._show(best)
            self._prompter.app.invalidate()

    # --- what the keys do ------------------------------------------------------------------------------------

    def take_line(self) -> None:
        """Take all of the ghost text."""
        self._take(self._rest())

    def take_word(self) -> None:
        """Take the next word of the ghost text, or the next part of a path."""
        if found := WORD.match(self._rest()):
            self._take(found[0])

    def cycle(self, step: int) -> None:
        """Show the candidate that is `step` places further down the ranked list, whatever its probability."""
        if not self.wanted() or not self.ranking.update(self.buffer.text):
            return
        candidates = self.ranking.candidates
        lines = [candidate.line for candidate in candidates]
        if self.shown is not None and self.shown.line in lines:
            place = (lines.index(self.shown.line) + step) % len(lines)
        else:
            place = min(step, 0)
        self._show(candidates[place] if candidates else None)

    def forget(self) -> Candidate | None:
        """Put the next candidate in place of the one shown, which is returned and not offered again."""
        if (shown := self.shown) is not None:
            self.ranking.forget(shown.line)
            self._trace.start(self.buffer.text)
            self.shown = None
            self.refresh()
        return shown

    def ranked(self, document: Document) -> tuple[Candidate, ...]:
        """Return what is offered for `document`, what is shown as ghost text first. May be called in any thread."""
        return self.ranking.at(document.text, self.shown) if suits(document) else ()

    def _rest(self) -> str:
        suggestion = self.buffer.suggestion
        return suggestion.text if suggestion and self.buffer.document.is_cursor_at_the_end else ""

    def _take(self, text: str) -> None:
        self._trace.taking = True
        try:
            self.buffer.insert_text(text)
        finally:
            self._trace.taking = False

    # --- its end ---------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Show nothing any more."""
        self._show(None)
        if self.late is not None:
            self.late.stop()
        self.session.ghost = None

    def _background(self) -> Late:
        from assistant_core.service.client import Client, hello  # noqa: PLC0415 - not before the first prompt
        from assistant_core.shell.late import Late  # noqa: PLC0415 - as above

        xsh, socket = self.session.xsh, self.session.paths.socket
        me = hello("shell", xsh.env, tuple(xsh.aliases))  # now: other threads must not look at them
        return Late(self.session, lambda: Client(socket, me))
