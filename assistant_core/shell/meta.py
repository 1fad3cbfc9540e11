"""The lines that are for the assistant and not for the shell: `?explain …`, `:feedback …` and their like.

In: a line. Out: a call of the handler that TABLE names, with the rest of the line as one literal text: nothing in
it is expanded, split or run. xonsh sees `name @('rest')`; the transformation is pure and may run many times.
"""

import ast
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xonsh.tools import unthreadable

from assistant_core.errors import AssistantError
from assistant_core.shell import answers, asking
from assistant_core.shell.session import Session


class Meta(NamedTuple):
    """One meta-command. `run` gets the rest of the line and returns an exit code."""

    name: str
    usage: str
    help: str
    run: Callable[[Session, str], int]
    words: tuple[str, ...] = ()  # completed after the name; what may follow one of them stands behind it
    is_line: bool = False  # the rest is a command line, and completed as one


TABLE: tuple[Meta, ...] = (
    Meta("?explain", "LINE", "explain a command line from the manual pages here", answers.explain, is_line=True),
    Meta(
        "?fix", "[LINE]", "put what the last line that failed was meant to be into the prompt", asking.fix, is_line=True
    ),
    Meta("?", "[WHAT YOU WANT]", "put a line that does it into the prompt; alone, show this list", asking.ask),
    Meta(
        ":feedback",
        "helpful|unhelpful [NOTE]",
        "rate the last suggestion taken or answer shown",
        answers.feedback,
        ("helpful", "unhelpful"),
    ),
    Meta(
        ":train",
        'add "LINE" "MEANING" | now | status | stop | review | schedule | history | deploy | rollback',
        "teach a line; learn from what you run; choose which version answers",
        answers.train,
        answers.TRAIN,
    ),
    Meta(
        ":private",
        "on|off|status",
        "private mode of this shell: nothing is remembered",
        answers.private,
        ("on", "off", "status"),
    ),
)

_NAMES = "|".join(re.escape(meta.name) for meta in sorted(TABLE, key=lambda meta: -len(meta.name)))
_TYPED = re.compile(rf"\s*({_NAMES})(?:\s+(\S.*?))?\s*", re.DOTALL)
_CALL = re.compile(rf"({_NAMES})(?: @\((.*)\))?\n?", re.DOTALL)


def transform(cmd: str, **_: object) -> str | None:
    """Return the call for a meta-command, or None for any other line and for what is a call already."""
    if is_call(cmd) or (found := _TYPED.fullmatch(cmd)) is None:
        return None
    name, rest = found.groups()
    return f"{name} @({rest!r})\n" if rest else f"{name}\n"


def is_call(cmd: str) -> bool:
    """Say whether `cmd` is a meta-command with nothing but a literal text after it."""
    found = _CALL.fullmatch(cmd)
    return found is not None and (found[2] is None or _is_literal(found[2]))


def is_typed(text: str) -> bool:
    """Say whether `text`, as it stands at the prompt, is a meta-command."""
    return _TYPED.fullmatch(text) is not None


def next_words(phrases: Sequence[str], typed: Sequence[str]) -> set[str]:
    """Return the words that follow `typed` in one of `phrases`."""
    follow = [words[len(typed) :] for phrase in phrases if (words := phrase.split())[: len(typed)] == list(typed)]
    return {words[0] for words in follow if words}


def usage(metas: Sequence[Meta] = TABLE) -> str:
    """Return a table as text."""
    return "".join(f"{meta.name} {meta.usage}".rstrip() + f"\n    {meta.help}\n" for meta in metas)


def install(session: Session) -> None:
    """Define aliases, transformation and keys until the session is undone."""
    for meta in TABLE:
        alias = unthreadable(_alias(session, meta))
        vars(alias)["xonsh_complete"] = session.guarded(_completer(session, meta))  # where xonsh looks
        session.define(meta.name, alias, meta.help)
    session.on("on_transform_command", transform)
    shell = session.xsh.shell.shell
    if hasattr(shell, "prompter"):
        _bind_enter(session, shell.key_bindings)
        asking.prepare_while_typed(session, shell.prompter.default_buffer)


def _is_literal(code: str) -> bool:
    try:
        value = ast.literal_eval(code)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return isinstance(value, str) and repr(value) == code


def _alias(session: Session, meta: Meta) -> Callable[..., int]:
    def alias(args: Sequence[str]) -> int:
        rest = " ".join(args)
        if rest in ("--help", "-h"):
            sys.stdout.write(_wrapped(f"usage: {usage([meta])}", 8))
            return 0
        if not rest and meta.name == "?":
            sys.stdout.write(_wrapped(usage(), 8))
            return 0
        return _run(session, meta, rest)

    return alias


def _run(session: Session, meta: Meta, rest: str) -> int:
    try:
        return meta.run(session, rest)
    except AssistantError as error:
        sys.stderr.write(_wrapped(f"{meta.name}: {error}\n"))
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except Exception as error:  # noqa: BLE001 - the boundary between the shell and us
        session.log.failure(error)
        sys.stderr.write(_wrapped(f"{meta.name}: failed ({type(error).__name__}); {session.log.file} says where\n"))
    return 1


def _wrapped(text: str, indent: int = 4) -> str:
    from assistant_core import render  # noqa: PLC0415 - not before the first prompt

    return render.wrapped(text, shutil.get_terminal_size().columns, " " * indent)


def _completer(session: Session, meta: Meta) -> Callable[..., object]:
    def complete(command: Any, **_: object) -> object:  # noqa: ANN401 - xonsh's contexts
        if not meta.is_line:
            typed = [argument.value for argument in command.args[1 : command.arg_index]]
            return next_words(meta.words, typed) | ({"--help"} if command.arg_index == 1 else set())
        from xonsh.completers.commands import complete_command  # noqa: PLC0415 - at the first Tab
        from xonsh.parsers.completion_context import CompletionContext  # noqa: PLC0415 - as above

        inner = command._replace(args=command.args[1:], arg_index=command.arg_index - 1)
        if inner.arg_index == 0:
            return complete_command(inner)
        return session.xsh.shell.shell.completer.complete_from_context(CompletionContext(inner))[0]

    return complete


def _bind_enter(session: Session, bindings: Any) -> None:  # noqa: ANN401 - KeyBindings, imported below
    """Have Enter send a meta-command, which xonsh would take for unfinished after a colon or an open quote."""
    from prompt_toolkit.application import get_app  # noqa: PLC0415 - only where it is in use
    from prompt_toolkit.filters import Condition  # noqa: PLC0415 - as above
    from xonsh.shells.ptk_shell.key_bindings import should_confirm_completion  # noqa: PLC0415 - as above

    wanted = Condition(lambda: is_typed(get_app().current_buffer.text)) & ~should_confirm_completion

    for key in ("c-m", "c-j"):

        def enter(event: Any) -> None:  # noqa: ANN401 - a KeyPressEvent
            event.current_buffer.validate_and_handle()

        bindings.add(key, filter=wanted, eager=True)(enter)
        session.undo.callback(bindings.remove, enter)
