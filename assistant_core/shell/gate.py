"""The question before a dangerous line runs, and the stop.

In: a line about to run and the guard's verdict. Out: nothing, and the line runs; or KeyboardInterrupt, and xonsh
goes back to the prompt. A guard that fails lets the line pass and says so once; after a verdict against the line,
whatever goes wrong means no.
"""

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from assistant_core.shell import meta, question
from assistant_core.shell.session import Session

if TYPE_CHECKING:
    from assistant_core.records import Verdict

STOPPED = 130  # exit code of a line that was not run
_YES = {"warn": ({"y", "yes"}, "Run it? [y/N] "), "block": ({"yes"}, "Type yes to run it, Enter to leave it: ")}


class Gate:
    """Decides about the lines of one shell."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told = False

    def check(self, cmd: str) -> None:
        """Return if `cmd` may run; raise KeyboardInterrupt otherwise."""
        if not self._session.settings.guard.enabled or meta.is_call(cmd):
            return
        verdict = self._verdict(cmd)
        if verdict is None or verdict.decision == "allow":
            return
        if not self._confirmed(cmd, verdict):
            self._stop()

    def _verdict(self, cmd: str) -> "Verdict | None":
        try:
            from assistant_core import guard  # noqa: PLC0415 - not before the first prompt

            environ = self._session.xsh.env.detype()
            home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - a text is wanted
            cwd = getattr(self._session.xsh.shell.shell, "precwd", "") or home
            return guard.classify(cmd, guard.Context(environ, cwd, home))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not keep the user from working
            self._session.log.failure(error)
            if not self._told:
                self._told = True
                self._session.tell(
                    f"the guard could not judge a line and let it run; {self._session.log.file} says where"
                )
            return None

    def _confirmed(self, cmd: str, verdict: "Verdict") -> bool:
        words, prompt = _YES[verdict.decision]
        try:
            sys.stderr.write(screen(cmd, verdict))
            answer = question.ask(prompt, self._session.settings.guard.timeout_s, self._forget_typed)
        except Exception as error:  # noqa: BLE001 - a line that was found dangerous does not run by accident
            self._session.log.failure(error)
            answer = None
        return answer is not None and answer.lower() in words

    def _forget_typed(self) -> None:
        prompter = getattr(self._session.xsh.shell.shell, "prompter", None)
        if prompter is not None:
            from prompt_toolkit.input.typeahead import clear_typeahead  # noqa: PLC0415 - only where it is in use

            clear_typeahead(prompter.app.input)

    def _stop(self) -> NoReturn:
        sys.stderr.write("assistant: not run\n")
        self._session.xsh.env["LAST_RETURN_CODE"] = STOPPED
        stop_command()


def stop_command() -> NoReturn:
    """Keep xonsh from running the line that on_precommand was fired for."""
    raise KeyboardInterrupt


def screen(cmd: str, verdict: "Verdict") -> str:
    """Return the question's text: what, why, and what it comes down to here."""
    rows = [("line", cmd.strip()), *(("why", reason) for reason in verdict.reasons)]
    rows += [("target", target) for target in verdict.targets]
    rows += [("safer", verdict.safer)] if verdict.safer else []
    shown = "".join(f"  {name:7} {_visible(text)}\n" for name, text in rows)
    return f"assistant: this line would destroy something\n{shown}"


def _visible(text: str) -> str:
    """Return `text` on one line of bounded length, without anything that moves the cursor."""
    short = text if len(text) <= 300 else f"{text[:300]}…"  # noqa: PLR2004 - characters, a few rows of a terminal
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in short)
