"""The shell's connection: made in the background, given up fast, tried again; and the shell with a real service."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import service_process
from terminal import CTRL_C, CTRL_U, ENTER, Home

from assistant_core import settings
from assistant_core.records import Command, Query
from assistant_core.service import lifecycle
from assistant_core.settings import Paths
from assistant_core.shell import link as link_module
from assistant_core.shell.link import Link
from assistant_core.shell.log import Log
from assistant_core.shell.worker import Worker
from assistant_core.store import Store


class Environment(dict[str, str]):
    def detype(self) -> dict[str, str]:
        return dict(self)


class Shell:
    """As much of a session as the link needs; it never starts a service."""

    def __init__(self, places: Paths, environ: dict[str, str]) -> None:
        self.paths = places
        self.xsh = SimpleNamespace(aliases={"ll": []}, env=Environment(environ))
        self.settings = settings.Settings(service=settings.Service(enabled=False))
        self.log = Log(places.state / "shell.log")
        self.worker = Worker(self.log)
        self.submit = self.worker.submit


@pytest.fixture
def link(paths: Paths, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    monkeypatch.setattr(link_module, "RETRY_S", (0.01, 0.02))
    shell: Any = Shell(paths, environ)
    link = Link(shell)
    yield link
    link.close()
    shell.worker.stop()


def eventually(met: Callable[[], object]) -> bool:
    return any(met() or threading.Event().wait(0.01) for _ in range(2000))


def test_no_connection_before_the_start(link: Link, paths: Paths) -> None:
    service = service_process.start(paths)
    assert link.client() is None
    link.start()
    assert eventually(link.client)
    service.close()
    lifecycle.stop(paths)


def test_a_connection_waits_for_no_other_work(paths: Paths, environ: dict[str, str]) -> None:
    service = service_process.start(paths)
    shell: Any = Shell(paths, environ)
    done = threading.Event()
    shell.submit(done.wait)
    link = Link(shell)
    link.start()
    assert link.wait(20)
    done.set()
    link.close()
    shell.worker.stop()
    service.close()
    lifecycle.stop(paths)


def test_a_service_that_comes_later_is_found(link: Link, paths: Paths) -> None:
    link.start()
    assert link.wait(20) is None
    service = service_process.start(paths)
    assert eventually(link.client)
    service.close()
    lifecycle.stop(paths)


def test_a_lost_connection_is_made_anew(link: Link, paths: Paths) -> None:
    service = service_process.start(paths)
    link.start()
    first = link.wait(20)
    assert first is not None
    link.lost()
    assert eventually(lambda: link.client() not in (None, first))
    link.notify("record", Command(line="brand new", session="s"))
    client = link.wait(20)
    assert client is not None
    assert eventually(lambda: client.suggest(Query(text="brand"), 1))
    service.close()
    lifecycle.stop(paths)


def test_a_service_that_misses_deadlines_rests_and_is_still_told(link: Link, paths: Paths) -> None:
    service = service_process.start(paths)
    link.start()
    client = link.wait(20)
    assert client is not None
    for _ in range(link_module.MISSES - 1):
        link.missed()
    link.answered()
    link.missed()
    assert link.client() is client
    for _ in range(link_module.MISSES - 1):
        link.missed()
    assert link.client() is None
    link.notify("record", Command(line="while resting", session="s"))
    assert eventually(lambda: client.suggest(Query(text="while"), 1))
    service.close()
    lifecycle.stop(paths)


def test_a_closed_link_stays_closed(link: Link) -> None:
    link.start()
    link.wait(20)
    link.close()
    assert link.wait(20) is None


def test_shells_learn_from_each_other(tmp_path: Path) -> None:
    home = Home(tmp_path, XONTRIB_ASSISTANT_SERVICE_ENABLED="1", XONTRIB_ASSISTANT_SUGGEST_THRESHOLD="0")
    try:
        with home.open() as one, home.open() as two:
            one.run("assistant service status")  # both are connected once it answers
            two.run("assistant service status")
            one.run("echo from the first shell")
            two.press_until(f"{CTRL_U}echo fr", lambda: two.screen().endswith("echo from the first shell"))
            before = two.prompts()
            two.send(f"\x1b[C{ENTER}")  # Right takes it
            two.wait(lambda: two.prompts() > before, "the next prompt")
            two.run(":feedback helpful")
            assert "the suggestion for 'echo from the first shell'" in two.screen()
            two.leave()
    finally:
        lifecycle.stop(settings.paths(home.environ))
    with closing(Store(settings.paths(home.environ).history)) as store:
        suggestion = store.suggestions()[-1]
        assert (suggestion.line, suggestion.accepted, suggestion.ran) == ("echo from the first shell", "line", True)
        assert [feedback.about for feedback in store.feedback()] == ["suggestion"]


def test_a_service_that_never_answers_leaves_the_prompt_usable(tmp_path: Path) -> None:
    home = Home(tmp_path)  # starts none in its place
    places = settings.paths(home.environ)
    places.runtime.mkdir(mode=0o700)
    with closing(socket.socket(socket.AF_UNIX)) as deaf, home.open() as terminal:
        deaf.bind(str(places.socket))
        places.socket.chmod(0o600)
        deaf.listen()
        for number in range(3):
            terminal.run(f"echo {number}")
        before = terminal.prompts()
        terminal.send(f"?explain ls{ENTER}")
        terminal.press_until(CTRL_C, lambda: terminal.prompts() > before)
        terminal.leave()
    with closing(Store(places.history)) as store:
        assert [stored.command.line for stored in store.commands()] == ["echo 0", "echo 1", "echo 2"]
