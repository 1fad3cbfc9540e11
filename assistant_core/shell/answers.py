"""What the meta-commands do.

In: the session and the rest of the line, literally. Out: text for the user and an exit code; records in the store.
"""

import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from assistant_core.errors import AssistantError
from assistant_core.shell.program import PROGRAM
from assistant_core.shell.remote import colored, from_program, from_service
from assistant_core.shell.session import Session, Subject

if TYPE_CHECKING:
    from assistant_core.records import Rating

PRIVATE = "XONTRIB_ASSISTANT_RECORD_PRIVATE"
INTERRUPTS = 4  # Ctrl-C that what runs for us is given to end by: one more than `train now` gives a run
RATINGS: dict[str, "Rating"] = {"helpful": "helpful", "unhelpful": "unhelpful"}
TRAIN = (  # what :train can do, and the words that follow
    "add",
    "now --foreground",
    "status",
    "stop",
    "review drop",
    "review edit",
    "schedule on",
    "schedule off",
    "schedule status",
    "history --kind",
    "deploy --kind",
    "rollback --kind",
)


def explain(session: Session, line: str) -> int:
    """Explain `line`; nothing in it is run."""
    if not line:
        raise AssistantError("there is no line to explain; example: ?explain tar -xzf a.tgz")
    from assistant_core import render  # noqa: PLC0415 - not before the first prompt
    from assistant_core.records import Explanation  # noqa: PLC0415 - as above
    from assistant_core.service.wire import Line  # noqa: PLC0415 - as above

    asked = ["explain", "--json", "--", line]
    answer = from_service(session, "explain", Line(line=line), Explanation) or from_program(session, asked, Explanation)
    width = shutil.get_terminal_size().columns
    sys.stdout.write(render.explanation(answer, width, colored()).rstrip("\n") + "\n")
    session.subject = Subject("explanation", line, render.explanation(answer, width, color=False))
    return 0


def feedback(session: Session, text: str) -> int:
    """Write down the user's word on the last suggestion taken or answer shown."""
    from assistant_core.records import Feedback  # noqa: PLC0415 - not before the first prompt

    word, _, note = text.partition(" ")
    if (rating := RATINGS.get(word)) is None:
        raise AssistantError(f"{word!r} is no rating; expected: :feedback helpful|unhelpful [note]")
    _must_remember(session)
    last = session.subject
    subject = last.subject if last else ""
    record = Feedback(
        at_ns=time.time_ns(),
        session=session.id,
        rating=rating,
        note=_clean(note.strip()),
        about=last.about if last else "nothing",
        subject=_clean(subject),
        response=_clean(last.response if last else ""),
    )
    stored = session.journal.add(record)
    session.link.notify("feedback", record)
    what = f"the {last.about} for {subject!r}" if last else "nothing: no suggestion was taken and no answer shown here"
    sys.stdout.write(f"{'noted' if stored else 'noted in memory, and written later'}: {rating}, about {what}\n")
    return 0


def train(session: Session, text: str) -> int:
    """Store an example here; have the program do all else, with this terminal."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise AssistantError(f'{error}; expected: :train add "line" "meaning"') from error
    match words:
        case ["add", line, meaning] if line.strip() and meaning.strip():
            return _add_example(session, line, meaning)
        case ["add", *_]:
            raise AssistantError('expected: :train add "line" "meaning", both in quotes')
        case [word, *_] if word not in {phrase.split()[0] for phrase in TRAIN}:
            known = ", ".join(dict.fromkeys(phrase.split()[0] for phrase in TRAIN))
            raise AssistantError(f"{word!r} is nothing that :train can do; there are {known}")
    asked = [*PROGRAM, "train", *(words or ["status"])]
    with subprocess.Popen(asked, env=session.xsh.env.detype()) as process:
        for _ in range(INTERRUPTS):
            with suppress(KeyboardInterrupt):  # the program gets it as well, and has to tell what came of it
                return process.wait()
        process.kill()
    return process.returncode


def private(session: Session, state: str) -> int:
    """Turn private mode on or off in this shell, or say whether it is on."""
    if state not in ("on", "off", "status"):
        raise AssistantError(f"{state!r} is no state; expected: :private on|off|status")
    if state != "status":
        session.xsh.env[PRIVATE] = state == "on"
        session.refresh()
    now = session.settings.record.private
    sys.stdout.write(f"private mode is {'on: nothing is remembered' if now else 'off'} in this shell\n")
    return 0


def _add_example(session: Session, line: str, meaning: str) -> int:
    from assistant_core.records import Example  # noqa: PLC0415 - not before the first prompt

    _must_remember(session)
    example = Example(at_ns=time.time_ns(), line=_clean(line), meaning=_clean(meaning))
    stored = session.journal.add(example)
    sys.stdout.write(f"{'learned' if stored else 'kept in memory, and written later'}: {example.line}\n")
    return 0


def _must_remember(session: Session) -> None:
    session.refresh()
    if session.settings.record.private:
        raise AssistantError("private mode is on and nothing is remembered; `assistant private off` ends it")


def _clean(text: str) -> str:
    from assistant_core.redact import redact  # noqa: PLC0415 - not before the first prompt
    from assistant_core.shell.recorder import storable  # noqa: PLC0415 - it imports meta, which imports this

    return redact(storable(text)).text
