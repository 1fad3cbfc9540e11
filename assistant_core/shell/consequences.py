"""What a dangerous line would really hit: files and bytes below its targets, and work that git does not have yet.

In: the targets of a verdict, absolute, with `*` where the line has it. Out: one text per target, and one about git.
Everything is bounded in time, and nothing is changed: no link is followed, and git takes no lock and runs no hook.
"""

import fnmatch
import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

SCAN_S = 0.05  # for all targets together
GIT_S = 0.2  # for git's answer
_UNKNOWN = "…"  # how a verdict writes what cannot be told before the line runs
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_KINDS = {stat.S_IFBLK: "a device", stat.S_IFCHR: "a device", stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a pipe"}


class Extent:
    """What has been counted so far of one target; the scanning thread alone writes it."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.files = 0
        self.size = 0  # bytes
        self.kind = ""  # of what is no file, link or folder
        self.complete = False

    def text(self) -> str:
        """Return the target and what it holds."""
        if not self.target.startswith("/"):
            return self.target
        if _UNKNOWN in self.target:
            return f"{self.target}: cannot be told before it runs"
        if self.kind:
            return f"{self.target}: {self.kind}"
        if not self.files:
            return f"{self.target}: {'no files' if self.complete else 'too large to count'}"
        least = "" if self.complete else "at least "
        return f"{self.target}: {least}{self.files:,} {'file' if self.files == 1 else 'files'}, {size(self.size)}"


def measure(targets: Sequence[str], budget_s: float = SCAN_S) -> list[str]:
    """Return a text for each target; after `budget_s` seconds with what was counted until then.

    A thread counts, so that a network drive that does not answer cannot keep the question away.
    """
    extents = [Extent(target) for target in targets]
    counting = threading.Thread(
        target=_count_all, args=(extents, time.monotonic() + budget_s), name="assistant-scan", daemon=True
    )
    counting.start()
    counting.join(budget_s)
    return [extent.text() for extent in extents]


def uncommitted(place: str, environ: Mapping[str, str], budget_s: float = GIT_S) -> str | None:
    """Return what git would lose at or below `place` (a folder or file of a work tree); None where git cannot tell."""
    folder = place if os.path.isdir(place) and os.path.basename(place) != ".git" else os.path.dirname(place)  # noqa: PTH112, PTH119, PTH120 - texts
    within = [] if place.endswith("/.git") else ["--", place]
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", folder, "status", "--porcelain"]
    try:
        asked = subprocess.run(
            [*command, *within],
            capture_output=True,
            timeout=budget_s,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    rows = asked.stdout.splitlines()
    fresh = sum(row.startswith(b"??") for row in rows)
    if not rows:
        return "nothing is uncommitted"
    return f"{len(rows) - fresh} changed and {fresh} untracked, not committed"


def size(count: int) -> str:
    """Return a number of bytes in the unit that fits, as "1.2 GB"."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:  # noqa: PLR2004 - SI prefixes
            return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def _count_all(extents: Iterable[Extent], until_s: float) -> None:
    for extent in extents:
        if extent.target.startswith("/") and _UNKNOWN not in extent.target and time.monotonic() < until_s:
            _count(extent, until_s)


def _count(extent: Extent, until_s: float) -> None:
    for path in _matches(extent.target, until_s):
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            continue
        if stat.S_ISDIR(found.st_mode):
            for entry in _below(path, until_s):
                _add(extent, entry)
        else:
            extent.kind = _KINDS.get(stat.S_IFMT(found.st_mode), "")
            extent.files += 1
            extent.size += found.st_size
    extent.complete = time.monotonic() < until_s


def _add(extent: Extent, entry: "os.DirEntry[str]") -> None:
    try:
        if not entry.is_dir(follow_symlinks=False):
            extent.files += 1
            extent.size += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return


def _matches(pattern: str, until_s: float) -> Iterator[str]:
    """Yield the paths that a pattern stands for: `*`, `?`, `[…]` in a name, and `**` for any folders between."""
    head, _, tail = pattern.partition("/**/")
    if tail:
        for entry in _below(head or "/", until_s):
            if fnmatch.fnmatchcase(entry.name, tail.rpartition("/")[2]):
                yield entry.path
        return
    folder, name = os.path.split(pattern.rstrip("/") or "/")
    if not any(mark in pattern for mark in "*?["):
        yield pattern
    elif not any(mark in folder for mark in "*?["):
        yield from (entry.path for entry in _entries(folder) if _fits(entry.name, name))
    else:
        for parent in _matches(folder, until_s):
            if time.monotonic() < until_s:
                yield from (entry.path for entry in _entries(parent) if _fits(entry.name, name))


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and (name[:1] != "." or pattern[:1] == ".")


def _below(folder: str, until_s: float) -> Iterator["os.DirEntry[str]"]:
    waiting = [folder]
    while waiting:
        for entry in _entries(waiting.pop()):
            if time.monotonic() >= until_s:
                return
            yield entry
            if _is_folder(entry):
                waiting.append(entry.path)


def _entries(folder: str) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (OSError, ValueError):
        return


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
