"""The half that lives in xonsh: started when the shell is about to prompt, undone on unload.

In: xonsh's events. Out: recorded commands, ghost text, answers to meta-commands, and lines stopped in time.

session    what a shell holds, and how it is undone      link, worker, log   its parts
recorder   events → commands → journal → store           filters             what is not remembered
meta       `?explain`, `:feedback`, …: table, keys       answers, asking     what they do
gate       the line, then each command → stop            judgement           verdict → screen → answer
dialog     the question's keys                           screen, consequences  what it says, what it would hit
question   asking at the terminal                        terminal            who has it; Ctrl-C
remote     what the service or the program answers       typed               type-ahead, the next prompt
ghost      ghost text                                    menu                ranked lines in the menu
variables  settings as xonsh variables, prompt field     program             the `assistant` command
start      puts the parts together
"""

import gc
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant_core.shell.session import Session

_sessions: list["Session"] = []  # one at most


def load(xsh: Any) -> None:  # noqa: ANN401 - xonsh's session has no types
    """Start when the interactive loop begins, or at once if it has begun; a second call changes nothing."""
    if not _sessions:
        xsh.builtins.events.on_pre_cmdloop(_begin)


def unload() -> None:
    """Undo everything, and forget our modules so that a reload reads them anew."""
    from xonsh.built_ins import XSH  # noqa: PLC0415 - this module is imported before the shell needs it

    XSH.builtins.events.on_pre_cmdloop.discard(_begin)
    while _sessions:
        _sessions.pop().undo.close()
    for name in [name for name in sys.modules if name.startswith(__name__)]:
        del sys.modules[name]
    vars(sys.modules["assistant_core"]).pop("shell", None)


def _begin(**_: object) -> None:
    from xonsh.built_ins import XSH  # noqa: PLC0415 - as above

    if _sessions:
        return
    collecting = gc.isenabled()
    gc.disable()  # imports leave no garbage, but set off a full collection: 20 ms in a shell with prompt_toolkit
    try:
        from assistant_core.shell.session import Session  # noqa: PLC0415 - `xonsh -i -c` needs none of it
        from assistant_core.shell.start import install  # noqa: PLC0415 - as above

        _sessions.append(Session(XSH))
        _sessions[0].guarded(install)(_sessions[0])
    finally:
        if collecting:
            gc.enable()
