"""Fixtures: a home of its own for every test that wants one."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant_core import settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Variables that put every folder of ours below the test's own directory."""
    folders = {"XDG_DATA_HOME": "share", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state"}
    folders |= {"XDG_CACHE_HOME": "cache", "XDG_RUNTIME_DIR": "run"}
    (tmp_path / "run").mkdir(mode=0o700)
    return {"HOME": str(tmp_path), **{name: str(tmp_path / folder) for name, folder in folders.items()}}


@pytest.fixture
def paths(environ: dict[str, str]) -> settings.Paths:
    """The folders that `environ` leads to."""
    return settings.paths(environ)
