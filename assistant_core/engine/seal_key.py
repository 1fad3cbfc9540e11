"""The key that personal files are sealed with: 32 bytes, in the system's keyring or in a file of ours.

In: our folders. Out: the key. One file, `seal.key` among the program's state and so apart from the data, says where
the key is: `keyring ID`, or `key HEX`. A keyring that is locked is an error and never a reason for another key.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from assistant_core.errors import SealError
from assistant_core.settings import APPLICATION, Paths

BYTES = 32  # AES-256
ID_BYTES = 8


def file(paths: Paths) -> Path:
    """Return the file that holds the key or says where it is."""
    return paths.state / "seal.key"


def identity(key: bytes) -> bytes:
    """Return ID_BYTES bytes that tell keys apart and say nothing else about them."""
    return hashlib.blake2b(key, digest_size=ID_BYTES, person=b"seal key").digest()


def load(paths: Paths) -> bytes:
    """Return the key. Raises SealError if there is none or it cannot be reached."""
    place = file(paths)
    match _words(place):
        case ["key", text]:
            return _decoded(text, f"{place}")
        case ["keyring", name]:
            return _decoded(_from_keyring(name), f"{name} in the keyring")
    raise SealError(
        f"{place} holds neither `key HEX` nor `keyring ID`; put your copy back, or remove it and train again"
    )


def _words(place: Path) -> list[str]:
    try:
        with place.open("rb") as opened:
            found = os.fstat(opened.fileno())
            text = opened.read(1024)
    except FileNotFoundError as error:
        raise SealError(f"{place}: there is no key; put your copy back, or train again with a new one") from error
    except OSError as error:
        raise SealError(f"{place}: the key cannot be read: {error}") from error
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.getuid() or mode & 0o077:
        raise SealError(
            f"{place} is user {found.st_uid}'s with mode {mode:04o}; expected yours ({os.getuid()}) with 0600: "
            f"`chmod 600 {place}`"
        )
    return text.decode(errors="replace").split()


def _from_keyring(name: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to import
        from keyring.errors import KeyringError  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SealError(f"the key {name} is in the keyring; `pip install '{APPLICATION}[seal]'` to read it") from error
    try:
        text = keyring.get_password(APPLICATION, name)
    except KeyringError as error:
        raise SealError(f"the keyring does not give the key {name}: {error}; unlock it and try again") from error
    if text is None:
        raise SealError(f"the keyring has no key {name}; unlock the one that has it, or train again with a new key")
    return text


def _decoded(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise SealError(f"{where} is not a key of {2 * BYTES} hexadecimal digits; put your copy back")
    return key
