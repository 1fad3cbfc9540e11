"""Ranked lines in the completion menu, before xonsh's own.

In: the list that feeds the ghost text, and the completer that was there. Out: one list without doubles. What Tab
inserts by itself stays what it was: where the other completer has one answer or a common part, Tab gives that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document

if TYPE_CHECKING:
    from assistant_core.shell.session import Session

WIDTH = 60  # characters of a line shown in the menu


def install(session: Session) -> None:
    """Wrap the shell's completer until the session is undone; a shell without prompt_toolkit has none."""
    shell = session.xsh.shell.shell
    if (previous := getattr(shell, "pt_completer", None)) is None:
        return
    menu = shell.pt_completer = Menu(session, previous)

    def undo() -> None:
        if shell.pt_completer is menu:
            shell.pt_completer = previous

    session.undo.callback(undo)


class Menu(Completer):
    """Merges ranked lines, while there is ghost text to have them from, with the answers of `original`."""

    def __init__(self, session: Session, original: Completer) -> None:
        self._session = session
        self._merge = session.guarded(self._merged)
        self.original = original

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the merged list."""
        theirs = list(self.original.get_completions(document, complete_event))
        merged = self._merge(document, complete_event, theirs)
        yield from theirs if merged is None else merged

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Yield the merged list; the other completer may take its own way of waiting."""
        theirs = [item async for item in self.original.get_completions_async(document, complete_event)]
        merged = self._merge(document, complete_event, theirs)
        for item in theirs if merged is None else merged:
            yield item

    def _merged(self, document: Document, event: CompleteEvent, theirs: list[Completion]) -> list[Completion]:
        env = self._session.xsh.env
        asked = event.completion_requested
        if not (asked or env.get("UPDATE_COMPLETIONS_ON_KEYPRESS")):
            return theirs
        if asked and theirs and (len(theirs) == 1 or get_common_complete_suffix(document, theirs)):
            return theirs
        ours = self._ours(document)
        if len(theirs) == 1 or env.get("COMPLETION_MODE") == "menu-complete":  # the first is what Tab puts in
            return _joined(document, theirs, ours)
        return _joined(document, ours, theirs)

    def _ours(self, document: Document) -> list[Completion]:
        from assistant_core.shell import why  # noqa: PLC0415 - not before the first prompt

        settings, ghost = self._session.settings.suggest, self._session.ghost
        if not settings.menu or ghost is None:
            return []
        return [
            Completion(
                candidate.line,
                start_position=-len(document.text),
                display=candidate.line if len(candidate.line) <= WIDTH else f"{candidate.line[: WIDTH - 1]}…",
                display_meta=why.brief(candidate),
            )
            for candidate in ghost.ranked(document)[: settings.menu_items]
        ]


def _joined(document: Document, first: list[Completion], second: list[Completion]) -> list[Completion]:
    known = {_result(document, item) for item in first}
    return first + [item for item in second if _result(document, item) not in known]


def _result(document: Document, item: Completion) -> str:
    """Return the text before the cursor after choosing `item`, but for a blank that it adds."""
    before = document.text_before_cursor
    return (before[: len(before) + item.start_position] + item.text).rstrip()
