"""The user's history → rows: sessions, mistakes and what was meant, examples taught, answers found helpful.

In: the history database. Out: private rows with the time at which they happened; home, user and host are tokens and
secrets are cut once more. Only what people typed counts.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from assistant_core.engine import directory
from assistant_core.normalise import normalise
from assistant_core.redact import redact
from assistant_core.store import Store
from training.corpus.mistakes import mistakes
from training.corpus.source import PRIVATE
from training.records import Row, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from assistant_core.records import Command, Example, Feedback
    from training.corpus.source import Machine, Skips

NAME = "store"
GAP_NS = 30 * 60 * 10**9  # a longer pause ends a session
LONGEST = 500  # lines of a row; a history without times is one session of many thousands
TAUGHT = 4.0  # weight of what the user taught on purpose
LIKED = 2.0  # weight of what the user called helpful
_SOURCES = re.compile(r"\[[^\[\]\n]*\]\s*$", re.MULTILINE)  # "[tar(1) OPTIONS]" behind a passage
_LEARNED: Mapping[str, Task] = {"suggestion": "line", "answer": "request", "repair": "fix", "explanation": "explain"}
_ANSWER = 400  # characters of a helpful answer that are learnt


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield the rows of the history at `place`. Raises StoreError where it cannot be read."""
    if not place.exists():
        skips.add(NAME, "no history there yet", place)
        return
    store = Store(place)
    try:
        worked = frozenset(row.line for row in store.ranking_rows() if row.exit_code == 0)
        yield from rows((stored.command for stored in store.commands()), worked, machine, skips)
        yield from _taught(store.examples(), machine)
        yield from _judged(store.feedback(), machine, skips)
    finally:
        store.close()


def rows(commands: Iterable[Command], worked: frozenset[str], machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield sessions and mistakes. `commands` are in order within each session; `worked` are lines that ever did."""
    for run in runs(_typed(commands, skips)):
        lines = [_cleaned(each.line, machine, each) for each in run]
        codes = tuple(each.exit_code for each in run)
        yield Row(
            task="session",
            texts=tuple(lines),
            source=NAME,
            licence=PRIVATE,
            group=f"{NAME} {run[0].session}",
            at_ns=_ended_ns(run[-1]),
            exits=codes,
            directory=_usual_kind(run),
        )
        for wrong, right in mistakes(run, worked):
            yield _row("fix", (lines[wrong], lines[right]), run[right].started_ns, exits=(codes[wrong], codes[right]))


def runs(commands: Iterable[Command]) -> Iterator[list[Command]]:
    """Cut commands into runs of one session without a pause of more than GAP_NS; what has no time stays together."""
    under_way: dict[str, list[Command]] = {}
    for command in commands:
        run = under_way.get(command.session, [])
        if run and (len(run) >= LONGEST or _paused(run[-1], command)):
            yield under_way.pop(command.session)
        under_way.setdefault(command.session, []).append(command)
    yield from under_way.values()


def _typed(commands: Iterable[Command], skips: Skips) -> Iterator[Command]:
    for command in commands:
        if command.author != "human":
            skips.add(NAME, "run by a program")
        elif not command.line.strip():
            skips.add(NAME, "an empty line")
        else:
            yield command


def _ended_ns(command: Command) -> int | None:
    return None if command.started_ns is None else command.started_ns + (command.duration_ns or 0)


def _paused(before: Command, after: Command) -> bool:
    ended = _ended_ns(before)
    return ended is not None and after.started_ns is not None and abs(after.started_ns - ended) > GAP_NS


def _usual_kind(run: list[Command]) -> str:
    """Return the kind of folder in which most lines of a run were typed, as the folders are now."""
    kinds = Counter(_kind(each.cwd, each.git_root) for each in run)
    return kinds.most_common(1)[0][0]


@lru_cache(maxsize=4096)
def _kind(cwd: str | None, git_root: str | None) -> str:
    return directory.kind(cwd, git_root)


def _taught(examples: Iterable[Example], machine: Machine) -> Iterator[Row]:
    for example in examples:
        line, meaning = _cleaned(example.line, machine), _cleaned(example.meaning, machine)
        yield _row("request", (meaning, line), example.at_ns, weight=TAUGHT)
        yield _row("explain", (line, meaning), example.at_ns, weight=TAUGHT)


def _judged(feedback: Iterable[Feedback], machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield what was called helpful; the last word on the same thing counts."""
    for last in {(each.about, each.subject, each.response): each for each in feedback}.values():
        if last.teaches:
            line, response = _cleaned(last.subject, machine), _cleaned(last.response, machine).strip()
            task, said = _LEARNED[last.about], _flowing(response) if last.about == "explanation" else response
            yield _row(task, (line,) if task == "line" else (line, said), last.at_ns, weight=LIKED)
        else:
            skips.add(NAME, "called unhelpful" if last.rating == "unhelpful" else "feedback about no line")


def _flowing(answer: str) -> str:
    """Return an answer laid out for the terminal as running text, without the names of its sources."""
    text = " ".join(_SOURCES.sub("", answer).split())
    return text if len(text) <= _ANSWER else text[:_ANSWER].rsplit(" ", 1)[0] + " …"


def _row(
    task: Task,
    texts: tuple[str, ...],
    at_ns: int | None,
    *,
    exits: tuple[int | None, ...] = (),
    weight: float = 1.0,
) -> Row:
    return Row(task=task, texts=texts, source=NAME, licence=PRIVATE, at_ns=at_ns, exits=exits, weight=weight)


def _cleaned(text: str, machine: Machine, command: Command | None = None) -> str:
    user = (command and command.user) or machine.user
    host = (command and command.host) or machine.host
    return normalise(redact(text).text, machine.home.rstrip(os.sep), user, host)
