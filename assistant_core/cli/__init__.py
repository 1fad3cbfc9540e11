"""The program `assistant`: arguments go in, an Answer or one error line comes out, with an exit code.

0: done. 1: something is wrong or nothing was found. 2: wrong usage, or what the command needs cannot be used.
"""

import os
import sys
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from assistant_core import __version__, settings
from assistant_core.cli import (
    ask,
    completion,
    config,
    console,
    data,
    doctor,
    explain,
    guard,
    importing,
    private,
    service,
    stats,
    status,
    train,
)
from assistant_core.cli.command import Answer, App, Group, Leaf, UsageError
from assistant_core.errors import AssistantError

COMMANDS: tuple[Leaf | Group, ...] = (
    status.COMMAND,
    doctor.COMMAND,
    ask.COMMAND,
    explain.COMMAND,
    guard.GROUP,
    importing.COMMAND,
    data.GROUP,
    private.GROUP,
    config.GROUP,
    stats.COMMAND,
    train.GROUP,
    service.GROUP,
    completion.COMMAND,
)
INTERRUPTED = 130  # as a shell reports SIGINT
PIPE_CLOSED = 141  # as a shell reports SIGPIPE


class Parser(ArgumentParser):
    """Raises UsageError, of the command that is meant, instead of printing and leaving; options are written out."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as wide as ArgumentParser
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # noqa: ANN401 - as ArgumentParser's
        """Refuse what is not known here already; else only the parser of the whole program does."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Raise `message` with the command whose help to read."""
        raise UsageError(f"{message}; see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments  # also where the arguments cannot be parsed
    try:
        code = _run(arguments, environ)
        sys.stdout.flush()
    except SystemExit:  # argparse has printed help or version
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has no reader
        return PIPE_CLOSED
    except KeyboardInterrupt as stopped:
        console.complain(str(stopped) or "interrupted", as_json=as_json)
        return INTERRUPTED
    except (AssistantError, OSError) as error:
        console.complain(str(error), as_json=as_json)
        return 2
    return code


def _run(arguments: list[str], environ: Mapping[str, str]) -> int:
    if arguments[:1] == [completion.ASK]:
        found = completion.candidates(parser(), arguments[1:] or [""])
        console.show(Answer({}, found), as_json=False, color=False)
        return int(not found)
    parsed = parser().parse_args(arguments)
    terminal = sys.stdout.isatty()
    app = App(
        environ=environ,
        paths=settings.paths(environ),
        json=getattr(parsed, "json", False),
        interactive=terminal and sys.stdin.isatty(),
        color=terminal and not environ.get("NO_COLOR"),
    )
    answer = parsed.run(parsed, app)
    console.show(answer, as_json=app.json, color=app.color)
    return int(answer.code)


def parser() -> ArgumentParser:
    """Return the parser of the whole program, built from COMMANDS."""
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON document")
    top = Parser(prog="assistant", description="Looks after what the xonsh assistant remembers.", parents=[common])
    top.add_argument("--version", action="version", version=f"assistant {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        _add(commands, command, common)
    return top


def _add(commands: "_SubParsersAction[Parser]", command: Leaf | Group, common: Parser) -> None:
    if isinstance(command, Leaf):
        _add_leaf(commands, command, common)
        return
    group = commands.add_parser(command.name, help=command.help, description=command.help, parents=[common])
    members = group.add_subparsers(metavar="COMMAND", required=True)
    for member in command.commands:
        _add(members, member, common)


def _add_leaf(commands: "_SubParsersAction[Parser]", leaf: Leaf, common: Parser) -> None:
    examples = "\n".join(("examples:", *(f"  {example}" for example in leaf.examples))) if leaf.examples else None
    command = commands.add_parser(
        leaf.name,
        help=leaf.help,
        description=leaf.help,
        epilog=examples,
        parents=[common],
        formatter_class=RawDescriptionHelpFormatter,
    )
    for names, options in leaf.arguments:
        command.add_argument(*names, **options)
    command.set_defaults(run=leaf.run)
