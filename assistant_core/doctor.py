"""Examines the installation: the environment and our folders go in, findings with their remedies come out.

Nothing is started, created or repaired. `CHECKS` is the table of contents.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assistant_core import __version__, settings
from assistant_core.errors import AssistantError, ModelError, ServiceError, SettingsError, StoreError
from assistant_core.settings import APPLICATION, Paths

State = Literal["ok", "warn", "fail"]

FREE_BYTES = (10 * 2**20, 500 * 2**20)  # of the disk under the data folder: below the first fails, the second warns
SENTENCE = ("modules.json", "config.json")  # one of them makes a folder a model of sentence-transformers
NOT_EXAMINED = {"all", "dev"}  # extras: the sum of the others, and what only developers need


class Finding(NamedTuple):
    """What one check found; `remedy` is what to do about it, empty where nothing has to be done."""

    name: str
    state: State
    found: str
    remedy: str = ""


class Place(NamedTuple):
    """What a check looks at."""

    environ: Mapping[str, str]
    paths: Paths


def examine(environ: Mapping[str, str], paths: Paths) -> Iterator[Finding]:
    """Yield the findings of all checks, in the order of the table."""
    for name, check in CHECKS.items():
        try:
            yield from check(Place(environ, paths))
        except OSError as error:  # a folder on the way that nobody may enter, a disk that fails
            yield Finding(name, "fail", f"{name} cannot be examined: {error}", "see that the path can be read")


def python(_: Place) -> Iterator[Finding]:
    """Yield whether Python is new enough."""
    found = sys.version.split()[0]
    wanted = _metadata("Requires-Python") or ">=3.11"
    enough = _enough(found, wanted)
    yield Finding("python", "ok" if enough else "fail", found, "" if enough else f"install Python {wanted}")


def dependencies(_: Place) -> Iterator[Finding]:
    """Yield each dependency with its version and the extra that brings it."""
    try:
        wanted = importlib.metadata.requires(APPLICATION) or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding(APPLICATION, "fail", "not installed as a distribution", f"pip install {APPLICATION}")
        return
    yield Finding(APPLICATION, "ok", __version__)
    for requirement in wanted:
        name, bounds, extra = _parsed(requirement)
        if extra not in NOT_EXAMINED:
            yield _dependency(name, bounds, extra)


def _dependency(name: str, bounds: str, extra: str) -> Finding:
    title = f"{name} [{extra}]" if extra else name
    install = f"pip install --upgrade '{APPLICATION}{f'[{extra}]' if extra else ''}'"
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(title, "warn" if extra else "fail", "not installed", install)
    if not _enough(found, bounds):
        return Finding(title, "fail", f"{found}, expected {bounds}", install)
    return Finding(title, "ok", found)


def entry_point(_: Place) -> Iterator[Finding]:
    """Yield whether `xontrib load assistant` finds us."""
    points = importlib.metadata.entry_points(group="xonsh.xontribs", name="assistant")
    install = f"pip install --force-reinstall --no-deps {APPLICATION}"
    if not points:
        yield Finding("xontrib", "fail", "no entry point `assistant` in the group xonsh.xontribs", install)
        return
    point = next(iter(points))
    try:
        module = point.load()
    except Exception as error:  # noqa: BLE001 - whatever stops it is what we are asked for
        yield Finding("xontrib", "fail", f"{point.value} cannot be loaded: {error!r}", install)
        return
    loads = hasattr(module, "_load_xontrib_")
    found = point.value if loads else f"{point.value} has no _load_xontrib_"
    yield Finding("xontrib", "ok" if loads else "fail", found, "" if loads else install)


def settings_file(place: Place) -> Iterator[Finding]:
    """Yield whether the file and the variables can be used."""
    file = place.paths.settings
    try:
        settings.load(place.environ, file)
    except SettingsError as error:
        yield Finding("settings", "fail", str(error), "assistant config show; assistant config unset KEY")
    else:
        yield Finding("settings", "ok", str(file) if file.exists() else f"all defaults; there is no {file}")


def folders(place: Place) -> Iterator[Finding]:
    """Yield whether our folders are the user's alone, and writable."""
    for name, folder in place.paths._asdict().items():
        strict = name in {"data", "state", "runtime"}  # commands and sockets; the others hold nothing personal
        yield _folder(f"{name} folder", folder, strict=strict)


