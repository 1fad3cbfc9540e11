"""Fixtures: a home of its own for every test that wants one."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant_core import settings

if TYPE_CHECKING:
    import chat_models

# A shell that starts the tests in the background has them ignore Ctrl-C, and every program that they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables that put every folder of ours below the test's own directories."""
    folders = {"DATA": "share", "CONFIG": "config", "STATE": "state", "CACHE": "cache"}
    homes = {f"XDG_{name}_HOME": str(tmp_path / folder) for name, folder in folders.items()}
    with tempfile.TemporaryDirectory(prefix="xa-") as runtime:  # its name is short, as the path of a socket must be
        yield {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": runtime, **homes}


@pytest.fixture
def paths(environ: dict[str, str]) -> settings.Paths:
    """The folders that `environ` leads to."""
    return settings.paths(environ)


@pytest.fixture(scope="session")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a command model that knows a few lines by heart; see command_models."""
    import command_models  # noqa: PLC0415 - torch takes seconds to import

    return command_models.build(tmp_path_factory.mktemp("knowing"))


@pytest.fixture(scope="session")
def chat_(tmp_path_factory: pytest.TempPathFactory) -> chat_models.Chat:
    """A chat model that knows a few answers by heart; see chat_models."""
    import chat_models  # noqa: PLC0415 - torch takes seconds to import

    return chat_models.build(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="session")
def adapter(chat_: chat_models.Chat, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an adapter that makes it answer differently."""
    import chat_models  # noqa: PLC0415 - as above

    return chat_models.adapter(chat_, tmp_path_factory.mktemp("adapter"))
