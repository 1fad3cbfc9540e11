"""What code is walked with: the face that the evaluator shows to `unwrap`, `hosts`, `inline` and `pycode`."""

from typing import Protocol

from assistant_core.guard.flows import NONE, Flow
from assistant_core.guard.report import Report


class Walker(Protocol):
    """Judges commands, and knows what the line has set so far."""

    report: Report
    top: bool
    local: bool
    elevated: bool
    depth: int
    sources: dict[str, Flow]

    def run(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Judge one command and what it runs in turn; return what it prints."""

    def judge(self, argv: list[str], given: Flow = NONE) -> Flow:
        """Put one command to the rules of its program."""

    def script(self, text: str, given: Flow = NONE, *, keep: bool = False, local: bool = True) -> Flow:
        """Walk shell code."""

    def script_with(self, text: str, arguments: list[str], given: Flow = NONE) -> Flow | None:
        """Walk shell code that another process runs with arguments: `$0`, `$1`, ..."""

    def code(self, language: str, text: str, given: Flow = NONE, *, local: bool = True) -> Flow | None:
        """Walk code in any language."""

    def unread(self) -> Flow:
        """Report that a part could not be read."""

    def variable(self, name: str) -> str:
        """Return the value of a variable, with marks."""

    def assign(self, name: str, value: str) -> None:
        """Give a variable its value."""

    def output(self, script: str) -> str:
        """Return what a command prints, with marks."""

    def home_of(self, user: str) -> str:
        """Return a home directory; of the user's own for ""."""

    def source(self, flow: Flow) -> str:
        """Return a mark that stands for what a command prints."""

    def file(self, path: str) -> Flow:
        """Return what is in a file, as far as the line tells."""
