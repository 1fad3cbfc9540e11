"""The service as it is shipped: the real store, completers and manuals, in a real process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import known_requests
import pytest
from service_process import HELLO, status

from assistant_core.engine import prepared
from assistant_core.engine.kept import VERDICTS
from assistant_core.records import Candidate, Command, Explanation, Query, Verdict
from assistant_core.service import lifecycle, wire
from assistant_core.service.client import Client, RemoteError
from assistant_core.settings import Paths, paths, private_directory
from assistant_core.store import Store

DAY_NS = 86_400 * 10**9
CANARY = "frobnicate --token sk-canary-1234"


@pytest.fixture
def places(environ: dict[str, str]) -> Iterator[Paths]:
    places = paths(environ)
    yield places
    lifecycle.stop(places)


def remember(places: Paths, *lines: str, age_days: int = 0) -> None:
    store, then = Store(places.history), time.time_ns() - age_days * DAY_NS
    for number, line in enumerate(lines):
        store.append(Command(line=line, session="s", started_ns=then + number, exit_code=0))
    store.close()


@pytest.fixture
def start(places: Paths) -> Iterator[Callable[[], Client]]:
    """What connects to the service, starts it if need be, and waits until the history is read."""

    def connect() -> Client:
        client = opened.enter_context(closing(lifecycle.connect(places, HELLO, timeout_s=60)))
        while status(client).loading:
            time.sleep(0.01)
        return client

    with ExitStack() as opened:
        yield connect


def offered(client: Client, text: str) -> list[str]:
    found = client.suggest(Query(text=text, session="s", limit=100), 20)
    assert found is not None
    return [candidate.line for candidate in found]


def test_from_the_history_to_the_suggestion(places: Paths, start: Callable[[], Client]) -> None:
    remember(places, "ls -l", "ls -la", "ls -l")
    client = start()
    assert set(offered(client, "ls")) >= {"ls -l", "ls -la"}
    assert (status(client).commands, status(client).unique, status(client).problem) == (3, 2, "")


def test_shells_learn_from_each_other_at_once(start: Callable[[], Client]) -> None:
    one = start()
    other = start()
    one.notify("record", Command(line="ls --color=always", session="one", exit_code=0))
    status(one)  # the notification before it is handled
    assert "ls --color=always" in offered(other, "ls --c")
    other.notify("forget", wire.Line(line="ls --color=always"))
    status(other)
    assert "ls --color=always" not in offered(one, "ls --c")


def test_a_reload_reads_what_was_written_meanwhile(places: Paths, start: Callable[[], Client]) -> None:
    client = start()
    assert offered(client, "ls") == []
    remember(places, "ls -l")
    heard: list[str] = []
    client.call("reload", wire.ReloadParams(token=1), wire.Empty, timeout_s=60, on_progress=heard.append)
    assert "ls -l" in offered(client, "ls")
    assert (heard[0], heard[-1]) == ("reading the history", "the history is read")


def test_explanations_come_from_the_manuals(start: Callable[[], Client]) -> None:
    client = start()
    answer = client.call("explain", wire.Line(line="ls -l"), Explanation, timeout_s=60)
    assert answer.line == "ls -l"
    assert answer.passages


def test_lines_are_judged_by_the_users_rules(places: Paths, start: Callable[[], Client]) -> None:
    client = start()

    def judged(line: str) -> str:
        params = wire.ClassifyParams(line=line, cwd="/srv/x")
        return client.call("classify", params, Verdict, timeout_s=60).decision

    assert [judged(line) for line in ("ls", "rm -rf /", "git push -f")] == ["allow", "block", "warn"]
    private_directory(places.config)
    places.guard_rules.write_text('disabled = ["git-push-force"]')
    assert judged("git push -f") == "allow"


def test_retention_is_applied_at_the_start(places: Paths, start: Callable[[], Client]) -> None:
    remember(places, "ls --old", age_days=30)
    remember(places, "ls --new")
    private_directory(places.config)
    places.settings.write_text("[record]\nretention_days = 10\n", encoding="utf-8")
    client = start()
    assert (offered(client, "ls --old"), offered(client, "ls --n")) == ([], ["ls --new"])
    store = Store(places.history)
    assert [stored.command.line for stored in store.commands()] == ["ls --new"]
    store.close()


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[record]\nretention_dys = 1\n", "retention_days"), ('[service]\nlog_level = "LOUD"\n', "DEBUG, INFO, WARNING")],
)
def test_settings_that_are_wrong_are_told_and_do_not_stop_it(
    places: Paths, start: Callable[[], Client], text: str, problem: str
) -> None:
    remember(places, "ls -l")
    private_directory(places.config)
    places.settings.write_text(text, encoding="utf-8")
    client = start()
    assert problem in status(client).problem
    with pytest.raises(RemoteError, match=problem):
        client.call("reload", wire.ReloadParams(), wire.Empty, timeout_s=60)
    assert "ls -l" in offered(client, "ls")


def test_a_history_that_is_broken_is_told_and_left_as_it_is(places: Paths, start: Callable[[], Client]) -> None:
    private_directory(places.data)
    broken = b"this is no database" * 1000
    places.history.write_bytes(broken)
    client = start()
    assert str(places.history) in status(client).problem
    assert offered(client, "ls") == []
    assert places.history.read_bytes() == broken


def test_the_log_tells_of_failures_without_command_text(places: Paths, start: Callable[[], Client]) -> None:
    remember(places, CANARY)
    client = start()
    offered(client, CANARY[:5])
    client.notify("record", Command(line=CANARY, session="s"))
    client.call("explain", wire.Line(line=CANARY), Explanation, timeout_s=60)
    with pytest.raises(RemoteError, match="limit"):
        client.call("suggest", Query(text=CANARY, limit=0), wire.Candidates, timeout_s=20)
    assert lifecycle.stop(places)
    log = lifecycle.log_file(places)
    assert "the service ends: asked to" in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o777 == 0o600
    files = [path for path in places.state.rglob("*") if path.is_file()]
    assert not [path for path in files if b"canary" in path.read_bytes()]


def test_it_runs_in_the_foreground_and_refuses_to_be_the_second(places: Paths, start: Callable[[], Client]) -> None:
    pid = start().server.pid
    command = [sys.executable, "-P", "-m", "assistant_core.service"]
    environ = lifecycle.environment(os.environ, places)
    second = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (second.returncode, second.stdout) == (1, "")
    assert f"a service runs already (pid {pid})" in second.stderr
    lifecycle.stop(places)
    with subprocess.Popen(command, env=environ) as first:
        try:
            _await(places.socket)
            client = start()
            assert client.server.pid == first.pid
            client.call("shutdown", None, wire.Empty, timeout_s=60)
            assert first.wait(60) == 0
        finally:
            first.kill()
    assert not places.socket.exists()


def _await(socket: Path) -> None:
    for _ in range(6000):
        if socket.exists():
            return
        time.sleep(0.01)
    pytest.fail(f"{socket} did not appear")


def test_candidates_say_where_they_come_from(places: Paths, start: Callable[[], Client]) -> None:
    remember(places, "ls -l")
    client = start()
    found = client.suggest(Query(text="ls"), 20)
    assert found
    assert all(isinstance(candidate, Candidate) and candidate.source for candidate in found)


def test_what_a_question_needs_is_prepared_before_it_is_asked(places: Paths, start: Callable[[], Client]) -> None:
    known_requests.install(places)
    start()
    until = time.monotonic() + 30
    while not (files := kept_files(places)) and time.monotonic() < until:
        time.sleep(0.01)
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]


def kept_files(places: Paths) -> list[Path]:
    return [file for file in (places.cache / prepared.FOLDER).glob("[0-9a-f]*") if file.name != VERDICTS]
