"""The program and a real service: started and stopped on demand, told what changes, never started by a look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from program import record, run

from assistant_core import __version__
from assistant_core.cli import service
from assistant_core.records import Command
from assistant_core.service import lifecycle
from assistant_core.settings import Paths

Environ = dict[str, str]


@pytest.fixture
def started(environ: Environ, paths: Paths) -> Iterator[dict[str, Any]]:
    """Start a service that knows three commands and return what it says of itself."""
    record(paths.history, [Command(line=line, session="s") for line in ("ls", "ls", "git status")])
    try:
        assert run(environ, "service", "start").code == 0
        yield loaded(environ)
    finally:
        lifecycle.stop(paths)


def loaded(environ: Environ) -> dict[str, Any]:
    """Return the state of the service once it has read the history."""
    while True:
        found: dict[str, Any] = run(environ, "service", "status", "--json").json
        if not found["loading"]:
            return found
        time.sleep(0.01)


def test_start_status_stop(environ: Environ, paths: Paths, started: dict[str, Any]) -> None:
    pid = lifecycle.running(paths)
    assert (started["running"], started["pid"], started["version"]) == (True, pid, __version__)
    assert (started["commands"], started["unique"]) == (3, 2)
    assert run(environ, "status", "--json").json["service"]["pid"] == pid
    assert f"service: running, process {pid}, version {__version__}" in run(environ, "status").out
    assert run(environ, "service", "start", "--json").json == {"pid": pid, "started": False}
    assert run(environ, "service", "stop") == (0, "stopped\n", "")
    assert lifecycle.running(paths) is None
    assert run(environ, "service", "stop") == (1, "not running\n", "")
    assert run(environ, "service", "status").code == 1


def test_restart(environ: Environ, paths: Paths, started: dict[str, Any]) -> None:
    again = run(environ, "service", "restart", "--json").json
    assert again == {"pid": lifecycle.running(paths), "started": True}
    assert again["pid"] != started["pid"]


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("argv", "known"),
    [
        (["data", "delete", "--line", "ls"], 1),
        (["data", "delete", "1", "2"], 1),
        (["data", "delete", "1"], 2),
        (["data", "purge", "--yes"], 0),
        (["import", "bash", "HISTORY"], 3),
        (["config", "set", "record.retention_rows", "1"], 1),
    ],
)
def test_the_service_is_told(argv: list[str], known: int, environ: Environ, tmp_path: Path) -> None:
    (tmp_path / "history").write_text("make\n")
    told = run(environ, *(word.replace("HISTORY", str(tmp_path / "history")) for word in argv), "--json")
    assert (told.code, told.json["service"]) == (0, None)
    assert loaded(environ)["unique"] == known


@pytest.mark.parametrize(
    "argv", [["status"], ["doctor"], ["service", "status"], ["data", "delete", "1"], ["private", "on"]]
)
def test_none_is_started_by_the_way(argv: list[str], environ: Environ, paths: Paths) -> None:
    record(paths.history, [Command(line="ls", session="s")])
    run(environ, *argv)
    assert lifecycle.running(paths) is None
    assert not paths.socket.exists()


def test_a_service_that_is_no_more_reachable_is_a_warning(
    environ: Environ, paths: Paths, started: dict[str, Any]
) -> None:
    paths.socket.unlink()
    deleted = run(environ, "data", "delete", "1")
    assert deleted.code == 0
    assert deleted.out.startswith("1 deleted\nthe service could not be told: ")
    assert run(environ, "status").code == 1
    findings = {item["name"]: item for item in run(environ, "doctor", "--json").json["findings"]}
    assert findings["service"]["state"] == "fail"
    assert str(started["pid"]) in findings["service"]["found"]
    assert findings["service"]["remedy"] == "assistant service restart"
    assert run(environ, "service", "restart").code == 0
    assert loaded(environ)["commands"] == 2


def test_logs(environ: Environ, paths: Paths) -> None:
    file = lifecycle.log_file(paths)
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"line {number}\n" for number in range(100)) + "\x1b[31mred\n")
    assert run(environ, "service", "logs", "-n", "2").out == "line 99\n\\x1b[31mred\n"
    assert len(run(environ, "service", "logs", "--json").json["lines"]) == 50
    assert run(environ, "service", "logs", "--follow", "--json").code == 2


@pytest.mark.usefixtures("started")
def test_the_service_writes_the_log_that_is_shown(environ: Environ) -> None:
    run(environ, "service", "stop")
    assert "the service ends" in run(environ, "service", "logs").out


def test_a_followed_log_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "service.log"
    file.write_text("old\n")
    log = file.open()
    assert log.read() == "old\n"
    added = service.added(log, file)

    def write(text: str) -> str:
        with file.open("a") as log:
            log.write(text)
        return next(added)

    with closing(added):
        assert write("one\n") == "one"
        file.rename(tmp_path / "service.log.1")
        assert write("two\n") == "two"
        assert write("three\n") == "three"
