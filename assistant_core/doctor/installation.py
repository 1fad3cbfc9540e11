"""The installation: what is installed, our folders, the service, the history, manual pages."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from assistant_core import __version__, settings
from assistant_core.doctor.finding import Finding, Place, State
from assistant_core.errors import ServiceError, SettingsError, StoreError
from assistant_core.settings import APPLICATION

FREE_BYTES = (10 * 2**20, 500 * 2**20)  # of the disk under the data folder: below the first fails, the second warns
NOT_EXAMINED = {"all", "dev"}  # extras: the sum of the others, and what only developers need


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
