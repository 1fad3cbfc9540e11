"""The vocabulary of the command line: what a command is, what it is given and what it answers.

The tables of commands are built from `Leaf` and `Group`; a Leaf's function gets the parsed arguments and the App,
and returns an Answer, which `console` prints as text or as one JSON document.
"""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from assistant_core import settings
from assistant_core.errors import AssistantError

if TYPE_CHECKING:
    from assistant_core.store import Store

NOTHING = "nothing is recorded yet"
ROWS = 2**63 - 1  # SQLite's greatest number of a row


class UsageError(AssistantError):
    """Arguments that do not fit; the message says which and what was expected."""


class Styled(NamedTuple):
    """A line of text and its colour on a terminal."""

    text: str
    style: Literal["ok", "warn", "fail", "dim"]


class Answer(NamedTuple):
    """What a command found: `data` for --json, `lines` for people; `code` is 1 if something is wrong or missing.

    Control characters in `lines` are shown escaped. `rendered` is printed before them as it is: whoever made it
    escaped them.
    """

    data: Mapping[str, object]
    lines: Sequence[str | Styled] = ()
    code: int = 0
    rendered: str = ""


class App(NamedTuple):
    """Where a command runs."""

    environ: Mapping[str, str]
    paths: settings.Paths
    json: bool = False
    interactive: bool = False  # stdin and stdout are a terminal: questions may be asked
    color: bool = False

    def settings(self) -> settings.Settings:
        """Return the settings in force; raises SettingsError."""
        return settings.load(self.environ, self.paths.settings)

    @contextmanager
    def history(self) -> Iterator["Store | None"]:
        """Open the history; None if there is none yet. Raises StoreError."""
        if not self.paths.history.exists():
            yield None
            return
        from assistant_core.store import Store  # noqa: PLC0415 - 40 ms that --help does not need

        with closing(Store(self.paths.history)) as store:
            yield store


class Argument(NamedTuple):
    """What `ArgumentParser.add_argument` is given."""

    names: tuple[str, ...]
    options: Mapping[str, Any]


def argument(*names: str, **options: Any) -> Argument:  # noqa: ANN401 - as wide as add_argument
    """Return the argument of these names and options."""
    return Argument(names, options)


def utf8(text: str) -> str:
    """Return an argument that can be stored; for argparse."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentTypeError(f"{text!r} is not UTF-8") from error
    return text


def whole(most: int) -> Callable[[str], int]:
    """Return what reads a whole number from 1 to `most`; for argparse."""

    def read(text: str) -> int:
        if text.isdecimal() and 1 <= int(text) <= most:
            return int(text)
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")

    return read


class Leaf(NamedTuple):
    """One command."""

    name: str
    run: Callable[[Namespace, App], Answer]
    help: str
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()


class Group(NamedTuple):
    """Commands that share a first word."""

    name: str
    help: str
    commands: "tuple[Leaf | Group, ...]"
