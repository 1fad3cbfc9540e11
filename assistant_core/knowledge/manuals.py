"""The manual pages of this machine: a name → its `Page`, found, read and kept.

What was read is kept in memory and, if asked for, in one file per page, good as long as path, time and size of the
page and the version of the parser are the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant_core.knowledge.page import PARSER_VERSION, Page, read
from assistant_core.knowledge.sources import candidates, hierarchies, source

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_KEPT = 64  # pages in memory
SECTIONS = ("1", "8", "6", "1p", "1posix", "1ssl", "1x", "1m", "8p", "7", "5")
_NAME = re.compile(r"[\w.+:@\[-][\w.+:@\[-]{0,99}")


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page in the cache folder, with what it was read from."""

    path: str
    modified_ns: int
    size: int  # bytes
    parser: int
    page: Page


class Manuals:
    """Finds, reads and keeps manual pages. May be shared by threads.

    cache: a folder for pages that were read, made on need (0700, files 0600); None keeps them in memory only.
    search: manual hierarchies; None stands for those of this machine.
    """

    def __init__(self, cache: Path | None = None, search: Sequence[Path] | None = None) -> None:
        self.search = list(search) if search is not None else hierarchies(os.environ)
        self._cache = cache
        self._kept: OrderedDict[tuple[str, int, int], Page] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, name: str, section: str | None = None) -> Page | None:
        """Return the page of that name, commands first; None if none is installed.

        Raises ManualError for a page that is there but cannot be read.
        """
        if not _NAME.fullmatch(name):
            return None
        for path, found in candidates(self.search, name, (section,) if section else SECTIONS):
            return self._load(path, name, found)
        return None

    def installed(self) -> bool:
        """Whether this machine has any manual page of a command."""
        return any(any((root / folder).glob("*.[18]*")) for root in self.search for folder in ("man1", "man8"))

    def _load(self, path: Path, name: str, section: str) -> Page:
        stat = path.stat()
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        page = self._from_cache(key) or self._from_source(path, name, section, key)
        with self._lock:
            self._kept[key] = page
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return page

    def _from_source(self, path: Path, name: str, section: str, key: tuple[str, int, int]) -> Page:
        page = read(source(path), name, section)
        self._to_cache(key, page)
        return page

    def _file(self, key: tuple[str, int, int]) -> Path | None:
        return self._cache / (hashlib.sha256(key[0].encode()).hexdigest()[:32] + ".msgpack") if self._cache else None

    def _from_cache(self, key: tuple[str, int, int]) -> Page | None:
        file = self._file(key)
        try:
            kept = msgspec.msgpack.decode(file.read_bytes(), type=_Kept) if file else None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return (
            kept.page
            if kept and (kept.path, kept.modified_ns, kept.size, kept.parser) == (*key, PARSER_VERSION)
            else None
        )

    def _to_cache(self, key: tuple[str, int, int], page: Page) -> None:
        """Write a page to the cache folder. A folder that cannot be written only costs time."""
        file = self._file(key)
        if file is None:
            return
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=file.parent)  # 0600
            with os.fdopen(handle, "wb") as stream:
                stream.write(msgspec.msgpack.encode(_Kept(*key, PARSER_VERSION, page)))
            Path(temporary).replace(file)
        except OSError:
            return
