"""Which version answers, and how it came to that: deploy, roll back, look back.

In: a kind and a version. Out: `current` switched at once or not at all, and a decision in the log. Whoever calls tells
the service. "shipped" names the model that came with the program; where none did, as of adapters, it means none.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from assistant_core.engine import progress, registry
from assistant_core.engine.progress import Decision
from assistant_core.engine.registry import Card, Kind, Model
from assistant_core.errors import ModelError
from assistant_core.settings import Paths

SHIPPED: Final = "shipped"


class Version(NamedTuple):
    """One version of the user's own; `card` is None and `problem` says why if it cannot be used."""

    version: str
    in_use: bool
    card: Card | None
    decision: Decision | None = None  # the last about it
    problem: str = ""


def switch(decision: Decision, paths: Paths) -> Decision:
    """Use the decision's version from now on, and write that down with what was in use. Raises ModelError.

    On an error nothing changes.
    """
    made = msgspec.structs.replace(decision, at_ns=time.time_ns(), before=registry.current(decision.kind, paths))
    registry.use(made.kind, made.version, paths)
    progress.log(paths, made)
    return made


def named(kind: Kind, version: str, paths: Paths) -> Model:
    """Return the user's own `version`, or the shipped one by "shipped" or its own name, verified. Raises ModelError."""
    if version == SHIPPED:
        return registry.shipped(kind, paths)
    if version in registry.versions(kind, paths):
        return registry.load(kind, version, paths)
    with suppress(ModelError):  # where none is shipped
        if (model := registry.shipped(kind, paths)).version == version:
            return model
    raise _unknown(kind, version, paths)


def deploy(kind: Kind, version: str, paths: Paths) -> Decision:
    """Use `version`, as the user says. Raises ModelError."""
    if version not in (*registry.versions(kind, paths), SHIPPED):
        raise _unknown(kind, version, paths)
    target = None if version == SHIPPED else version
    return switch(Decision(at_ns=0, kind=kind, version=target, action="deploy", reasons=("the user says so",)), paths)


def rollback(kind: Kind, paths: Paths) -> Decision:
    """Use what was in use before the present version, and before that if it was deleted since. Raises ModelError."""
    now = registry.current(kind, paths)
    if now is None:
        raise ModelError(f"{called(kind, None)} is in use; there is nothing before it to go back to")
    target = _before(kind, now, paths)
    return switch(Decision(at_ns=0, kind=kind, version=target, action="rollback", reasons=(f"back from {now}",)), paths)


def history(kind: Kind, paths: Paths) -> list[Version]:
    """Return the user's own versions, oldest first, each verified."""
    in_use = registry.current(kind, paths)
    last = {item.version: item for item in progress.decisions(paths) if item.kind == kind}
    return [
        _version(kind, name, paths, in_use)._replace(decision=last.get(name)) for name in registry.versions(kind, paths)
    ]


def called(kind: Kind, version: str | None) -> str:
    """Return what a sentence calls `version`; None: what is in use where no version of the user's own is."""
    return version or ("no adapter" if kind == "adapter" else f"the shipped {kind} model")


def _unknown(kind: Kind, version: str, paths: Paths) -> ModelError:
    known = ", ".join((*registry.versions(kind, paths), SHIPPED))
    none = f" ({called(kind, None)})" if kind == "adapter" else ""
    return ModelError(f"there is no {kind} model {version!r}; there are: {known}{none}")


def _before(kind: Kind, version: str, paths: Paths) -> str | None:
    """Return what was in use before `version`, by the log, or by age where nothing is written of that."""
    known = registry.versions(kind, paths)
    target = version
    for item in reversed(progress.decisions(paths)):
        put_to_use = (item.kind, item.version) == (kind, target) and item.action in {"promote", "deploy"}
        if put_to_use and item.before != version:
            if item.before is None or item.before in known:
                return item.before
            target = item.before
    older = known[: known.index(version)] if version in known else []
    return older[-1] if older and target == version else None


def _version(kind: Kind, name: str, paths: Paths, in_use: str | None) -> Version:
    try:
        return Version(name, name == in_use, registry.load(kind, name, paths).card)
    except ModelError as error:
        return Version(name, name == in_use, None, problem=str(error))
