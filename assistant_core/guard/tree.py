"""The parts of a line: what the two parsers give and the evaluator walks.

Words stay as they were typed, quotes and all; `words` resolves them when their variables are known.
"""

from typing import NamedTuple


class Redirect(NamedTuple):
    """`> file`, `2>&1`, `<<< text` or a here-document."""

    operator: str
    fd: str
    target: str  # as typed; of a here-document its text
    quoted: bool = False  # a here-document whose text is taken literally


class Command(NamedTuple):
    """One simple command."""

    words: tuple[str, ...]
    assignments: tuple[tuple[str, str], ...] = ()  # name, and value as typed
    redirects: tuple[Redirect, ...] = ()


class Pipeline(NamedTuple):
    """Commands joined by pipes, in order."""

    stages: "tuple[Node, ...]"


class Sequence(NamedTuple):
    """Parts that may run one after the other: lists, conditions and their branches alike."""

    items: "tuple[Node, ...]"


class Group(NamedTuple):
    """A block or subshell, and the redirections of the whole."""

    body: "Node"
    redirects: tuple[Redirect, ...] = ()
    subshell: bool = False


class Background(NamedTuple):
    """A part that runs beside what follows."""

    body: "Node"


class Loop(NamedTuple):
    """A body that runs for each word, or while a condition holds."""

    name: str  # of the variable; "" where there is none
    words: tuple[str, ...]
    body: "Node"
    endless: bool = False


class Function(NamedTuple):
    """A definition; its body runs when it is called."""

    name: str
    body: "Node"


class Unread(NamedTuple):
    """A part too deep or too long to be read."""


Node = Command | Pipeline | Sequence | Group | Background | Loop | Function | Unread
NOTHING = Sequence(())
