"""`assistant status`: what runs, what is stored, and what is remembered at the moment."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from assistant_core.cli import console, told
from assistant_core.cli.command import NOTHING, Answer, App, Leaf, Styled
from assistant_core.errors import AssistantError


def run(_: Namespace, app: App) -> Answer:
    """Answer with the state of service, history and settings; 1 if one of them cannot be used."""
    parts = {
        name: _or_error(part, app) for name, part in (("service", _service), ("store", _store), ("settings", _settings))
    }
    lines = [
        Styled(f"{name}: {part['error']}", "fail") if "error" in part else f"{name}: {part.pop('text')}"
        for name, part in parts.items()
    ]
    return Answer(parts, lines, int(any("error" in part for part in parts.values())))


def _or_error(part: Any, app: App) -> dict[str, Any]:  # noqa: ANN401 - one of the functions below
    try:
        found: dict[str, Any] = part(app)
    except AssistantError as error:
        return {"error": str(error)}
    return found


def _service(app: App) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.service import wire  # noqa: PLC0415 - see above

    with told.connection(app) as client:
        if client is None:
            return {"running": False, "text": "not running; a shell starts it when it is needed"}
        found = msgspec.to_builtins(client.call("status", None, wire.Status, timeout_s=2.0))
    text = (
        f"running, process {found['pid']}, version {found['version']}, {console.size(found['memory_kb'] * 1024)}, "
        f"{found['commands']:,} commands, {found['unique']:,} different"
        f"{', loading' if found['loading'] else ''}{found['problem'] and '; ' + found['problem']}"
    )
    return {"running": True, **found, "text": text}


def _store(app: App) -> dict[str, Any]:
    found: dict[str, Any] = {"path": str(app.paths.history)}
    with app.history() as store:
        if store is None:
            return found | {"commands": 0, "text": f"{NOTHING} ({app.paths.history})"}
        counts = store.counts()
    found |= {"bytes": _bytes(app.paths.history), **counts}
    listed = ", ".join(f"{count:,} {table}" for table, count in counts.items() if count)
    return found | {"text": f"{listed or NOTHING}; {console.size(found['bytes'])} in {app.paths.history}"}


def _bytes(database: Path) -> int:
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _settings(app: App) -> dict[str, Any]:
    record = app.settings().record
    recording = record.enabled and not record.private
    file = app.paths.settings
    state = "on" if recording else "off: private mode" if record.private else "off: record.enabled is false"
    return {
        "file": str(file),
        "exists": file.exists(),
        "private": record.private,
        "recording": recording,
        "text": f"recording is {state}; {file}{'' if file.exists() else ' (not there: all defaults)'}",
    }


def service(_: Namespace, app: App) -> Answer:
    """Answer with the state of the service alone; 1 if it does not run."""
    found = _service(app)
    return Answer(found, [found.pop("text")], int(not found["running"]))


COMMAND = Leaf(
    "status",
    run,
    "Say what runs, what is stored and whether commands are remembered.",
    examples=("assistant status", "assistant status --json"),
)
