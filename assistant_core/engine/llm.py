"""What the command model offers while a line is typed.

In: a query, the lines before it in its session, where it is typed. Out: candidates, with the probability that they
have for someone of whom nothing else is known. A model of the user's own was taught lines without the names of home,
user and host: they are taken out of what it is asked and put back into what it says.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from assistant_core.engine import calibration, directory, prompt, registry, switch, trial
from assistant_core.engine.command import CommandModel
from assistant_core.engine.llama import THREADS
from assistant_core.engine.prompt import Part, Piece
from assistant_core.engine.registry import Model
from assistant_core.errors import ModelError
from assistant_core.normalise import denormalise, normalise
from assistant_core.records import Candidate, Query
from assistant_core.redact import MARK
from assistant_core.settings import Paths, Training

FILE: Final = "command.gguf"
COUNT: Final = 2  # lines offered: one may be what is typed; a third saves no more keystrokes and takes a third longer
TOKENS: Final = 32  # most of the rest of a line
LONGEST: Final = 600  # characters; a longer line says too little for its place
DEADLINE_S: Final = 0.4  # what takes longer comes too late
FRESH_S: Final = 5.0  # how long a folder is taken for what it was

_LOG = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a line is typed; `git_root` is "" outside of a repository."""

    home: str
    user: str
    host: str
    git_root: str = ""


class Completion:
    """The model in use, and the one on trial beside it; used by one thread, `cancel` alone by any.

    Raises ModelError if no model can be used.
    """

    def __init__(self, paths: Paths, training: Training) -> None:
        self._training = training
        self._in_use = Opened(registry.active("command", paths), paths)
        self._opened = {self._in_use.version: self._in_use}
        if training.trial:
            self._open_trial(paths)

    def offer(self, query: Query, before: Sequence[tuple[str, int | None]], place: Place) -> list[Candidate]:
        """Return lines that begin with the query's text and are longer.

        `before` are the session's last lines, oldest first, and their exit codes, None where unknown.
        """
        request = f"{query.cwd}\n{before[-1][0] if before else ''}"  # the same while a line is typed
        return self.answering(request).offer(query, before, place)

    def answering(self, request: str) -> Opened:
        """Return the version that answers `request`."""
        version = trial.chosen(self._training, self._in_use.version, request)
        return self._opened.get(version, self._in_use)

    def begin(self) -> None:
        """Take back an earlier `cancel`."""
        for opened in self._opened.values():
            opened.begin()

    def cancel(self) -> None:
        """Have what is asked end early, until `begin`."""
        for opened in self._opened.values():
            opened.cancel()

    def close(self) -> None:
        """Free the models."""
        for opened in self._opened.values():
            opened.close()

    def _open_trial(self, paths: Paths) -> None:
        name = self._training.trial
        try:
            model = switch.named("command", name, paths)
            if model.version != self._in_use.version:
                self._opened[name] = Opened(model, paths)
        except ModelError as error:
            _LOG.warning("training.trial: %s; the version in use answers all requests", error)


class Opened:
    """One version, opened. Raises ModelError if it cannot be."""

    def __init__(self, model: Model, paths: Paths) -> None:
        if FILE not in model.files:
            names = sorted(model.files)
            raise ModelError(f"the card of {model.version} names {names}, not {FILE}; {registry.instead('command')}")
        self.version = model.version
        self.trained = frozenset(model.card.pieces.get("trained", ()))
        self.personal = any(data.licence == "private" for data in model.card.data)
        self._calibration = calibration.of(model.card.scores)
        self._kind = ("", "", 0.0, "")  # folder, git root, until when (s), kind
        with registry.open_file(model, FILE, paths) as file:
            self.model = CommandModel(file, min(THREADS, max((os.cpu_count() or 1) - 1, 1)))
        self.begin, self.cancel, self.close = self.model.begin, self.model.cancel, self.model.close

    def offer(self, query: Query, before: Sequence[tuple[str, int | None]], place: Place) -> list[Candidate]:
        """Return what Completion.offer does."""
        home, user, host, _ = place if self.personal else place._replace(user="", host="")
        lines = [(normalise(line, home, user, host), code) for line, code in before if _fits(line)]
        typed = normalise(query.text.lstrip(), home, user, host)
        parts = self._parts(lines, query.cwd or "", place.git_root)
        found = self.model.candidates(parts, typed, count=COUNT, tokens=TOKENS, deadline_s=DEADLINE_S)
        return [
            Candidate(
                line=query.text + denormalise(line[len(typed) :], "", user, host),  # a "~" stays as short as it is
                probability=self._calibration.probability(log_probability),
                source=trial.source(self.version),
            )
            for line, log_probability in found
            if line != typed and MARK not in line
        ]

    def _parts(self, lines: Sequence[tuple[str, int | None]], cwd: str, git_root: str) -> list[Part]:
        """Return what the model is asked, without the pieces that it was never shown."""
        coded = lines if Piece.EXIT in self.trained else [(line, None) for line, _ in lines]
        folder = self._kind_of(cwd, git_root) if Piece.DIRECTORY in self.trained else ""
        return [*prompt.session(coded, folder), (Piece.LINE, "")]

    def _kind_of(self, cwd: str, git_root: str) -> str:
        if self._kind[:2] != (cwd, git_root) or time.monotonic() > self._kind[2]:
            self._kind = (cwd, git_root, time.monotonic() + FRESH_S, directory.kind(cwd, git_root))
        return self._kind[3]


def _fits(line: str) -> bool:
    """Say whether an earlier line is one that the model could have learnt from."""
    return len(line) <= LONGEST and MARK not in line
