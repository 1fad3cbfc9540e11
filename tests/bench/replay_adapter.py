"""What the replay scorer asks of a suggester, over the same code that serves the shell."""

from __future__ import annotations

from typing import Any

from assistant_core.records import Command, Query
from completers import Completer


class Replayed:
    """One user's completer, asked and told in the scorer's words."""

    def __init__(self) -> None:
        self._completer = Completer()

    def complete(self, prefix: str, context: dict[str, Any]) -> list[tuple[str, float]]:
        """Best first: lines that start with `prefix`, each with its probability."""
        query = Query(
            text=prefix, session=_session(context), cwd=context["cwd"], host=context["host"], now_ns=_ns(context)
        )
        return [(candidate.line, candidate.probability) for candidate in self._completer.complete(query)]

    def observe(self, event: dict[str, Any]) -> None:
        """Tell of the command that was run."""
        command = Command(
            line=event["cmd"],
            session=_session(event),
            cwd=event["cwd"],
            host=event["host"],
            started_ns=_ns(event),
            exit_code=event["exit"],
        )
        self._completer.observe(command)


def _session(facts: dict[str, Any]) -> str:
    return facts["session"] or "replay"


def _ns(facts: dict[str, Any]) -> int | None:
    return None if facts["ts"] is None else int(facts["ts"] * 1e9)


suggester = Replayed
