"""Reads sealed files: encrypted on disk, in the clear only in memory.

In: a file, sealed or not. Out: a path to read it by; for a sealed one that of a memfd, which no disk ever holds (swap
is the system's to encrypt). The format, written by training.seal:

    header  8 bytes MAGIC, 8 bytes identity of the key, 8 random bytes that begin every nonce of this file
    chunks  AES-256-GCM of CHUNK bytes each, the last one of 0 to CHUNK bytes, a tag of 16 bytes behind each

A chunk's nonce ends in its number; its associated data are the header, its number and whether it is the last, so
that what is cut off, swapped, repeated or added is noticed (STREAM: Hoang, Reyhanitabar, Rogaway and Vizar, 2015).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from assistant_core.engine import seal_key
from assistant_core.errors import SealError
from assistant_core.settings import APPLICATION

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"XASEAL\x00\x01"
PREFIX = 8  # bytes
HEADER = len(MAGIC) + seal_key.ID_BYTES + PREFIX
CHUNK = 1 << 20  # bytes in the clear
TAG = 16  # bytes
NUMBER = 4  # bytes of a chunk's number


def is_sealed(path: Path) -> bool:
    """Say whether `path` begins as sealed files do. Raises OSError."""
    with path.open("rb") as source:
        return source.read(len(MAGIC)) == MAGIC


def check_key(path: Path, key: bytes) -> None:
    """Raise SealError unless the sealed file `path` was sealed with `key`."""
    with path.open("rb") as source:
        _header(source, path, key)


@contextmanager
def opened(path: Path, key: Callable[[], bytes]) -> Iterator[Path]:
    """Give a path to read `path` in the clear by, until the block ends; what was mapped within stays valid.

    `key` is asked for only where the file is sealed. Raises SealError for a file that is not as it was sealed, and
    where the system has no memfd (Linux has).
    """
    if not is_sealed(path):
        yield path
        return
    descriptor = unsealed(path, key())
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def unsealed(path: Path, key: bytes) -> int:
    """Return the descriptor of a memfd that holds the sealed file `path` in the clear; the caller closes it."""
    descriptor = memory(path.name)
    try:
        with path.open("rb") as source, open(descriptor, "wb", closefd=False) as out:
            out.writelines(_chunks(source, path, key))
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError):
            raise SealError(f"{path} cannot be opened: {error}") from error
        raise
    return descriptor


def memory(name: str) -> int:
    """Return the descriptor of a new file that is in memory alone. Raises SealError where the system has none."""
    if not hasattr(os, "memfd_create"):
        raise SealError(
            f"{name}: this system cannot keep files in memory alone; set training.encrypt = false, train again"
        )
    return os.memfd_create(name, os.MFD_CLOEXEC)


def cipher(key: bytes) -> AESGCM:
    """Return the cipher of `key`. Raises SealError if the library for it is not installed."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SealError(f"sealed files need the library cryptography: `pip install '{APPLICATION}[seal]'`") from error
    return AESGCM(key)


def nonce(header: bytes, number: int) -> bytes:
    """Return the 12 bytes that no other chunk under the same key has."""
    return header[-PREFIX:] + number.to_bytes(NUMBER)


def associated(header: bytes, number: int, *, last: bool) -> bytes:
    """Return what is authenticated with a chunk."""
    return header + number.to_bytes(NUMBER) + bytes([last])


def _header(source: BinaryIO, path: Path, key: bytes) -> bytes:
    header = source.read(HEADER)
    if len(header) < HEADER or not header.startswith(MAGIC):
        raise SealError(f"{path} is damaged: its header is cut short; make it again")
    found, ours = header[len(MAGIC) : -PREFIX], seal_key.identity(key)
    if found != ours:
        raise SealError(
            f"{path} was sealed with key {found.hex()}, yours is {ours.hex()}; put that key back or make the file again"
        )
    return header


def _chunks(source: BinaryIO, path: Path, key: bytes) -> Iterator[bytes]:
    decrypt = cipher(key).decrypt
    header = _header(source, path, key)
    chunk, number, last = source.read(CHUNK + TAG), 0, False
    while not last:
        following = source.read(CHUNK + TAG)
        last = not following
        yield _decrypted(decrypt, header, number, chunk, path, last=last)
        chunk, number = following, number + 1


def _decrypted(  # noqa: PLR0913 - the chunk and all that it is bound to
    decrypt: Callable[[bytes, bytes, bytes], bytes], header: bytes, number: int, chunk: bytes, path: Path, *, last: bool
) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - optional; here it is installed

    try:
        return decrypt(nonce(header, number), chunk, associated(header, number, last=last))
    except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
        raise SealError(f"{path} is damaged: chunk {number} is not as it was sealed; make the file again") from error
