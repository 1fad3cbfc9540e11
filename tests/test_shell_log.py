"""The shell's log and its background thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assistant_core.shell import log as log_module
from assistant_core.shell.log import Log
from assistant_core.shell.worker import Worker


def fail(text: str) -> None:
    raise ValueError(f"something about {text}")


def test_an_exception_leaves_its_type_and_place_but_no_text(tmp_path: Path) -> None:
    log = Log(tmp_path / "state" / "shell.log")
    try:
        fail("hunter2")
    except ValueError as error:
        log.failure(error)
    text = log.file.read_text()
    assert "ValueError at test_shell_log.py:" in text
    assert "hunter2" not in text
    assert log.file.stat().st_mode & 0o777 == 0o600
    assert log.file.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "LIMIT", 1000)
    log = Log(tmp_path / "shell.log")
    for number in range(200):
        log.write(f"entry {number}")
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["shell.log", "shell.log.1"]
    assert all(file.stat().st_size < 1100 for file in files)
    assert "entry 199" in files[0].read_text()


def test_a_log_that_cannot_be_written_is_nobodys_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Log(tmp_path / "file" / "shell.log").write("lost")


def test_jobs_run_in_order_and_outlive_a_failure(tmp_path: Path) -> None:
    log, done = Log(tmp_path / "shell.log"), list[int]()
    worker = Worker(log)
    worker.submit(lambda: done.append(1))
    worker.submit(lambda: fail("x"))
    worker.submit(lambda: done.append(2))
    worker.stop()
    assert done == [1, 2]
    assert "ValueError" in log.file.read_text()
    assert "assistant" not in {thread.name for thread in threading.enumerate()}


def test_a_worker_without_jobs_has_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    worker = Worker(Log(tmp_path / "shell.log"))
    assert threading.active_count() == before
    worker.stop()