def _folder(name: str, folder: Path, *, strict: bool) -> Finding:
    if not folder.is_dir():
        missing = not os.path.lexists(folder)
        remedy = "" if missing else f"move {folder} away"
        return Finding(
            name, "ok" if missing else "fail", f"{folder} {'is not there yet' if missing else 'is no folder'}", remedy
        )
    entries = [folder, *(path for path in folder.rglob("*") if not path.is_symlink())]
    modes = {path: path.stat() for path in entries}
    foreign = [path for path, found in modes.items() if found.st_uid != os.getuid()]
    wide = [path for path, found in modes.items() if found.st_mode & 0o077]
    if foreign:
        return Finding(name, "fail", f"{_some(foreign)} of another user", f"sudo chown -R {os.getuid()} {folder}")
    if wide:
        remedy = f"chmod -R go= {folder}"
        return Finding(name, "fail" if strict else "warn", f"open to others: {_some(wide, modes)}", remedy)
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(name, "fail", f"{folder} cannot be written", f"chmod u+rwx {folder}, or make its disk writable")
    return Finding(
        name, "ok", f"{folder}, mode {stat.S_IMODE(modes[folder].st_mode):04o}, {len(entries) - 1:,} entries"
    )


def _some(found: list[Path], modes: Mapping[Path, os.stat_result] | None = None) -> str:
    shown = f"{found[0]}" + (f" (mode {stat.S_IMODE(modes[found[0]].st_mode):04o})" if modes else "")
    return shown + (f" and {len(found) - 1:,} more" if len(found) > 1 else "")


def socket(place: Place) -> Iterator[Finding]:
    """Yield where the socket is."""
    from assistant_core.service import endpoint  # noqa: PLC0415 - the other checks work without

    wanted, used = place.paths.socket, endpoint.address(place.paths.socket)
    if used == wanted:
        yield Finding("socket", "ok", f"{wanted} ({len(os.fsencode(wanted))} of {endpoint.PATH_BYTES} bytes)")
        return
    found = f"{wanted} is longer than {endpoint.PATH_BYTES} bytes; {used} is used instead"
    yield Finding("socket", "warn", found, "set $XDG_RUNTIME_DIR to a shorter folder that only you can enter")


def service(place: Place) -> Iterator[Finding]:
    """Yield whether the service answers, and is of this version."""
    from assistant_core.service import client, lifecycle  # noqa: PLC0415 - the other checks work without

    pid = lifecycle.running(place.paths)
    if pid is None:
        yield Finding("service", "ok", "not running; a shell starts it when it is needed")
        return
    try:
        with closing(lifecycle.connect(place.paths, client.hello("cli", place.environ), start=False)) as found:
            version = found.server.version
    except ServiceError as error:
        yield Finding("service", "fail", f"process {pid}: {error}", "assistant service restart")
        return
    same = version == __version__
    remedy = "" if same else "assistant service restart"
    yield Finding("service", "ok" if same else "warn", f"process {pid} answers, version {version}", remedy)


def store(place: Place) -> Iterator[Finding]:
    """Yield whether the history opens, is sound and is written ahead."""
    from assistant_core.store import Store  # noqa: PLC0415 - the other checks work without

    file = place.paths.history
    if not file.exists():
        yield Finding("history", "ok", f"nothing is recorded yet; there is no {file}")
        return
    try:
        with closing(Store(file)) as opened:
            counts, wrong = opened.counts(), opened.check()
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            journal = str(database.execute("PRAGMA journal_mode").fetchone()[0])
    except (StoreError, sqlite3.Error) as error:
        yield Finding("history", "fail", str(error), _store_remedy(error, file))
        return
    if wrong:
        yield Finding("history", "fail", f"{file}: {wrong[0]} ({len(wrong)} in all)", _recover(file))
        return
    yield Finding("history", "ok", f"{counts['commands']:,} commands, integrity checked")
    ahead = journal == "wal"
    remedy = "" if ahead else f"move {file} to a local disk: several shells cannot write at once here"
    yield Finding("history journal", "ok" if ahead else "warn", journal, remedy)


