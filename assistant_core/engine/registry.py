"""Which model of a kind is in use, and whether its files are what its card says.

In: a kind and our folders. Out: a model whose files were compared with their sha256: the user's own version that
`current` names if it is sound, else the one that we ship. The user's versions are models/KIND/VERSION/ of the data
folder, each with a card, written last; the shipped ones are assistant_core/models/KIND/.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from assistant_core.engine import digests, seal, seal_key
from assistant_core.errors import ModelError, SealError
from assistant_core.settings import Paths, replace_file

Kind = Literal["command", "embedding", "adapter", "pairs"]
KINDS: tuple[Kind, ...] = (
    "command",
    "embedding",
    "adapter",
)  # those that are trained; pairs are looked up as they ship
SHIPPED = Path(__file__).parents[1] / "models"
CARD = "card.json"
CURRENT = "current"
VERDICTS = "models.json"  # in the cache folder

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)  # of a version and of a file: one folder's own
_LOG = logging.getLogger(__name__)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A model's file as it lies on the disk: sealed, if it is."""

    sha256: str
    bytes: int


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What a model learned from."""

    source: str
    licence: str  # SPDX identifier; "private" for what is the user's own
    rows: int
    attribution: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A model's papers. What a later release adds is passed over."""

    kind: Kind
    version: str
    created: str  # ISO 8601, UTC
    files: dict[str, File]
    data: tuple[Data, ...]
    scores: dict[str, Any]
    command: str  # how it was made
    base: str | None  # version that it was trained from; of an adapter, the sha256 of the chat model's file
    trained_on: str  # such as "CPU, 4 cores" or "GPU NVIDIA H100"
    pieces: dict[str, tuple[str, ...]] = {}


class Model(NamedTuple):
    """A model that can be loaded: its files by name."""

    kind: Kind
    version: str
    files: dict[str, Path]
    card: Card


def active(kind: Kind, paths: Paths) -> Model:
    """Return the model in use, verified: the user's own if it is sound, else the shipped one.

    An unsound one of the user's is named in a warning. Raises ModelError when neither can be used.
    """
    try:
        version = current(kind, paths)
        if version is not None:
            return load(kind, version, paths)
        reason = f"no version of yours is in use ({_home(kind, paths) / CURRENT})"
    except ModelError as error:
        reason = str(error)
        _LOG.warning("%s; the shipped model is used instead", reason)
    try:
        return shipped(kind, paths)
    except ModelError as error:
        raise ModelError(f"no {kind} model: {reason}; {error}; train one with `python -m training`") from error


def shipped(kind: Kind, paths: Paths) -> Model:
    """Return the model that came with the program, verified. Raises ModelError."""
    return _load(kind, SHIPPED / kind, paths)


def load(kind: Kind, version: str, paths: Paths) -> Model:
    """Return the user's own `version`, verified. Raises ModelError."""
    folder = _folder(kind, version, paths)
    _check_owner(folder)
    model = _load(kind, folder, paths)
    if model.version != version:
        raise ModelError(f"{folder / CARD} is the card of {model.version}, expected {version}; {instead(kind)}")
    return model


def verify(model: Model, paths: Paths) -> None:
    """Compare each file's size and sha256 with the card, and the key of a sealed one with ours. Raises ModelError.

    What was computed is remembered in the cache folder.
    """
    for name, expected in model.card.files.items():
        path = model.files[name]
        try:
            digest, size = digests.of(path, paths.cache / VERDICTS)
            if (size, digest) == (expected.bytes, expected.sha256):
                if seal.is_sealed(path):
                    seal.check_key(path, seal_key.load(paths))
                continue
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error}; {instead(model.kind)}") from error
        except SealError as error:
            raise ModelError(str(error)) from error
        raise ModelError(
            f"{path} is damaged: {size} bytes of sha256 {digest}, expected {expected.bytes} of {expected.sha256}; "
            f"{instead(model.kind)}"
        )


def open_file(model: Model, name: str, paths: Paths) -> AbstractContextManager[Path]:
    """Give a path to load the model's file `name` by, until the block ends; llama.cpp keeps what it mapped.

    A sealed file is decrypted into memory. Raises SealError.
    """
    return seal.opened(model.files[name], partial(seal_key.load, paths))


