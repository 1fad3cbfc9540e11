"""The work behind the methods of the service, as they see it: what is asked of it, and what it answers.

Nothing is known here of ranking, models or manuals; `service.__main__` puts together who does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from assistant_core.records import Candidate, Explanation, Failure, Proposals, Query, Question, Verdict
from assistant_core.service import wire
from assistant_core.service.live import Loaded, Report


class Backend(Protocol):
    """The work behind the service. `load`, `explain` and `expire` are called in threads and may be slow."""

    @property
    def idle_s(self) -> float:
        """Seconds without a client after which the service ends."""

    def load(self, report: Report, /) -> Loaded:
        """Read the settings and the history."""

    def explain(self, line: str, /) -> Explanation:
        """Explain a command line."""

    def offer(
        self,
        query: Query,
        before: Sequence[tuple[str, int | None]],
        surroundings: Any,  # noqa: ANN401 - the backend's own type
        done: Callable[[Sequence[Candidate] | None], object],
        /,
    ) -> Callable[[], object] | None:
        """Have a model say how a line may go on, and call `done`, in any thread, in any case; None if there is none.

        `before` are the session's last lines. What is returned ends the work early.
        """

    def ask(
        self,
        asked: Question | Failure,
        surroundings: Any,  # noqa: ANN401 - the backend's own type
        done: Callable[[Proposals | None], object],
        /,
    ) -> Callable[[], object] | None:
        """Have lines proposed, and call `done`, in any thread, in any case, with None where that failed.

        What is returned ends the work early; None: nothing can be asked.
        """

    def prepare(self) -> None:
        """Read what a question will need."""

    def classify(self, line: str, cwd: str, /) -> Verdict:
        """Return what a command line would do in `cwd`; called in the loop."""

    def expire(self) -> int:
        """Delete what is older than the settings allow; return how many commands. Raises AssistantError."""

    def surroundings(self, hello: wire.InitializeParams, /) -> Any:  # noqa: ANN401 - the backend's own type
        """Return what the index needs to know of a client."""
