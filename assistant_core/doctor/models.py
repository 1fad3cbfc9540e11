"""The models: what is in use, what is to be tried, what the settings name."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from assistant_core.doctor.finding import Finding, Place, settings_of
from assistant_core.errors import AssistantError, ModelError
from assistant_core.settings import APPLICATION, Paths

TRAINED = "config.json"  # makes a folder a model of transformers
SENTENCE = ("modules.json", "config.json")  # one of them makes a folder a model of sentence-transformers


def command_model(place: Place) -> Iterator[Finding]:
    """Yield which command model is in use, and how long it takes to open."""
    name, without = "command model", "what was typed before is suggested all the same"
    if not settings_of(place).models.command:
        yield Finding(name, "ok", "switched off: the history alone suggests (models.command)")
        return
    if unusable := _library():
        yield Finding(name, "warn", f"{unusable.found}; {without}", unusable.remedy)
        return
    try:
        with tempfile.TemporaryDirectory() as cache:  # nothing is left behind, not even a digest
            yield Finding(name, "ok", _opened(place.paths._replace(cache=Path(cache))))
    except AssistantError as error:
        own = (place.paths.models / "command" / "current").exists()
        yield Finding(name, "warn", f"{error}; {without}", f"assistant train {'rollback' if own else 'now'}")


def _library() -> Finding | None:
    """Return why llama.cpp cannot be used, or None if it can."""
    from assistant_core.engine import llama  # noqa: PLC0415 - the other checks work without

    name = "llama-cpp-python"
    try:
        llama.library()
    except Exception as error:  # noqa: BLE001 - whatever stops it is what we are asked for
        if importlib.util.find_spec("llama_cpp") is None:
            return Finding(name, "warn", str(error), f"pip install '{APPLICATION}[llm]'")
        found = f"{name} is installed and cannot be loaded: {error.__cause__ or error}"
        return Finding(name, "warn", found, f"pip install --force-reinstall --no-cache-dir {name}")
    return None


def _opened(paths: Paths) -> str:
    from assistant_core.engine import llm, registry  # noqa: PLC0415 - the other checks work without

    version = registry.current("command", paths)
    model = registry.load("command", version, paths) if version else registry.active("command", paths)
    began = time.perf_counter()
    llm.Opened(model, paths).close()
    spent_ms = (time.perf_counter() - began) * 1000
    size = sum(file.bytes for file in model.card.files.values())
    return f"{model.version} ({'yours' if version else 'shipped'}), {size / 1e6:.1f} MB, opens in {spent_ms:.0f} ms"


def trial(place: Place) -> Iterator[Finding]:
    """Yield whether the version that is to be tried, if one is, is there and not in use."""
    from assistant_core.engine import registry, switch  # noqa: PLC0415 - the other checks work without

    training = settings_of(place).training
    if not training.trial:
        return
    try:
        with tempfile.TemporaryDirectory() as cache:
            paths = place.paths._replace(cache=Path(cache))
            version = switch.named("command", training.trial, paths).version
            if version == registry.active("command", paths).version:
                raise ModelError(f"{version} is in use already")
    except AssistantError as error:
        found = f"training.trial: {error}; the version in use answers all requests"
        yield Finding("trial", "warn", found, "assistant config unset training.trial, or set it to another version")
    else:
        yield Finding("trial", "ok", f"{version} answers {training.trial_share:.0%} of the requests")


def chat(place: Place) -> Iterator[Finding]:
    """Yield whether the chat model that is set can be used, if one is, and the adapter in use with it."""
    from assistant_core.engine import adapted, chat_model, registry  # noqa: PLC0415 - the other checks work without

    current = settings_of(place)
    if not current.models.chat:
        return
    try:
        file = adapted.located(current.models.chat)
        adapted.check_memory(file)
        chat_model.ChatModel(file).close()
    except ModelError as error:
        yield Finding("chat model", "warn", str(error), "assistant config unset models.chat, or set it to a GGUF file")
        return
    yield Finding("chat model", "ok", f"{file}, {file.stat().st_size / 1e6:,.1f} MB")
    try:
        with tempfile.TemporaryDirectory() as cache:
            paths = place.paths._replace(cache=Path(cache))
            if version := registry.current("adapter", paths):
                adapted.check(registry.load("adapter", version, paths), file, paths)
                yield Finding("adapter", "ok", f"{version}, at {current.training.adapter:g} of its strength")
    except AssistantError as error:
        yield Finding("adapter", "warn", f"{error}; the chat model answers without it", "assistant train history")


def chat_folder(place: Place) -> Iterator[Finding]:
    """Yield whether the chat model that is to be trained lies where the settings say, if one is; it is not loaded."""
    current = settings_of(place)
    if not (name := current.training.chat):
        return
    folder = Path(os.path.expanduser(name))  # noqa: PTH111 - Path's raises for unknown users
    if not folder.is_absolute():
        found = f"training.chat is {name!r}, which is another one in every folder; name it from / or ~ on"
    elif not (folder / TRAINED).is_file():
        found = f"training.chat is {name!r}: expected a folder with {TRAINED}"
    elif not current.models.chat:
        found = "training.chat is set; models.chat, which names the same model in GGUF, is empty"
    else:
        found = ""
    remedy = "set both to one model, or assistant config unset training.chat" if found else ""
    yield Finding("adapter training", "warn" if found else "ok", found or str(folder), remedy)


def embedding(place: Place) -> Iterator[Finding]:
    """Yield whether the embedding that is set lies on this disk, if one is; it is not loaded."""
    name = settings_of(place).models.embedding
    if not name:
        return
    if importlib.util.find_spec("sentence_transformers") is None:
        found, remedy = "sentence-transformers is not installed", f"pip install '{APPLICATION}[train]'"
    elif (folder := Path(os.path.expanduser(name))).is_absolute():  # noqa: PTH111 - Path's raises for unknown users
        found = "" if any((folder / file).exists() for file in SENTENCE) else f"expected {' or '.join(SENTENCE)} in it"
        remedy = "set models.embedding to the folder of a sentence-transformers model"
    else:
        found, remedy = "" if _fetched(name) else "it is not among the models fetched", f"hf download {name}"
    if found:
        found = f"models.embedding is {name!r}: {found}; our own is used"
    remedy = f"{remedy}, or assistant config unset models.embedding"
    yield Finding("embedding", "warn" if found else "ok", found or name, remedy if found else "")


def _fetched(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - comes with sentence-transformers
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - as above

    try:
        return any(isinstance(try_to_load_from_cache(name, file), str) for file in SENTENCE)
    except HFValidationError:  # no name of a model at all
        return False
