"""Find the service, start it, stop it, replace an older one. Paths in, a client out.

Beside the socket lie `service.pid`, which the service keeps locked while it lives, and `start.lock`, which is held
while one is being started: however many shells open at once, one service starts.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assistant_core import __version__, locks
from assistant_core.errors import ServiceError
from assistant_core.service import endpoint
from assistant_core.settings import APPLICATION, PREFIX, Paths, private_directory

if TYPE_CHECKING:
    from assistant_core.service.client import Client
    from assistant_core.service.wire import InitializeParams

COMMAND: Final = (sys.executable, "-P", "-m", "assistant_core.service", "--detach")
KEPT: Final = re.compile(  # what the service and `man` need of the shell's environment
    r"HOME|PATH|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|MAN\w+|PYTHON(PATH|HOME)|(DY)?LD_LIBRARY_PATH|XDG_\w+|"
    rf"{PREFIX}\w+"
)
STEP_S: Final = 0.01  # between two looks at a lock
STOP_S: Final = (1.0, 2.0, 2.0)  # for the answer to `shutdown`, to SIGTERM and to SIGKILL


class _OutdatedError(ServiceError):
    """The service that runs is older than this program."""


def connect(
    paths: Paths,
    hello: InitializeParams,
    *,
    start: bool = True,
    timeout_s: float = 5.0,
    command: Sequence[str] = COMMAND,
) -> Client:
    """Return a client of the service, which is started if there is none and replaced if it is older than this program.

    A newer service that speaks our protocol is used as it is, so two installations never take turns in replacing
    each other's. `command` starts a service and returns once its socket listens. Raises ServiceError with the reason
    and the next step within `timeout_s` seconds.
    """
    from assistant_core.service.client import Client, UnreachableError  # noqa: PLC0415 - not for `start`

    deadline = time.monotonic() + timeout_s
    try:
        return _join(paths, hello, deadline)
    except (UnreachableError, _OutdatedError):
        if not start:
            raise
    with _start_lock(paths, deadline):
        try:
            return _join(paths, hello, deadline)  # another shell may have started it meanwhile
        except UnreachableError:
            pass
        except _OutdatedError:
            _stop(paths)
        _spawn(paths, command, deadline)
        return Client(paths.socket, hello, timeout_s=_left(deadline))


def start(paths: Paths, *, timeout_s: float = 5.0, command: Sequence[str] = COMMAND) -> None:
    """Start a service unless one runs. Raises ServiceError.

    `connect` does it as well, but whoever can call that has imported what talks to a service, which takes long.
    """
    deadline = time.monotonic() + timeout_s
    if running(paths) is None:
        with _start_lock(paths, deadline):
            if running(paths) is None:
                _spawn(paths, command, deadline)


def _join(paths: Paths, hello: InitializeParams, deadline: float) -> Client:
    from assistant_core.service.client import Client, MismatchError  # noqa: PLC0415 - not for `start`
    from assistant_core.service.wire import PROTOCOL  # noqa: PLC0415 - not for `start`

    ours = (PROTOCOL, _numbers(__version__))
    try:
        client = Client(paths.socket, hello, timeout_s=_left(deadline))
    except MismatchError as error:
        if (error.server.protocol, _numbers(error.server.version)) < ours:
            raise _OutdatedError(str(error)) from error
        raise
    if _numbers(client.server.version) < ours[1]:
        client.close()
        raise _OutdatedError(
            f"the service is version {client.server.version}, this program {__version__}; `assistant service restart`"
        )
    return client


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), STEP_S)


# --- starting ------------------------------------------------------------------------------------------------


@contextmanager
def _start_lock(paths: Paths, deadline: float) -> Iterator[None]:
    file = _open_lock(paths, "start.lock")
    try:
        while not locks.lock(file):
            if time.monotonic() > deadline:
                raise ServiceError(f"another shell has been starting the service for long; {_log_of(paths)}")
            time.sleep(STEP_S)
        yield
    finally:
        os.close(file)


def _open_lock(paths: Paths, name: str) -> int:
    try:
        endpoint.check_folder(private_directory(paths.runtime))
        return os.open(paths.runtime / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ServiceError(
            f"{paths.runtime}: cannot be used: {error}; set $XDG_RUNTIME_DIR to a folder of yours"
        ) from error


def _spawn(paths: Paths, command: Sequence[str], deadline: float) -> None:
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        env=environment(os.environ, paths),
        start_new_session=True,  # Ctrl-C and the end of the terminal are not for the service
    ) as process:
        try:
            said = process.communicate(timeout=_left(deadline))[1].decode(errors="replace").strip()
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise ServiceError(f"the service did not start in time; {_log_of(paths)}") from error
    if process.returncode:
        last = said.splitlines()[-1] if said else f"exit code {process.returncode}"
        raise ServiceError(f"the service did not start: {last}; {_log_of(paths)}")


def environment(environ: Mapping[str, str], paths: Paths) -> dict[str, str]:
    """Return what the service needs of `environ`, such that it finds the same `paths` as this program."""
    kept = {name: value for name, value in environ.items() if KEPT.fullmatch(name) and name != "XDG_RUNTIME_DIR"}
    for name, folder in (
        ("DATA", paths.data),
        ("CONFIG", paths.config),
        ("STATE", paths.state),
        ("CACHE", paths.cache),
    ):
        kept[f"XDG_{name}_HOME"] = str(folder.parent)
    if paths.runtime.name == APPLICATION:
        kept["XDG_RUNTIME_DIR"] = str(paths.runtime.parent)
    return kept


def _log_of(paths: Paths) -> str:
    return f"{log_file(paths)} may say why"


def log_file(paths: Paths) -> Path:
    """Return the file that the service logs to."""
    return paths.state / "service.log"


# --- stopping ------------------------------------------------------------------------------------------------


def running(paths: Paths) -> int | None:
    """Return the pid of the service that runs, or None."""
    return locks.holder(paths.runtime / "service.pid")


def stop(paths: Paths) -> bool:
    """End the service, by asking, then by SIGTERM, then by SIGKILL; return whether one ran.

    A socket that no service of ours listens at is removed. Raises ServiceError when the service survives.
    """
    with _start_lock(paths, time.monotonic() + sum(STOP_S)):
        return _stop(paths)


def _stop(paths: Paths) -> bool:
    pid = running(paths)
    for end, seconds in zip((_ask_to_end, _terminate, _kill), STOP_S, strict=True):
        if (alive := running(paths)) is None:
            break
        if end(paths, alive):
            _wait_for_end(paths, seconds)
    if (alive := running(paths)) is not None:
        raise ServiceError(f"the service (pid {alive}) does not end, not even by SIGKILL; `ps {alive}` may say why")
    endpoint.address(paths.socket).unlink(missing_ok=True)
    return pid is not None


def _ask_to_end(paths: Paths, _pid: int) -> bool:
    from assistant_core.service.client import Client, hello  # noqa: PLC0415 - not for `start`
    from assistant_core.service.wire import Empty  # noqa: PLC0415 - not for `start`

    try:
        with closing(Client(paths.socket, hello("lifecycle", os.environ), timeout_s=STOP_S[0])) as client:
            client.call("shutdown", None, Empty, timeout_s=STOP_S[0])
    except ServiceError:
        return False
    return True


def _terminate(_paths: Paths, pid: int) -> bool:
    return _signal(pid, signal.SIGTERM)


def _kill(_paths: Paths, pid: int) -> bool:
    return _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return True


def _wait_for_end(paths: Paths, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while running(paths) is not None and time.monotonic() < deadline:
        time.sleep(STEP_S)


# --- the service's own side ------------------------------------------------------------------------------------


def claim(paths: Paths) -> int:
    """Become the only service: return the locked pid file, to be kept open. Raises ServiceError when one runs."""
    file = _open_lock(paths, "service.pid")
    deadline = time.monotonic() + 1.0
    while not locks.lock(file):  # a shell that looks whether one runs holds the lock for a moment
        if time.monotonic() > deadline:
            pid = os.read(file, 32).decode().strip()
            os.close(file)
            raise ServiceError(f"a service runs already (pid {pid}); `assistant service restart` replaces it")
        time.sleep(STEP_S)
    sign(file)
    return file


def sign(file: int) -> None:
    """Write this process's pid into the pid file."""
    os.pwrite(file, b"%10d\n" % os.getpid(), 0)


def detach(file: int) -> None:
    """Leave the process that was started, which ends with success, and go on in a child of it without a terminal."""
    if os.fork():
        os._exit(0)
    sign(file)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.close(nothing)
