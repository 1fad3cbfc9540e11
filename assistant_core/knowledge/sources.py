"""Files of manual pages: where they are on this machine, and the text in them. No program is started for it.

Pages are files `manN/NAME.N[.gz|.xz|.bz2]` in the hierarchies of $MANPATH, or else beside the folders of $PATH and
where systems keep them. Only the untranslated (English) pages are read.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from assistant_core.errors import AssistantError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAX_SOURCE = 8 * 2**20  # bytes of a page's source, decompressed: three times the longest known
_MAX_INCLUDES = 5  # `.so` lines that lead from one file to the next
_SO = re.compile(r"""(?:[.']\\".*\n|\s*\n)*\.so\s+(\S+)""")


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),  # a gzip header, and its checksum
    ".xz": lzma.LZMADecompressor,
    ".bz2": bz2.BZ2Decompressor,
}
_EXTENSIONS = ("", *_DECOMPRESSORS)
_DEFAULTS = (
    "/usr/local/share/man",
    "/usr/local/man",
    "/usr/share/man",
    "/usr/man",
    "/opt/homebrew/share/man",
    "/opt/local/share/man",
    "/Library/Developer/CommandLineTools/usr/share/man",
    "/run/current-system/sw/share/man",
)


class ManualError(AssistantError):
    """A manual page that is there but cannot be read."""


def hierarchies(environ: Mapping[str, str]) -> list[Path]:
    """Return the manual hierarchies that exist, in the order of search; from the environment, as manpath(1) does."""
    given = environ.get("MANPATH", "")
    parents = [Path(folder).parent for folder in environ.get("PATH", "").split(":") if folder]
    beside = [str(parent / tail) for parent in parents for tail in ("share/man", "man")]
    found = [*beside, *_DEFAULTS]
    if given:  # an empty component stands for the system's own
        found = [path for part in given.split(":") for path in ([part] if part else found)]
    return [Path(path) for path in dict.fromkeys(found) if Path(path).is_dir()]


def candidates(search: Sequence[Path], name: str, sections: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files that are the page `name`, with their sections; in the order of `sections`, then of `search`."""
    for section in sections:
        for root in search:
            path = existing(root / f"man{section[0]}" / f"{name}.{section}")
            if path is not None:
                yield path, section


def source(path: Path, includes: int = 0) -> str:
    """Return the source of a page; a file that only names another (`.so man1/other.1`) stands for that one.

    Raises ManualError for a file that cannot be read.
    """
    text = _decoded(_bytes(path))
    match = _SO.match(text)
    if match is None or includes >= _MAX_INCLUDES:
        return text
    inside = ".." not in match[1] and not match[1].startswith("/")
    target = (existing(path.parent.parent / match[1]) or existing(path.parent / match[1])) if inside else None
    if target is None:
        raise ManualError(f"{path} stands for {match[1]}, which is not installed: reinstall its package")
    return source(target, includes + 1)


def _bytes(path: Path) -> bytes:
    """Read a file, decompressed, up to MAX_SOURCE bytes."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_SOURCE)
        if path.suffix not in _DECOMPRESSORS:
            return data
        decompressor = _DECOMPRESSORS[path.suffix]()
        text = decompressor.decompress(data, MAX_SOURCE)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ManualError(f"the manual page {path} cannot be read ({error}): reinstall its package") from error
    if not decompressor.eof and len(text) < MAX_SOURCE:
        raise ManualError(f"the manual page {path} ends too early: reinstall its package")
    return text


def _decoded(source: bytes) -> str:
    """Pages are UTF-8 today and were Latin-1 before."""
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError:
        return source.decode("latin-1")


def existing(path: Path) -> Path | None:
    """Return the file of that name, compressed or not."""
    files = (path.with_name(path.name + extension) for extension in _EXTENSIONS)
    return next((file for file in files if file.is_file()), None)
