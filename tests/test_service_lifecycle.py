"""Starting, finding, replacing and stopping the service: real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from service_process import HELLO, command, gone, places_in, start, status

from assistant_core import __version__
from assistant_core.errors import ServiceError
from assistant_core.service import endpoint, lifecycle
from assistant_core.service.client import MismatchError, UnreachableError
from assistant_core.settings import Paths, private_directory


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Paths]:
    places = places_in(tmp_path)
    yield places
    if places.runtime.is_dir() and not places.runtime.is_symlink():
        places.runtime.chmod(0o700)
        lifecycle.stop(places)


def test_ten_at_once_start_one(places: Paths) -> None:
    with ThreadPoolExecutor(10) as pool:
        clients = list(pool.map(lambda _: start(places), range(10)))
    assert {status(client).pid for client in clients} == {lifecycle.running(places)}
    assert status(clients[0]).clients == 10
    for client in clients:
        client.close()


def test_ten_that_start_it_at_once_start_one(places: Paths) -> None:
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: lifecycle.start(places, command=command()), range(10)))
    pid = lifecycle.running(places)
    lifecycle.start(places, command=(sys.executable, "-c", "raise SystemExit('one runs')"))
    with closing(lifecycle.connect(places, HELLO, start=False)) as client:
        assert status(client).pid == pid


def test_it_is_started_before_what_talks_to_it_is_imported() -> None:
    code = "import sys, assistant_core.service.lifecycle; print([each for each in sys.modules if each == 'msgspec'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_nothing_is_started_unasked(places: Paths) -> None:
    with pytest.raises(UnreachableError, match="no service listens"):
        lifecycle.connect(places, HELLO, start=False)
    assert lifecycle.running(places) is None
    assert not lifecycle.stop(places)


def test_files_are_the_users_alone(places: Paths) -> None:
    start(places).close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (places.runtime, *places.runtime.iterdir())}
    assert modes == {"xontrib-assistant": 0o700, "service.sock": 0o600, "service.pid": 0o600, "start.lock": 0o600}


def test_one_that_was_killed_is_replaced(places: Paths) -> None:
    client = start(places)
    dead = status(client).pid
    os.kill(dead, signal.SIGKILL)
    gone(places)
    with pytest.raises(ServiceError):
        status(client)
    assert places.socket.exists()
    client = start(places)
    assert status(client).pid not in (dead, None)
    client.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(places: Paths, end: signal.Signals) -> None:
    client = start(places)
    os.kill(status(client).pid, end)
    gone(places)
    client.close()


def test_it_ends_when_nobody_uses_it(places: Paths) -> None:
    client = start(places, idle_s=0.3)
    for _ in range(20):
        assert status(client).clients == 1
        threading.Event().wait(0.03)
    client.close()
    gone(places)


@pytest.mark.parametrize("change", ["socket", "folder", "stolen"])
def test_it_ends_when_it_cannot_be_reached_any_more(places: Paths, tmp_path: Path, change: str) -> None:
    client = start(places)
    pid = status(client).pid
    if change == "socket":
        places.socket.unlink()
    elif change == "folder":
        places.runtime.rename(tmp_path / "elsewhere")
    else:
        endpoint.listen(places.socket).close()
    while _alive(pid):
        threading.Event().wait(0.02)
    client.close()
    client = start(places)
    assert status(client).pid != pid
    client.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        if sys.platform == "linux"
        else True
    )


def test_a_thief_who_never_answers_is_an_error_and_a_stop_clears_the_way(places: Paths) -> None:
    private_directory(places.runtime)
    with endpoint.listen(places.socket):
        with pytest.raises(ServiceError, match="`assistant service restart`"):
            lifecycle.connect(places, HELLO, command=command(), timeout_s=0.1)
        assert not lifecycle.stop(places)
    client = start(places)
    assert status(client).pid == lifecycle.running(places)
    client.close()


def test_one_that_hangs_is_an_error_and_can_be_stopped(places: Paths) -> None:
    client = start(places)
    os.kill(status(client).pid, signal.SIGSTOP)
    with pytest.raises(ServiceError, match="no answer to 'initialize'"):
        lifecycle.connect(places, HELLO, command=command(), timeout_s=0.1)
    assert lifecycle.stop(places)
    assert lifecycle.running(places) is None
    client.close()


@pytest.mark.parametrize("older", [{"version": "0.0.9"}, {"protocol": 0}])
def test_an_older_one_is_replaced(places: Paths, older: dict[str, object]) -> None:
    lifecycle.connect(places, HELLO, command=command(), timeout_s=30).close()
    lifecycle.stop(places)
    _start_other(places, **older)
    old = lifecycle.running(places)
    with pytest.raises(ServiceError, match="assistant service restart"):
        lifecycle.connect(places, HELLO, start=False)
    client = start(places)
    assert (client.server.version, client.server.pid) == (__version__, lifecycle.running(places))
    assert client.server.pid != old
    client.close()


def test_a_newer_one_is_used_where_the_protocol_is_ours(places: Paths) -> None:
    _start_other(places, version="99.0")
    client = start(places)
    assert client.server.version == "99.0"
    client.close()
    lifecycle.stop(places)
    _start_other(places, version="99.0", protocol=99)
    newer = lifecycle.running(places)
    with pytest.raises(MismatchError, match="open a new shell"):
        start(places)
    assert lifecycle.running(places) == newer


def _start_other(places: Paths, **options: object) -> None:
    """Start a service of another release."""
    private_directory(places.runtime)
    lifecycle._spawn(places, command(**options), time.monotonic() + 30)  # noqa: SLF001 - `connect` would refuse it


@pytest.mark.parametrize(
    ("script", "reason"),
    [("import sys; sys.exit('no such thing')", "no such thing"), ("import sys; sys.exit(3)", "exit code 3")],
)
def test_the_reason_why_it_does_not_start_is_told(places: Paths, script: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=f"did not start: {reason}; .*service.log may say why"):
        lifecycle.connect(places, HELLO, command=(sys.executable, "-c", script))


def test_one_that_does_not_come_up_is_an_error_in_time(places: Paths) -> None:
    with pytest.raises(ServiceError, match="did not start in time"):
        lifecycle.connect(
            places,
            HELLO,
            command=(sys.executable, "-c", "input()" and "while 1: __import__('time').sleep(1)"),
            timeout_s=0.2,
        )


def test_a_second_service_refuses_to_run(places: Paths) -> None:
    client = start(places)
    with pytest.raises(ServiceError, match=f"runs already \\(pid {status(client).pid}\\)"):
        lifecycle.claim(places)
    client.close()


def test_a_folder_that_is_not_safe_is_refused(places: Paths, tmp_path: Path) -> None:
    private_directory(places.runtime).chmod(0o755)
    with pytest.raises(ServiceError, match="chmod 700"):
        lifecycle.connect(places, HELLO, command=command())
    places.runtime.rmdir()
    places.runtime.symlink_to(private_directory(tmp_path / "real"))
    with pytest.raises(ServiceError, match="symbolic link"):
        lifecycle.connect(places, HELLO, command=command())
    places.runtime.unlink()
    places.runtime.touch()
    with pytest.raises(ServiceError, match=r"a file, not a folder|cannot be used"):
        lifecycle.connect(places, HELLO, command=command())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_refused(places: Paths) -> None:
    os.chown(private_directory(places.runtime), 12345, -1)
    with pytest.raises(ServiceError, match="user 12345's, not yours"):
        lifecycle.connect(places, HELLO, command=command())
    os.chown(places.runtime, os.getuid(), -1)


def test_a_path_too_long_for_a_socket_is_shortened(tmp_path: Path) -> None:
    places = places_in(tmp_path / ("long" * 30))
    client = start(places)
    assert status(client).pid == lifecycle.running(places)
    assert endpoint.address(places.socket).is_socket()
    assert len(os.fsencode(endpoint.address(places.socket))) < 60
    client.close()
    assert lifecycle.stop(places)
    assert not endpoint.address(places.socket).exists()


def test_the_peer_is_this_user() -> None:
    near, far = socket.socketpair()
    endpoint.check_peer(near, Path("here"))
    near.close()
    far.close()


def test_the_service_finds_the_folders_that_the_shell_uses(tmp_path: Path) -> None:
    from assistant_core.settings import paths  # noqa: PLC0415 - a fixture of that name

    shell = {
        "HOME": "/home/u",
        "PATH": "/bin",
        "SECRET_TOKEN": "hunter2",
        "XDG_DATA_HOME": "/wrong",
        "LC_ALL": "C",
        "XONTRIB_ASSISTANT_X": "1",
    }
    places = places_in(tmp_path)
    given = lifecycle.environment(shell, places)
    assert paths(given) == places
    assert "SECRET_TOKEN" not in given
    assert {"LC_ALL", "PATH", "XONTRIB_ASSISTANT_X"} <= set(given)
    elsewhere = places._replace(runtime=Path(f"/tmp/xontrib-assistant-{os.getuid()}"))  # noqa: S108 - never opened
    assert paths(lifecycle.environment({"XDG_RUNTIME_DIR": "/run/user/1", **shell}, elsewhere)) == elsewhere
