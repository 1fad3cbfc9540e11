"""A home in which adapters are trained: real rows, real torch, a real chat model in llama.cpp, of a few kilobytes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import chat_models
import personal_home
import pytest
from chat_models import Chat

from assistant_core.engine import chat, registry
from assistant_core.engine.adapted import Adapted
from assistant_core.engine.llm import Place as Where
from assistant_core.records import Example
from assistant_core.settings import Models, Settings, Training
from assistant_core.store import Store
from training import adapter, publicset, safety
from training.recipes import LINEAR, Recipe

LINE = "yak nap --by ~/barn"
QUICK = Recipe(
    rank=16,
    epochs=2,
    batch=8,
    accumulation=1,
    learning_rate=0.01,
    general=0.05,
    dropout=0.0,
    targets=LINEAR,
    save_every=1000,
)


class Home(personal_home.Place):
    """A home whose adapter is trained, one run after the other."""

    trains = staticmethod(adapter.run)

    def __init__(self, home: Path, model: Chat, *, encrypt: bool = False) -> None:
        training = Training(chat=str(model.folder), encrypt=encrypt)
        super().__init__(home, Settings(models=Models(chat=str(model.gguf)), training=training))

    def teach(self, count: int, first: int = 0, line: str = LINE) -> None:
        """Teach `count` requests, asked in different words."""
        with closing(Store(self.paths.history)) as store:
            for at in range(first, first + count):
                store.add_example(Example(at_ns=time.time_ns(), line=line, meaning=f"rest {at}"))

    def result(self, name: str = "r1") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(name) / adapter.RESULT).read_bytes())
        return {key: value for key, value in found.items() if key != "created"}

    def version(self) -> str | None:
        return registry.current("adapter", self.paths)

    def said(self, text: str) -> str:
        """What the chat model says with the adapter in use."""
        with closing(Adapted(self.paths, self.settings.models.chat, 1.0)) as adapted:
            return adapted.lines(chat.request(text), Where("/home/ann", "ann", "box")).lines[0][0]


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Learn faster than a real model can, and measure by less."""
    learning, fixed, items = publicset.learning()[:200], publicset.fixed()[:20], safety.items()[::8]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "RECIPE", QUICK)
        patch.setattr(publicset, "fixed", lambda: fixed)
        patch.setattr(publicset, "learning", lambda: learning)
        patch.setattr(safety, "items", lambda: items)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Chat:
    return chat_models.build(tmp_path_factory.mktemp("chat"), steps=40)


@pytest.fixture
def home(tmp_path: Path, model: Chat) -> Home:
    new = Home(tmp_path, model)
    new.teach(30)
    return new


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model: Chat) -> Home:
    """The same after one undisturbed run."""
    new = Home(tmp_path_factory.mktemp("trained"), model)
    new.teach(30)
    new.run()
    return new


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def copy(trained: Home, folder: Path) -> Home:
    home = Home(folder, Chat(Path(trained.settings.training.chat), Path(trained.settings.models.chat)))
    shutil.copytree(trained.paths.data, home.paths.data)
    return home
