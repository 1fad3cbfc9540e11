"""Questions that the service answers; where it cannot be reached, a process of its own does.

In: a method of the service and the program's arguments for the same. Out: a record. Without a service, what is slow to
read must not stay in the shell's memory, so nothing of it is done here.
"""

import os
import subprocess
import sys
from typing import TYPE_CHECKING, TypeVar

from assistant_core.errors import AssistantError, ServiceError
from assistant_core.shell.program import PROGRAM
from assistant_core.shell.session import Session

if TYPE_CHECKING:
    from msgspec import Struct

T = TypeVar("T", bound="Struct")

CONNECT_S = 3.0  # longest wait for a service that is being started
ANSWER_S = 15.0  # longest wait for an answer


def from_service(session: Session, method: str, params: "Struct", kind: type[T]) -> T | None:
    """Return the service's answer; None if there is none. Ctrl-C ends the wait, and the work."""
    from assistant_core.service.client import RemoteError  # noqa: PLC0415 - not before the first prompt

    client = session.link.wait(CONNECT_S)
    if client is None:
        return None
    try:
        return client.call(method, params, kind, timeout_s=ANSWER_S)
    except RemoteError as error:
        session.log.failure(error)
    except ServiceError as error:
        session.log.failure(error)
        session.link.lost()
    return None


def from_program(session: Session, arguments: list[str], kind: type[T], typed: str = "") -> T:
    """Return what the program answers to `arguments` as JSON; it reads `typed`. Raises AssistantError."""
    import msgspec  # noqa: PLC0415 - not before the first prompt

    name = f"`assistant {arguments[0]}`"
    try:
        asked = subprocess.run(
            [*PROGRAM, *arguments],
            capture_output=True,
            timeout=ANSWER_S,
            env=session.xsh.env.detype(),
            input=typed.encode(),
            check=False,
        )
        return msgspec.json.decode(asked.stdout, type=kind)
    except subprocess.TimeoutExpired as error:
        raise AssistantError(f"no answer within {ANSWER_S:g} s; {name} has no such limit") from error
    except (OSError, ValueError) as error:
        raise AssistantError(f"neither the service nor {name} could answer; `assistant doctor` says why") from error


def colored() -> bool:
    """Say whether an answer may have colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