def instead(kind: str) -> str:
    """Say what to do about a model of this kind that cannot be used."""
    if kind == "adapter":
        return (
            "use another one (`assistant train history` shows them) or `assistant train deploy shipped --kind adapter`"
        )
    which = "" if kind == "command" else f" --kind {kind}"
    return (
        f"use another version (`assistant train history` shows them) or `assistant train deploy shipped{which}`; "
        "if it is the shipped one, install the program again"
    )


def described(path: Path) -> File:
    """Return what a card says of the file at `path`. Raises OSError."""
    digest, size = digests.computed(path)
    return File(sha256=digest, bytes=size)


# --- versions ------------------------------------------------------------------------------------------------


def versions(kind: Kind, paths: Paths) -> list[str]:
    """Return the names of the user's own versions, oldest first; one without a card is unfinished and none."""
    home = _home(kind, paths)
    found = [card.parent for card in home.glob(f"*/{CARD}") if _NAME.fullmatch(card.parent.name)]
    return [folder.name for folder in sorted(found, key=lambda folder: (_created(folder), folder.name))]


def current(kind: Kind, paths: Paths) -> str | None:
    """Return the version of the user's own that is in use; None: the shipped one. Raises ModelError."""
    file = _home(kind, paths) / CURRENT
    try:
        version = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise ModelError(f"{file} cannot be read: {error}; remove it or deploy a version again") from error
    _folder(kind, version, paths)
    return version


def use(kind: Kind, version: str | None, paths: Paths) -> None:
    """Switch to `version`, which is verified first, or with None back to the shipped model; at once or not at all.

    Raises ModelError; the version in use stays then.
    """
    home = _home(kind, paths)
    try:
        if version is None:
            (home / CURRENT).unlink(missing_ok=True)
        else:
            load(kind, version, paths)
            replace_file(home / CURRENT, f"{version}\n")
    except OSError as error:
        raise ModelError(f"{home / CURRENT} cannot be written: {error}; {version} is not in use") from error


def retire(kind: Kind, paths: Paths, *, keep: int = 5) -> list[str]:
    """Delete the oldest versions until `keep` are left, never the one in use; return their names.

    Folders that never got their card go as well: call it when nothing is being deployed.
    """
    home = _home(kind, paths)
    in_use = current(kind, paths)
    known = versions(kind, paths)
    free = [version for version in known if version != in_use]
    retired = free[: max(len(known) - keep, 0)]
    for version in retired:
        (home / version / CARD).unlink()  # from here on it is no version, whatever happens
    for folder in home.glob("*/"):
        if not (folder / CARD).exists():
            shutil.rmtree(folder)
    return retired


def _home(kind: Kind, paths: Paths) -> Path:
    return paths.models / kind


def _folder(kind: Kind, version: str, paths: Paths) -> Path:
    if not _NAME.fullmatch(version):
        raise ModelError(f"{version!r} is no name of a {kind} model; expected one of {versions(kind, paths)}")
    return _home(kind, paths) / version


def _created(folder: Path) -> str:
    try:
        return _card(folder).created
    except ModelError:
        return ""


def _kind_of(folder: Path) -> str:
    return folder.name if folder.parent == SHIPPED else folder.parent.name


def _card(folder: Path) -> Card:
    file = folder / CARD
    try:
        card = msgspec.json.decode(file.read_bytes(), type=Card)
    except FileNotFoundError as error:
        raise ModelError(f"there is no model in {folder}: it has no {CARD}") from error
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise ModelError(f"{file} cannot be used: {error}; {instead(_kind_of(folder))}") from error
    for name in card.files:
        if not _NAME.fullmatch(name):
            raise ModelError(f"{file} names the file {name!r}; expected one in its own folder")
    return card


def _load(kind: Kind, folder: Path, paths: Paths) -> Model:
    card = _card(folder)
    if card.kind != kind:
        raise ModelError(f"{folder / CARD} is the card of a model of kind {card.kind}, expected {kind}")
    model = Model(kind, card.version, {name: folder / name for name in card.files}, card)
    verify(model, paths)
    return model


def _check_owner(folder: Path) -> None:
    """Raise ModelError if another user could have written the folder or anything in it."""
    with suppress(FileNotFoundError):  # which the card will tell
        for path in (folder, *folder.iterdir()):
            found = path.stat()
            if found.st_uid != os.getuid() or found.st_mode & 0o022:
                raise ModelError(
                    f"{path} is user {found.st_uid}'s with mode {stat.S_IMODE(found.st_mode):04o}: others could have "
                    f"written it; `chmod -R go-w {folder}` if it is yours and you trust it"
                )
