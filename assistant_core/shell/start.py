"""Puts the parts together in a shell that is about to prompt.

In: a fresh session. Out: everything registered. Whatever needs another package, the disk or the service begins
when the first prompt is on the screen.
"""

import time
from collections.abc import Iterator
from typing import Any

from assistant_core.shell import meta, program, recorder, terminal, typed, variables
from assistant_core.shell.gate import Gate
from assistant_core.shell.session import Session

SETTLE_S = 0.05  # after the first paint
UNSEEN_S = 0.3  # where the first paint cannot be seen
PAUSE_S = 0.02  # between rule files, a millisecond of work each


def install(session: Session) -> None:
    """Register everything until the session is undone."""
    session.refresh()
    variables.install(session)
    meta.install(session)
    program.install(session)
    _follow_commands(session)
    shell = session.xsh.shell.shell
    if hasattr(shell, "prompter"):
        from assistant_core.shell import ghost, menu  # noqa: PLC0415 - they need prompt_toolkit, which readline shells lack

        ghost.install(session, shell.prompter, shell.key_bindings)
        menu.install(session)
        _after_first_paint(session, shell.prompter.app)
    else:
        _prepare(session, UNSEEN_S)
        session.on("on_post_prompt", lambda **_: _connect(session))


def _follow_commands(session: Session) -> None:
    records, gate = recorder.Recorder(session), Gate(session)
    check, record, log = session.guarded(gate.check), session.guarded(records.close), session.guarded(gate.close)
    typed_here = False

    def before(cmd: str, **_: object) -> None:
        nonlocal typed_here
        typed_here = True
        check(cmd)  # raises KeyboardInterrupt: what is stopped is never opened
        records.open(cmd)

    def after(**ended: Any) -> None:  # noqa: ANN401 - what on_postcommand tells
        with terminal.uninterrupted():
            record(**ended)
            log(**ended)

    def prompt(**_: object) -> None:
        if typed_here:  # with the terminal, so who has it now has got it from a line
            terminal.take_back()
        records.prompt()
        gate.forget()
        typed.show_waiting()
        session.refresh()
        session.show_messages()

    session.on("on_precommand", before)
    session.on("on_pre_spec_run", gate.check_call)
    session.on("on_postcommand", after)
    session.on("on_exit", records.exit)
    session.on("on_exit", gate.close)
    session.on("on_pre_prompt", prompt)


def _after_first_paint(session: Session, app: Any) -> None:  # noqa: ANN401 - prompt_toolkit's Application
    def painted(_: object) -> None:
        app.after_render -= first
        _prepare(session, SETTLE_S)
        _connect(session)

    first = session.guarded(painted)
    app.after_render += first
    session.undo.callback(app.after_render.remove_handler, first)


def _prepare(session: Session, delay_s: float) -> None:
    """Load in the background what commands need."""

    def prepare() -> None:
        time.sleep(delay_s)
        from assistant_core import redact  # noqa: F401, PLC0415 - now rather than at the first command
        from assistant_core.guard import policy, rules  # noqa: F401, PLC0415 - as above

        if session.settings.record.enabled:
            session.journal.prepare()
        if session.settings.guard.enabled and session.settings.guard.mode != "off":
            _warm(session, rules.warm())

    session.submit(prepare)


def _warm(session: Session, loaded: Iterator[object]) -> None:
    """Load the guard's rules, one file at a time, between the background's other jobs."""
    if next(loaded, None):
        time.sleep(PAUSE_S)
        session.submit(lambda: _warm(session, loaded))


def _connect(session: Session) -> None:
    session.link.start()
    program.install_completer(session)
