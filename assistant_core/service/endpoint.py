"""Where the service is reached, and who may be at the other end. A path in, a checked and connected socket out.

Only Unix sockets: the folder is the user's alone (0700), the socket too (0600), and the peer's user is asked of
the system where it tells. Standard library only.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Final

from assistant_core.errors import ServiceError
from assistant_core.settings import APPLICATION, private_directory

PATH_BYTES: Final = 103  # of a Unix socket's path: 108 with the final zero on Linux, 104 on macOS
BACKLOG: Final = 128
BUSY_S: Final = 0.005  # between two tries while the backlog is full


def address(path: Path) -> Path:
    """Return where the socket called `path` really is: a path too long for the system is shortened under /tmp."""
    name = os.fsencode(path)
    if len(name) <= PATH_BYTES:
        return path
    return Path(f"/tmp/{APPLICATION}-{os.getuid()}") / f"{zlib.crc32(name):08x}.sock"  # noqa: S108 - owner and mode are checked


def check_folder(folder: Path) -> None:
    """Raise ServiceError unless `folder` is a real folder of this user that nobody else can enter."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ServiceError(f"{folder} is a {_kind(found.st_mode)}, not a folder; remove it")
    if found.st_uid != os.getuid():
        raise ServiceError(
            f"{folder} is user {found.st_uid}'s, not yours ({os.getuid()}); set $XDG_RUNTIME_DIR to a folder of yours"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ServiceError(f"{folder} has mode {stat.S_IMODE(found.st_mode):04o}, not 0700; `chmod 700 {folder}`")


def _kind(mode: int) -> str:
    return "symbolic link" if stat.S_ISLNK(mode) else "file"


def connect(path: Path, timeout_s: float) -> socket.socket:
    """Return a socket connected to the service of this user at `path`.

    Raises FileNotFoundError or ConnectionRefusedError when nobody is there, another OSError when there is no
    answer, and ServiceError when the folder or the peer is not this user's.
    """
    check_folder(address(path).parent)
    connection = _unix_socket()
    try:
        connection.settimeout(timeout_s)
        _connect(connection, address(path), time.monotonic() + timeout_s)
        check_peer(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(connection: socket.socket, place: Path, deadline: float) -> None:
    while True:
        try:
            return connection.connect(os.fspath(place))
        except BlockingIOError:  # Linux: more connections wait than the backlog holds
            if time.monotonic() > deadline:
                raise
            time.sleep(BUSY_S)


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, in place of whatever was there; raises ServiceError or OSError.

    The caller holds the lock by which there is one service.
    """
    place = address(path)
    check_folder(private_directory(place.parent))
    fresh = place.with_suffix(".new")  # bound aside, then renamed: there is no moment without a socket
    fresh.unlink(missing_ok=True)
    listener = _unix_socket()
    try:
        listener.bind(os.fspath(fresh))
        fresh.chmod(0o600)
        listener.listen(BACKLOG)
        fresh.rename(place)
    except BaseException:
        listener.close()
        raise
    return listener


def inode(path: Path) -> int | None:
    """Return the number of the file at the service's address, or None: another number is another socket."""
    try:
        return address(path).stat().st_ino
    except OSError:
        return None


def _unix_socket() -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise ServiceError("this Python has no Unix sockets; the service runs on Linux and macOS")
    return socket.socket(socket.AF_UNIX)


def check_peer(connection: socket.socket, path: Path) -> None:
    """Raise ServiceError when the process at the other end is known to be another user's."""
    if (user := _peer_user(connection)) not in (None, os.getuid()):
        raise ServiceError(f"{path}: the process at the other end is user {user}'s, not yours ({os.getuid()})")


def _peer_user(connection: socket.socket) -> int | None:
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])  # struct ucred: pid, uid, gid
    if sys.platform == "darwin":
        credentials = connection.getsockopt(0, 0x001, 76)  # SOL_LOCAL, LOCAL_PEERCRED, sizeof(struct xucred)
        return int(struct.unpack_from("2I", credentials)[1])  # version, uid, …
    return None
