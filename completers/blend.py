"""One ranked list of whole lines.

In: a query, what a model offers for it; commands as they are run; what became of ghosts. Out: candidates, best first.
The way of a query:

    query -> moment -> drafts (recall, offered) -> doubts on the best -> steadiness -> harmlessness -> candidates
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant_core.records import Candidate
from completers.command_model import Offered, merged
from completers.history import failed_here
from completers.memory import NONE
from completers.recall import Draft, Recall, probable
from completers.validate import Validator, destructive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from assistant_core.records import Command, Query, Suggestion
    from completers.memory import Row
    from completers.source import Moment, Source
    from completers.validate import Surroundings

DOUBTED = 5  # best drafts that are looked at more closely, at the least
STEADY = 0.65  # a ghost stays while its probability is at least this part of the best
JUDGED = 4096  # answers of `dangerous` kept


class Blend:
    """The completions of one user. Used by one thread at a time.

    `dangerous` says of a line that it must not be offered at an empty prompt; what is plainly destructive never is.
    """

    def __init__(self, sources: Sequence[Source], rows: Iterable[Row], dangerous: Callable[[str], bool] | None) -> None:
        self._recall = Recall(sources, rows)
        self._validator = Validator()
        self._dangerous = dangerous
        self._judged: dict[str, bool] = {}
        self._offered = Offered(self._recall, self._is_dangerous)
        self._ghost: dict[Moment, str] = {}

    def complete(
        self, query: Query, surroundings: Surroundings | None = None, offers: Sequence[Candidate] = ()
    ) -> list[Candidate]:
        """Lines that start with `query.text` and are longer, best first, `query.limit` at the most.

        `offers` are a model's, of which those that are dangerous are left out.
        """
        moment = self._recall.moment(query.session, query.cwd)
        drafts = merged(self._recall.drafts(moment, query.text), self._offered.drafts(offers, moment, query.text))
        drafts = self._doubt_best(drafts, query, moment, surroundings)
        self._keep_steady(drafts, moment)
        if not query.text:
            drafts = self._harmless(drafts, query.limit)
        return [self._candidate(draft, moment) for draft in drafts[: query.limit]]

    def before(self, session: str | None) -> list[tuple[str, int | None]]:
        """Return the last lines of a session, oldest first, and how each ended, None where unknown."""
        return self._recall.before(session)

    def observe(self, command: Command) -> None:
        """Learn from a command that was run just now, in any shell. What a program ran is not learnt from."""
        if command.author == "human":
            self._recall.run((command.line, command.session, command.cwd, command.exit_code, command.started_ns))
            self._recall.calibration.forgive(command.line.strip())
            self._offered.unwanted.discard(command.line.strip())
            self._ghost.clear()

    def forget(self, line: str) -> None:
        """Drop a line: it is not offered again, nor are words that stood nowhere else."""
        self._recall.forget(line.strip())
        self._offered.unwanted.add(line.strip())
        self._recall.calibration.forgive(line.strip())
        self._judged.pop(line.strip(), None)
        self._ghost.clear()

    def learn(self, suggestion: Suggestion) -> None:
        """Learn from a ghost that was shown: passed over, it is less likely the next time, until it is run."""
        self._offered.learn(suggestion.line, suggestion.typed, right=suggestion.ran)
        if suggestion.ran or suggestion.accepted != "no":
            self._recall.calibration.forgive(suggestion.line)
        else:
            self._recall.calibration.pass_over(suggestion.line, empty=not suggestion.typed)

    def stats(self) -> dict[str, int]:
        """Count what is remembered: events, distinct lines, sessions, folders and programs."""
        memory = self._recall.memory
        tables = {"sessions": memory.session_ids, "folders": memory.folder_ids, "programs": memory.program_ids}
        return {"lines": len(memory), "unique": len(memory.ids)} | {name: len(table) for name, table in tables.items()}

    def _doubt_best(
        self, drafts: list[Draft], query: Query, moment: Moment, surroundings: Surroundings | None
    ) -> list[Draft]:
        """Look closely at the best drafts, and go on until one that was looked at leads."""
        drafts, best = sorted(drafts, key=probable, reverse=True), 0.0
        for at, draft in enumerate(drafts):
            if at >= DOUBTED and best >= draft.probability:
                break
            drafts[at] = self._doubt(draft, query, moment, surroundings)
            best = max(best, drafts[at].probability)
        return sorted(drafts, key=probable, reverse=True)

    def _doubt(self, draft: Draft, query: Query, moment: Moment, surroundings: Surroundings | None) -> Draft:
        calibration = self._recall.calibration
        factor = calibration.passed_over(draft.line, empty=not query.text)
        exit_code = failed_here(self._recall.memory, draft.number, moment)
        if exit_code is not None:
            factor *= calibration.after_failure(exit_code)
        if surroundings is not None and query.host in {None, surroundings.host}:
            factor *= self._validator.trust(draft.line, query.cwd, surroundings)
        return draft._replace(probability=draft.probability * factor)

    def _keep_steady(self, drafts: list[Draft], moment: Moment) -> None:
        """Leave the ghost of the last query in front while it matches and loses little, and remember the one of this.

        It keeps its probability; those that it holds back are lowered to it.
        """
        shown = self._ghost.get(moment)
        for at, draft in enumerate(drafts):
            if draft.probability < STEADY * drafts[0].probability:
                break
            if draft.line == shown:
                ahead = [other._replace(probability=draft.probability) for other in drafts[:at]]
                drafts[: at + 1] = [draft, *ahead]
                break
        if drafts:
            self._ghost[moment] = drafts[0].line

    def _harmless(self, drafts: list[Draft], limit: int) -> list[Draft]:
        """Keep what may be offered to someone who has typed nothing."""
        kept: list[Draft] = []
        for draft in drafts:
            if len(kept) == limit:
                break
            if not destructive(draft.line) and not self._is_dangerous(draft.line):
                kept.append(draft)
        return kept

    def _is_dangerous(self, line: str) -> bool:
        if self._dangerous is None:
            return False
        if line not in self._judged:
            if len(self._judged) >= JUDGED:
                self._judged.clear()
            self._judged[line] = self._dangerous(line)
        return self._judged[line]

    def _candidate(self, draft: Draft, moment: Moment) -> Candidate:
        offered = draft.kind == "offered"
        source = self._offered.source(draft.line) if offered else self._recall.named_by(draft, moment)
        if draft.number == NONE:
            return Candidate(line=draft.line, probability=draft.probability, source=source)
        run = self._recall.memory.last_run(draft.number)
        return Candidate(
            line=draft.line,
            probability=draft.probability,
            source=source,
            count=run.runs,
            last_ns=run.last_ns,
            last_exit=run.last_exit,
        )
