"""What the user wants to do, or what went wrong → the few lines that most probably do it, checked.

In: a question in words, or a line that failed; what the user's shell can run. Out: `records.Proposals`. What the user
taught or ran comes first where it fits closely, then what was looked up and made up (assistant_core.engine.answer).
Lines that cannot run here come last, and all is said of those that are shown: whether they parse, programs that are
missing, options that the manual does not know, the guard's verdict. Nothing is run.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

import msgspec

from assistant_core.engine import chat, checks, harm, library, prompt, spelling
from assistant_core.engine.answer import Answerer, Source
from assistant_core.engine.checks import Options, Shell
from assistant_core.engine.fit import fitted
from assistant_core.engine.own import Known, Own, likeness
from assistant_core.errors import AssistantError
from assistant_core.guard import Context
from assistant_core.guard.policy import Policy
from assistant_core.knowledge import Manuals
from assistant_core.knowledge.sources import hierarchies
from assistant_core.records import Failure, Origin, Proposal, Proposals, Question, Verdict

if TYPE_CHECKING:
    from assistant_core.engine.answer import Generator
    from assistant_core.engine.chat import Message, Saying
    from assistant_core.settings import Paths

WIDE: Final = 6  # lines looked at for those shown
OWN: Final = 2  # of them from the user's history
MODEL_S: Final = 0.3  # longest work of the model
MANUALS_S: Final = 0.45  # from the question on, after which pages that were not read yet are not waited for
PATIENCE_S: Final = 0.05  # but so long at least
TOKENS: Final = 64  # longest repair
RESEMBLES: Final = 0.6  # least likeness of a made-up repair to what failed
ALIKE: Final = 6.0  # what full likeness is worth to it, as a natural log-probability
LONGEST: Final = 1000  # characters of a question
REPEATED: Final = 2  # times the failed line, and it is no repair
FAMILIAR: Final = 9  # known requests that a program answers, for it to be meant where it is not installed
REHEARSED: Final = "list the files of a folder by size"
ORIGINS: Final[Mapping[Source, Origin]] = {"found": "examples", "model": "model", "chat": "chat"}
BASH: Final = "bash -c "

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class Draft(NamedTuple):
    """A line before it was looked at."""

    line: str
    source: Origin
    near: str = ""


class Chat(Protocol):
    """A chat model (assistant_core.engine.adapted), asked by whoever it belongs to."""

    def begin(self, messages: Sequence[Message]) -> Saying:
        """Ask for lines; what is returned waits for them."""
        ...


class Asker:
    """Answers the questions of one user. It belongs to one thread.

    What it was made of stays as it is until another one is made: pairs, embedding. `environ` is that of the service;
    `embedding` names another model than our own (assistant_core.engine.embed).
    """

    def __init__(self, paths: Paths, environ: Mapping[str, str], embedding: str = "") -> None:
        self._environ = environ
        self._library = library.opened(paths, embedding)
        self._own = Own(paths.history, self._library.encoder)
        self._manuals = Manuals(cache=paths.cache / "manuals", search=hierarchies(environ))
        self._policy = Policy(paths, lambda: "ask", tell=_LOG.warning, failed=_failed)

    def prepare(self) -> None:
        """Answer a question that nobody asked, so that the next one finds history, rules and pages read."""
        path = tuple(self._environ.get("PATH", "").split(os.pathsep))
        self.ask(Question(text=REHEARSED), Shell(path, cwd="/"))

    def ask(
        self, question: Question, shell: Shell, model: Generator | None = None, talker: Chat | None = None
    ) -> Proposals:
        """Return lines that do what `question` says; `model` and `talker` make some up, if they are there."""
        started, notes = time.monotonic(), [*self._library.notes]
        text = " ".join(question.text[:LONGEST].split())
        saying = talker.begin(chat.request(text)) if talker else _silent
        answerer = Answerer(self._library.pairs, model)
        answers = answerer.answer(text, WIDE, deadline_s=MODEL_S, chat=lambda: saying().lines)
        said = saying()
        notes += [said.note] if said.note else []
        rivals = [answer.line for answer in answers]
        taught = _tried(lambda: self._own.taught(text), list[Known](), notes)
        nearest, near = _tried(lambda: self._own.fitting(text, rivals, OWN), (list[Known](), list[Known]()), notes)
        known = [
            Draft(
                self._typed(each.line, shell),
                ORIGINS[each.source],
                said.adapter if each.source == "chat" else each.near,
            )
            for each in answers
        ]
        drafts = [*(Draft(*own) for own in taught + nearest), *known[:1], *(Draft(*own) for own in near), *known[1:]]
        return self._shown(drafts, question.count, shell, notes, started, harmless=not harm.asked(text))

    def fix(
        self, failure: Failure, shell: Shell, model: Generator | None = None, talker: Chat | None = None
    ) -> Proposals:
        """Return lines that were probably meant by the one that failed."""
        started, notes, line = time.monotonic(), list[str](), failure.line.strip()
        saying = talker.begin(chat.repair(line, failure.exit_code)) if talker else _silent
        drafts = [Draft(*known) for known in _tried(lambda: self._own.repaired(line, WIDE), list[Known](), notes)]
        corrected = spelling.corrected(line, shell, self._manuals, self._programs)
        drafts += [Draft(each, "spelling", line) for each in corrected]
        if model is not None:
            made_up = model.candidates(prompt.repair(line), count=WIDE, tokens=TOKENS, deadline_s=MODEL_S)
            drafts += [Draft(each, "model", line) for each in self._meant(line, shell, made_up)]
        said = saying()
        notes += [said.note] if said.note else []
        drafts += [Draft(each, "chat", said.adapter) for each in self._meant(line, shell, said.lines)]
        votes = Counter(draft.line for draft in drafts)
        drafts.sort(key=lambda draft: -votes[draft.line])
        repairs = [each for each in drafts if each.line.strip() != line and each.line.count(line) < REPEATED]
        return self._shown(repairs, failure.count, shell, notes, started)

    @cached_property
    def _programs(self) -> frozenset[str]:
        """Programs that known requests are answered with; they need not be here."""
        first = Counter(pair.line.partition(" ")[0] for pair in self._library.pairs.pairs)
        return frozenset(name for name, count in first.items() if count >= FAMILIAR)

    def _meant(self, line: str, shell: Shell, said: Iterable[tuple[str, float]]) -> list[str]:
        """Return what a model that made up `said` takes for meant: much like the line, able to run here, as harmless.

        It knows commands; code in other languages stays as it is, unless that was no code.
        """
        code, broken = checks.code(line), not checks.parses(line)
        ranked = sorted(said, key=lambda pair: -(pair[1] + ALIKE * likeness(line, pair[0])))
        alike = [
            each
            for each, _ in ranked
            if likeness(line, each) >= RESEMBLES
            and checks.parses(each)
            and (broken or checks.code(each) == code)
            and not checks.missing(each, shell)
        ]
        before = self._verdict(line, shell)
        return [each for each in alike if _no_worse(line, before, each, self._verdict(each, shell))]

    def _typed(self, line: str, shell: Shell) -> str:
        """Return a line for bash as the user's shell must be told it."""
        return fitted(line, self._environ) if shell.aliases else line

    def _shown(  # noqa: PLR0913 - the drafts, and what is asked of them
        self,
        drafts: Iterable[Draft],
        count: int,
        shell: Shell,
        notes: list[str],
        started: float,
        *,
        harmless: bool = False,
    ) -> Proposals:
        """Return the first of the drafts, those first that can run here, and if `harmless` those that harm nothing."""
        distinct: dict[str, Draft] = {}
        for draft in drafts:
            distinct.setdefault(draft.line.strip(), draft)
        distinct.pop("", None)
        looked_at = [self._looked_at(draft, shell) for draft in distinct.values()]
        proposals = sorted(looked_at, key=lambda each: _doubts(each, harmless=harmless))[:count]
        found = self._read(proposals, max(MANUALS_S - (time.monotonic() - started), PATIENCE_S))
        shown = [
            msgspec.structs.replace(each, options=known, unknown=unknown, manuals=pages)
            for each, (known, unknown, pages) in zip(proposals, found, strict=True)
        ]
        return Proposals(proposals=tuple(shown), notes=tuple(dict.fromkeys(notes)))

    def _looked_at(self, draft: Draft, shell: Shell) -> Proposal:
        anywhere = shell._replace(aliases=frozenset()) if draft.line.startswith(BASH) else shell
        return Proposal(
            line=draft.line,
            source=draft.source,
            near=draft.near,
            parsed=draft.source == "history" or checks.parses(draft.line),
            missing=checks.missing(draft.line, anywhere),
            verdict=self._verdict(draft.line, shell),
        )

    def _verdict(self, line: str, shell: Shell) -> Verdict:
        context = Context(self._environ, shell.cwd or shell.home or "/", shell.home or "/")
        return self._policy.judge(line, context).verdict

    def _read(self, proposals: Sequence[Proposal], seconds: float) -> list[Options]:
        """Return what the manual says of each line; nothing of those for which its pages could not be read in time.

        The reading goes on, so that the next question finds the pages read.
        """
        found = [Options()] * len(proposals)

        def read() -> None:
            for at, proposal in enumerate(proposals):
                found[at] = checks.options(proposal.line, self._manuals)

        reader = threading.Thread(target=read, name="manuals", daemon=True)
        reader.start()
        reader.join(seconds)
        return list(found)


def _doubts(proposal: Proposal, *, harmless: bool) -> tuple[bool, bool, bool]:
    """Say what speaks against showing a line first, the worst before all; nothing against the user's own."""
    if proposal.source in ("taught", "history"):
        return False, False, False
    rash = proposal.source in ("model", "chat") and proposal.verdict.decision == "block"
    harms = harmless and harm.done(proposal.line, proposal.verdict)
    return not proposal.parsed, bool(proposal.missing), rash or harms


def _no_worse(line: str, before: Verdict, repair: str, after: Verdict) -> bool:
    """Say whether a repair is neither stopped nor deletes or stops anything, unless the line did as much."""
    stopped = before.decision == "allow" and after.decision != "allow"
    return not stopped and (harm.done(line, before) or not harm.done(repair, after))


def _tried(read: Callable[[], _T], nothing: _T, notes: list[str]) -> _T:
    """Return what is read, or `nothing`, and a note that says why: a question is answered without it."""
    try:
        return read()
    except AssistantError as error:
        notes.append(str(error))
        return nothing


def _silent() -> chat.Said:
    return chat.Said()


def _failed(error: Exception) -> None:
    _LOG.error("guard", exc_info=error)
