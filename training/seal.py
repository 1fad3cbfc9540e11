"""Writes files whole or not at all, for the owner alone, and sealed if a key is given.

In: bytes. Out: a file of mode 0600 that is either the old one or the new one, whenever the process dies, and the
sha256 of what lies on the disk. The sealed format is assistant_core.engine.seal's, which reads it.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from assistant_core.engine import digests, seal, seal_key
from assistant_core.errors import SealError, TrainingError
from assistant_core.settings import APPLICATION, Paths, private_directory, replace_file

PART = ".part"  # ending of a file that is being written; its name begins with a dot
MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory; the folder in it is checked
MOUNTS = Path("/proc/mounts")


def key_of(paths: Paths) -> bytes:
    """Return the key to seal with, made on first use and kept in the keyring, or in a file where there is none.

    Raises SealError if it cannot be reached, or if this system could not read what is sealed.
    """
    os.close(seal.memory("seal"))
    place = seal_key.file(paths)
    if not place.exists():
        key = secrets.token_bytes(seal_key.BYTES)
        seal.cipher(key)
        _keep(place, key)
    return seal_key.load(paths)


def place_in_memory(paths: Paths) -> Path:
    """Return where `in_memory` is or would be."""
    places = hashlib.sha256(bytes(paths.training)).hexdigest()[:16]  # a user may have several
    return MEMORY / f"{APPLICATION}-{os.getuid()}-{places}"


def in_memory(paths: Paths, needed: int = 0) -> Path:
    """Return the user's folder for what other libraries write in the clear though it is to be sealed.

    It is in memory alone, as far as memory is (the system may swap), and gone with the machine's next start. Raises
    SealError where there is no such place, or less than `needed` bytes of it.
    """
    folder = place_in_memory(paths)
    if not _is_memory(MEMORY):
        raise SealError(f"{MEMORY} is not in memory (expected tmpfs there); set training.encrypt = false, train again")
    free = shutil.disk_usage(MEMORY).free
    if free < needed:
        raise SealError(
            f"{MEMORY} has {free // 2**20:,} MB free, expected {needed // 2**20:,} MB for what is sealed in the end; "
            "make it larger (docker: --shm-size), or set training.encrypt = false"
        )
    found = private_directory(folder).lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SealError(f"{folder} is not a folder of yours alone (0700); remove it and train again")
    return folder


def agrees(path: Path, key: bytes | None) -> bool:
    """Say whether the file at `path` is sealed where there is a key, and open where there is none. Raises OSError."""
    return seal.is_sealed(path) == (key is not None)


def _is_memory(place: Path) -> bool:
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(mount.split()[1:3] == [str(place), "tmpfs"] for mount in mounts)


def _keep(place: Path, key: bytes) -> None:
    """Keep `key`; of several processes that make one at once, the first is right."""
    name = seal_key.identity(key).hex()
    in_keyring = _to_keyring(name, key.hex())
    new = private_directory(place.parent) / f".{place.name}.{os.getpid()}{PART}"
    replace_file(new, f"keyring {name}\n" if in_keyring else f"key {key.hex()}\n")
    try:
        place.hardlink_to(new)
    except FileExistsError:
        if in_keyring:
            _out_of_keyring(name)
    finally:
        new.unlink()


def _to_keyring(name: str, text: str) -> bool:
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above
    except ImportError:
        return False
    try:
        keyring.set_password(APPLICATION, name, text)
        return keyring.get_password(APPLICATION, name) == text
    except KeyringError:  # none, or one that is locked: the file it is
        return False


def _out_of_keyring(name: str) -> None:
    import keyring  # noqa: PLC0415 - optional; here it is installed
    from keyring.errors import KeyringError  # noqa: PLC0415 - as above

    with suppress(KeyringError):
        keyring.delete_password(APPLICATION, name)


def write(path: Path, data: bytes | memoryview, key: bytes | None = None) -> str:
    """Write `data` to `path`; return the sha256 of the file. Raises TrainingError and leaves what was there."""
    return copy(io.BytesIO(data), path, key)


def copy(source: BinaryIO, path: Path, key: bytes | None = None) -> str:
    """Write what `source` still holds to `path`, as `write` does, a chunk at a time."""
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    digest = hashlib.sha256()
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:  # noqa: PTH123 - mode 0600 from the start
            for chunk in _plain(source) if key is None else _sealed(source, key):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise TrainingError(f"{path} cannot be written: {error}; make room and train again") from error
        raise
    return digest.hexdigest()


def opened(path: Path, key: bytes | None) -> AbstractContextManager[Path]:
    """Give a path to read `path` in the clear by, as assistant_core.engine.seal.opened does. Raises SealError."""

    def given() -> bytes:
        if key is None:
            raise SealError(f"{path} is sealed and no key was given; set training.encrypt = true or make it again")
        return key

    return seal.opened(path, given)


def seal_file(path: Path, key: bytes) -> str:
    """Replace `path` by its sealed form; one that is sealed with `key` already is left.

    Return the sha256 of the file. Raises SealError if it is sealed with another key.
    """
    if seal.is_sealed(path):
        seal.check_key(path, key)
        return sha256(path)
    with path.open("rb") as source:
        return copy(source, path, key)


def sha256(path: Path) -> str:
    """Return the sha256 of the file at `path`, in hexadecimal. Raises OSError."""
    return digests.computed(path)[0]


def _plain(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(seal.CHUNK):
        yield chunk


def _sealed(source: BinaryIO, key: bytes) -> Iterator[bytes]:
    encrypt = seal.cipher(key).encrypt
    header = seal.MAGIC + seal_key.identity(key) + secrets.token_bytes(seal.PREFIX)
    yield header
    chunk, number, last = source.read(seal.CHUNK), 0, False
    while not last:
        following = source.read(seal.CHUNK)
        last = not following
        yield encrypt(seal.nonce(header, number), chunk, seal.associated(header, number, last=last))
        chunk, number = following, number + 1
