"""The vocabulary: what flows between the shell, the store, the service and the completers.

Every type is immutable and crosses the wire as one JSON object; unknown fields are refused. This module
imports nothing of ours.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Author = Literal["human", "program"]
Decision = Literal["allow", "warn", "block"]
Crud = Literal["READ", "CREATE", "EXEC", "UPDATE", "DELETE"]
Acceptance = Literal["no", "word", "line"]
About = Literal["suggestion", "answer", "repair", "explanation"]  # what was shown: a line but for the last
Rating = Literal["helpful", "unhelpful"]
Origin = Literal["taught", "history", "spelling", "examples", "model", "chat"]  # where a proposed line comes from


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command line that was run. What is unknown is None; secrets are already cut out of `line`."""

    line: str
    session: str
    cwd: str | None = None
    git_root: str | None = None
    host: str | None = None
    user: str | None = None
    started_ns: int | None = None  # since the Unix epoch
    duration_ns: int | None = None
    exit_code: int | None = None
    environment: dict[str, str] = {}
    author: Author = "human"
    redacted: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user has typed so far, and where. `text` may be empty: the next command is asked for."""

    text: str
    session: str | None = None
    cwd: str | None = None
    host: str | None = None
    now_ns: int | None = None  # since the Unix epoch; None: the clock of whoever answers
    limit: int = 10
    slow: bool = False  # nobody waits: the command model may be asked as well


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole line that starts with the text of the query, and what is known of it."""

    line: str
    probability: float  # 0..1, that this is the line the user is typing
    source: str  # name of the source that ranked it highest
    count: int = 0  # times run
    last_ns: int | None = None  # when it was last run, since the Unix epoch
    last_exit: int | None = None


class Suggestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the shell showed while a command was typed, and what became of it."""

    session: str
    at_ns: int
    typed: str
    line: str
    source: str
    probability: float
    accepted: Acceptance
    ran: bool  # whether the line that was run is the suggested one


class Feedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user's word on the last suggestion or answer."""

    at_ns: int
    session: str
    rating: Rating
    note: str = ""
    about: About | Literal["nothing"] = "nothing"
    subject: str = ""  # the line or the question it is about
    response: str = ""  # what was shown

    @property
    def teaches(self) -> bool:
        """Whether there is something to learn from it: it was helpful, and but for explanations a line."""
        shown = self.response.strip()
        several = "\n" in shown and self.about != "explanation"
        return self.rating == "helpful" and self.about != "nothing" and bool(self.subject and shown) and not several


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line and what it means, taught by the user."""

    at_ns: int
    line: str
    meaning: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a line would do if it ran. `decision` and `crud` follow the strongest part of the line."""

    decision: Decision
    crud: Crud
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    safer: str | None = None
    confidence: float = 1.0


class Passage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One piece of a command line and the text that explains it."""

    words: str  # the piece, as typed
    start: int  # offset of the piece in the line, in characters
    depth: int  # 0 for a stage of the line, 1 for its arguments, more for commands within
    text: str
    source: str  # page and section quoted, such as "tar(1) OPTIONS"; "" where nothing was found
    found: bool = True


class Explanation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command line, piece by piece in the order of the line."""

    line: str
    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()  # what is missing and how to get it


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user wants to do, in words, and where."""

    text: str
    cwd: str | None = None
    count: int = 3  # lines wanted


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line that failed and is to be repaired, and where it ran."""

    line: str
    exit_code: int = 1
    cwd: str | None = None
    count: int = 3  # lines wanted


class Proposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line that may do what was asked, and what is known of it. Nobody runs it but the user."""

    line: str  # as it must be typed
    source: Origin
    near: str = ""  # what it was made from: a known request, a meaning, a line, an adapter; "" where by a model alone
    parsed: bool = True  # whether it is a line at all
    missing: tuple[str, ...] = ()  # programs that are not there
    unknown: tuple[str, ...] = ()  # options that the manual does not know
    manuals: tuple[str, ...] = ()  # pages that its options were compared with, such as "tar(1)"
    options: tuple[Passage, ...] = ()  # what the manual says of its options
    verdict: Verdict = Verdict(decision="allow", crud="READ")


class Proposals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that may do what was asked, the best first; none where nothing is known."""

    proposals: tuple[Proposal, ...] = ()
    notes: tuple[str, ...] = ()  # what is missing and how to get it
