"""What is not remembered, as tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant_core.errors import SettingsError
from assistant_core.settings import Record
from assistant_core.shell.filters import Ended, by_program, ours, xonsh


@pytest.mark.parametrize(
    ("line", "record", "remembered"),
    [
        ("ls", Record(), True),
        (" ls", Record(), False),
        ("\tls", Record(), False),
        ("", Record(), False),
        ("ls", Record(enabled=False), False),
        ("ls", Record(private=True), False),
        ("pass show x", Record(ignore=("^pass ",)), False),
        ("compass", Record(ignore=("^pass ",)), True),
        ("a b c", Record(ignore=("x", "b c$")), False),
    ],
)
def test_ours(line: str, record: Record, remembered: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert ours(Ended(line, "/", 0, ""), record) is remembered


@pytest.mark.parametrize(
    ("cwd", "remembered"),
    [("secret", False), ("secret/deep/er", False), ("secretive", True), (".", True), ("link", False)],
)
def test_excluded_folders(tmp_path: Path, cwd: str, remembered: bool) -> None:  # noqa: FBT001 - a cell of the table
    (tmp_path / "secret" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to("secret")
    record = Record(excluded_directories=(f"{tmp_path}/secret",))
    assert ours(Ended("ls", str(tmp_path / cwd), 0, ""), record) is remembered


def test_a_home_directory_in_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not ours(Ended("ls", str(tmp_path / ".ssh"), 0, ""), Record())


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(SettingsError, match=r"record.ignore: '\[' is no regular expression"):
        ours(Ended("ls", "/", 0, ""), Record(ignore=("[",)))


class History:
    """What we ask of xonsh's history."""

    def __init__(self, *, remember: bool = True, ignore: str = "(?!)") -> None:
        self.remember_history = remember
        self._ignore = re.compile(ignore)

    def is_ignored(self, cmd: dict[str, str]) -> bool:
        return self._ignore.match(cmd["inp"]) is not None


@pytest.mark.parametrize(
    ("status", "control", "history", "remembered"),
    [
        (0, set(), History(), True),
        (0, set(), None, True),
        (1, set(), History(), True),
        (0, {"ignoredups"}, History(), False),
        (0, {"erasedups", "ignorespace"}, History(), True),
        (1, {"ignoreerr"}, History(), False),
        (None, {"ignoreerr"}, History(), False),
        (0, {"ignoreerr"}, History(), True),
        (0, set(), History(remember=False), False),
        (0, set(), History(ignore="same"), False),
    ],
)
def test_xonsh(status: int | None, control: set[str], history: History | None, remembered: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert xonsh(Ended("same", "/", status, "same"), control, history) is remembered


@pytest.mark.parametrize(
    ("environ", "terminal", "program"),
    [
        ({}, True, False),
        ({}, False, True),
        ({"CURSOR_AGENT": "1"}, True, True),
        ({"AGENT": "goose"}, True, True),
        ({"AGENT": "/run/ssh-agent"}, True, False),
    ],
)
def test_by_program(environ: dict[str, str], terminal: bool, program: bool) -> None:  # noqa: FBT001 - cells of the table
    assert by_program(environ, terminal=terminal) is program
