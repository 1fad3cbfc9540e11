"""The README says the truth: every setting, key, meta-command and command is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant_core import settings
from assistant_core.cli import COMMANDS
from assistant_core.importers import SHELLS
from assistant_core.shell.meta import TABLE

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def shown(value: object) -> str:
    """A default as the README writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "none"
    return f"`{value}`" if isinstance(value, str) else str(value)


def settings_table() -> str:
    rows = [f"| `{row.name}` | {shown(row.default)} | {row.doc} |" for row in settings.table()]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows])


def test_the_table_of_settings_is_that_of_the_code() -> None:
    assert settings_table() in README


@pytest.mark.parametrize("name", [meta.name for meta in TABLE])
def test_every_meta_command_is_told(name: str) -> None:
    assert f"`{name}" in README


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_is_told(name: str) -> None:
    assert re.search(rf"^\|.*`{name}\b", README, re.MULTILINE)


@pytest.mark.parametrize("shell", list(SHELLS))
def test_every_shell_that_can_be_imported_is_told(shell: str) -> None:
    assert shell in README