def _store_remedy(error: Exception, file: Path) -> str:
    cause = error.__cause__ or error
    remedies = {
        sqlite3.SQLITE_CORRUPT: _recover(file),
        sqlite3.SQLITE_NOTADB: _recover(file),
        sqlite3.SQLITE_FULL: f"free space on the disk of {file}",
        sqlite3.SQLITE_BUSY: "close the program that holds the file, and try again",
    }
    primary = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the extended codes have it in their lowest byte
    return remedies.get(primary, f"chmod u+rwx {file.parent}; chmod 600 {file}; and see that its disk is writable")


def _recover(file: Path) -> str:
    return f"move {file} away with its -wal and -shm; `sqlite3 MOVED .recover | sqlite3 {file}` saves what can be read"


def disk(place: Place) -> Iterator[Finding]:
    """Yield whether there is room for the history."""
    folder = next(path for path in (place.paths.data, *place.paths.data.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    state: State = "fail" if free < FREE_BYTES[0] else "warn" if free < FREE_BYTES[1] else "ok"
    remedy = "" if state == "ok" else f"free space on the disk of {folder}"
    yield Finding("disk", state, f"{free / 2**30:,.1f} GiB free", remedy)


def command_model(place: Place) -> Iterator[Finding]:
    """Yield which command model is in use, and how long it takes to open."""
    name, without = "command model", "what was typed before is suggested all the same"
    if not _settings(place).models.command:
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

    training = _settings(place).training
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


def embedding(place: Place) -> Iterator[Finding]:
    """Yield whether the embedding that is set lies on this disk, if one is; it is not loaded."""
    name = _settings(place).models.embedding
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


def manuals(place: Place) -> Iterator[Finding]:
    """Yield whether there are pages to explain from."""
    from assistant_core.knowledge.sources import hierarchies  # noqa: PLC0415 - the other checks work without

    roots = hierarchies(place.environ)
    pages = sum(len(list((root / section).glob("*.[18]*"))) for root in roots for section in ("man1", "man8"))
    if pages:
        yield Finding("manual pages", "ok", f"{pages:,} of commands in {', '.join(map(str, roots))}")
        return
    remedy = "install manual pages, e.g. `apt install man-db manpages` (in a small container: `unminimize`)"
    yield Finding("manual pages", "warn", "none: nothing can be explained", remedy)


CHECKS: Mapping[str, Callable[[Place], Iterator[Finding]]] = {
    "python": python,
    "dependencies": dependencies,
    "xontrib": entry_point,
    "settings": settings_file,
    "folders": folders,
    "socket": socket,
    "service": service,
    "history": store,
    "disk": disk,
    "command model": command_model,
    "trial": trial,
    "embedding": embedding,
    "manual pages": manuals,
}


def _settings(place: Place) -> settings.Settings:
    """Return the settings in force, or the defaults where they cannot be used, which another finding tells."""
    try:
        return settings.load(place.environ, place.paths.settings)
    except SettingsError:
        return settings.Settings()


def _metadata(field: str) -> str | None:
    try:
        found: Any = importlib.metadata.metadata(APPLICATION)[field]
    except importlib.metadata.PackageNotFoundError:
        return None
    return found if isinstance(found, str) else None


def _parsed(requirement: str) -> tuple[str, str, str]:
    """Return name, bounds and extra ("" for none) of a requirement as our metadata writes it (PEP 508)."""
    name, bounds, marker = re.fullmatch(r"([\w.-]+)(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(.*)", requirement).groups()  # type: ignore[union-attr] # our own metadata
    extra = re.search(r"extra\s*==\s*[\"']([\w-]+)", marker)
    return name, bounds.strip(), extra[1] if extra else ""


def _enough(version: str, bounds: str) -> bool:
    """Whether `version` keeps the lower bound of `bounds` (">=1.2"), compared by its numbers alone."""
    lower = re.search(r">=\s*([\d.]+)", bounds)
    return lower is None or _numbers(version) >= _numbers(lower[1])


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", re.split(r"[+a-z]", version)[0])]
