"""`? what I want to do` and `?fix`: lines proposed, the best of them put into the next prompt. Nothing is run.

In: the session and the rest of the line, literally. Out: text for the user, a line at the next prompt, an exit code.
"""

import os
import shutil
import sys
import warnings
from typing import TYPE_CHECKING, Any

from assistant_core.errors import AssistantError
from assistant_core.shell import remote, typed
from assistant_core.shell.session import Session, Subject

if TYPE_CHECKING:
    from assistant_core.records import Proposal, Proposals

MARK = "?"  # begins a question


def ask(session: Session, question: str) -> int:
    """Propose lines that do what `question` says; a number takes that one of the lines proposed before."""
    from assistant_core import render  # noqa: PLC0415 - not before the first prompt
    from assistant_core.records import Proposals, Question  # noqa: PLC0415 - as above

    if question.isdecimal():
        return _take(session, int(question))
    asked = Question(text=question, cwd=_folder())
    answer = remote.from_service(session, "ask", asked, Proposals) or remote.from_program(
        session, ["ask", "--json", "--names", "--", question], Proposals, _names(session)
    )
    return _show(session, Subject("answer", question, ""), answer, render.NOTHING_KNOWN)


def fix(session: Session, line: str) -> int:
    """Propose what was meant by `line`, or else by the last line that failed."""
    from assistant_core import render  # noqa: PLC0415 - not before the first prompt
    from assistant_core.records import Failure, Proposals  # noqa: PLC0415 - as above

    last, code = session.failed or ("", 1)
    if not (line or last):
        raise AssistantError("nothing has failed in this shell; `?fix LINE` repairs a line that you give")
    failed = Failure(line=line or last, exit_code=1 if line else code, cwd=_folder())
    if not line:
        sys.stdout.write(f"exit code {code}: {last}\n")
    answer = remote.from_service(session, "fix", failed, Proposals) or remote.from_program(
        session,
        ["ask", "--json", "--names", f"--fix={failed.exit_code}", "--", failed.line],
        Proposals,
        _names(session),
    )
    return _show(session, Subject("repair", failed.line, ""), answer, render.NO_REPAIR)


def prepare_while_typed(session: Session, buffer: Any) -> None:  # noqa: ANN401 - prompt_toolkit's Buffer
    """Have the service read what a question needs while it is typed, until the session is undone."""

    def changed(_: object) -> None:
        if buffer.text == MARK:
            from assistant_core.service.wire import Empty  # noqa: PLC0415 - not before the first prompt

            session.link.notify("prepare", Empty())

    safe = session.guarded(changed)
    buffer.on_text_changed += safe
    session.undo.callback(buffer.on_text_changed.remove_handler, safe)


def _show(session: Session, subject: Subject, answer: "Proposals", nothing: str) -> int:
    from msgspec.structs import replace  # noqa: PLC0415 - not before the first prompt

    from assistant_core import render  # noqa: PLC0415 - as above

    readable = sorted(answer.proposals, key=lambda each: not _reads(session, each.line))
    answer = replace(answer, proposals=tuple(readable))
    width = shutil.get_terminal_size().columns
    sys.stdout.write(f"{text}\n" if (text := render.proposals(answer, width, remote.colored())) else "")
    session.asked, session.proposed, session.subject = subject, answer.proposals, subject
    if not answer.proposals:
        raise AssistantError(nothing)
    others = " or ".join(f"`? {number}`" for number in range(2, len(answer.proposals) + 1))
    _put(session, answer.proposals[0])
    sys.stdout.write(f"1 is in the prompt; {others} takes another\n" if others else "")
    return 0


def _take(session: Session, number: int) -> int:
    if not 1 <= number <= len(session.proposed):
        count = len(session.proposed)
        raise AssistantError(f"there is no line {number}: {count or 'none'} were proposed; `? WHAT YOU WANT` asks anew")
    _put(session, session.proposed[number - 1])
    return 0


def _put(session: Session, proposal: "Proposal") -> None:
    """Put a line into the next prompt; feedback is about it now. Raises AssistantError where guard.mode forbids it."""
    if session.asked is not None:
        session.subject = session.asked._replace(response=proposal.line)
    guard, verdict = session.settings.guard, proposal.verdict
    if guard.enabled and guard.mode == "strict" and verdict.decision != "allow":
        reasons = "; ".join(verdict.reasons)
        raise AssistantError(f"{proposal.line!r} is not put into the prompt, for guard.mode is strict: {reasons}")
    typed.put(session.xsh, proposal.line)


def _reads(session: Session, line: str) -> bool:
    """Say whether xonsh's own parser takes `line`; nothing in it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return session.xsh.execer.parse(f"{line}\n", ctx=None) is not None
    except SyntaxError:
        return False


def _names(session: Session) -> str:
    return "\n".join(session.xsh.aliases)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - a text is wanted
    except OSError:  # it is gone
        return None
