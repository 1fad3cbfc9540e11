"""`assistant ask "WHAT YOU WANT"`: lines that do it, checked, as `?` in the shell proposes them. Nothing is run.

The service answers; where none can be had, this process does, which first reads what a service would hold.
"""

import os
import shutil
import sys
from argparse import SUPPRESS, Namespace
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

from assistant_core.cli.command import Answer, App, Leaf, UsageError, argument, utf8, whole
from assistant_core.errors import ModelError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant_core.engine.adapted import Adapted
    from assistant_core.engine.chat import Message, Saying
    from assistant_core.engine.llm import Place
    from assistant_core.engine.told import Told
    from assistant_core.records import Failure, Proposals, Question

CONNECT_S = 5.0
ANSWER_S = 60.0
CODES = 255


def run(args: Namespace, app: App) -> Answer:
    """Answer with proposals; 1 if there is none."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core import render  # noqa: PLC0415 - see above
    from assistant_core.records import Failure, Question  # noqa: PLC0415 - see above

    text = " ".join(args.words).strip()
    if not text:
        raise UsageError('ask: nothing is asked; example: assistant ask "find files over 1 GB"')
    names = tuple(sys.stdin.read().split("\n")) if args.names else ()
    asked = Failure(line=text, exit_code=args.fix, cwd=_folder()) if args.fix else Question(text=text, cwd=_folder())
    answer = (None if names else _from_service(asked, app)) or _here(asked, names, app)
    shown = render.proposals(answer, shutil.get_terminal_size().columns, app.color)
    lines = [] if answer.proposals else [render.NO_REPAIR if args.fix else render.NOTHING_KNOWN]
    return Answer(msgspec.to_builtins(answer), lines, code=int(not answer.proposals), rendered=shown)


def _from_service(asked: "Question | Failure", app: App) -> "Proposals | None":
    from assistant_core.records import Proposals, Question  # noqa: PLC0415 - not needed for --help
    from assistant_core.service import lifecycle  # noqa: PLC0415 - see above
    from assistant_core.service.client import hello  # noqa: PLC0415 - see above

    method = "ask" if isinstance(asked, Question) else "fix"
    try:
        start = app.settings().service.enabled
        with closing(
            lifecycle.connect(app.paths, hello("cli", app.environ), start=start, timeout_s=CONNECT_S)
        ) as client:
            return client.call(method, asked, Proposals, timeout_s=ANSWER_S)
    except ServiceError:
        return None


def _here(asked: "Question | Failure", names: tuple[str, ...], app: App) -> "Proposals":
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.engine.asking import Asker  # noqa: PLC0415 - see above
    from assistant_core.engine.checks import Shell  # noqa: PLC0415 - see above
    from assistant_core.records import Question  # noqa: PLC0415 - see above

    path = tuple(filter(None, app.environ.get("PATH", "").split(os.pathsep)))
    shell = Shell(path, frozenset(filter(None, names)), app.environ.get("HOME", ""), asked.cwd or "")
    asker = Asker(app.paths, app.environ, app.settings().models.embedding)
    (model, problem), (talker, silence) = _model(app), _talker(app)
    answer = (
        asker.ask(asked, shell, model, talker)
        if isinstance(asked, Question)
        else asker.fix(asked, shell, model, talker)
    )
    return msgspec.structs.replace(answer, notes=(*answer.notes, *filter(None, (problem, silence))))


def _model(app: App) -> "tuple[Told | None, str]":
    """Return the command model, or None and why there is none."""
    from assistant_core.engine.llm import Completion  # noqa: PLC0415 - not needed for --help
    from assistant_core.engine.told import Told  # noqa: PLC0415 - see above

    current = app.settings()
    if not current.models.command:
        return None, ""
    try:
        completion = Completion(app.paths, current.training)
    except ModelError as error:
        return None, f"no model helps: {error}"
    return Told(completion.answering(""), _place(app)), ""


class _Talker:
    """The chat model, asked by who waits for it."""

    def __init__(self, adapted: "Adapted", place: "Place") -> None:
        self._adapted, self._place = adapted, place

    def begin(self, messages: "Sequence[Message]") -> "Saying":
        return cache(lambda: self._adapted.lines(messages, self._place, deadline_s=ANSWER_S))


def _talker(app: App) -> tuple[_Talker | None, str]:
    """Return the chat model, or None and why there is none."""
    from assistant_core.engine.adapted import Adapted  # noqa: PLC0415 - not needed for --help

    current = app.settings()
    if not current.models.chat:
        return None, ""
    try:
        return _Talker(Adapted(app.paths, current.models.chat, current.training.adapter), _place(app)), ""
    except ModelError as error:
        return None, f"the chat model does not help: {error}"


def _place(app: App) -> "Place":
    from assistant_core.engine.llm import Place  # noqa: PLC0415 - not needed for --help

    user = app.environ.get("USER") or app.environ.get("LOGNAME") or ""
    return Place(app.environ.get("HOME", ""), user, os.uname().nodename)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - a text is wanted
    except OSError:  # it is gone
        return None


COMMAND = Leaf(
    "ask",
    run,
    "Propose lines that do what you want, checked; nothing is run.",
    (
        argument("words", nargs="+", type=utf8, metavar="WHAT", help="what you want to do, in words; quote it"),
        argument(
            "--fix", type=whole(CODES), metavar="CODE", help="it is a line that failed with exit code CODE: repair it"
        ),
        argument("--names", action="store_true", help=SUPPRESS),  # read from the input what xonsh has for a name
    ),
    ('assistant ask "find files over 1 GB"', "assistant ask --fix 1 'git psuh origin main'"),
)
