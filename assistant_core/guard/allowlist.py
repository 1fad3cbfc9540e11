"""What the user allowed although a rule speaks against it.

In: a line or a target, how far that goes and until when. Out: whether a verdict is covered. Entries for a project or
for always are one JSON file that only the user can read; secrets are cut out of it, so a line with another secret in
the same place is the same line here.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from assistant_core.guard.files import Watched, locked
from assistant_core.records import Verdict
from assistant_core.redact import redact
from assistant_core.settings import replace_file

Reach = Literal["session", "project", "always"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One permission: a line while it fits no other rule and target than listed; without a line, any that does."""

    at: int  # when it was given, seconds since the Unix epoch
    scope: Reach
    root: str = ""  # of the git repository in which it holds; "" is everywhere
    line: str | None = None
    rules: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()  # absolute paths
    expires: int | None = None  # seconds since the Unix epoch
    why: str = ""

    @classmethod
    def of(  # noqa: PLR0913 - a row of the list
        cls,
        line: str,
        verdict: Verdict,
        scope: Reach,
        root: str,
        *,
        expires: int | None = None,
        why: str = "",
    ) -> "Entry":
        """Return the permission for `line` as long as it comes to `verdict`."""
        return cls(
            at=now_s(),
            scope=scope,
            root=root,
            line=key(line),
            rules=verdict.rules,
            targets=tuple(map(_cut, verdict.targets)),
            expires=expires,
            why=_cut(why or "; ".join(verdict.reasons)),
        )

    def holds(self, root: str, at: int) -> bool:
        """Return whether it counts in the repository `root` at that time."""
        return (self.expires is None or at < self.expires) and (self.scope != "project" or self.root == root)

    def covers(self, line: str, verdict: Verdict) -> bool:
        """Return whether it covers the whole verdict on `line`, a `key`."""
        targets = set(map(_cut, verdict.targets))
        known = set(verdict.rules) <= set(self.rules) and targets <= set(self.targets)
        return known and (self.line == line or (self.line is None and bool(targets)))


class AllowList:
    """The permissions in the file at `path`, and those of this session."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self.path = path
        self._kept = Watched[list[Entry]](path, _read, [], tell)
        self._session: list[Entry] = []

    def entries(self) -> list[Entry]:
        """Return what has not expired, that of this session last."""
        return _valid([*self._kept.get(), *self._session])

    def covering(self, line: str, verdict: Verdict, root: str) -> str:
        """Return the scope of an entry that covers the verdict on `line` in the git repository `root`, or ""."""
        at = now_s()
        known = [each for each in (*self._session, *self._kept.get()) if each.holds(root, at)]
        text = key(line) if known else ""
        return next((each.scope for each in known if each.covers(text, verdict)), "")

    def add(self, entry: Entry) -> None:
        """Add a permission; raises OSError where it cannot be written, ValueError where the file is broken."""
        if entry.scope == "session":
            self._session.append(entry)
            return
        with locked(self.path.parent):
            self._write([*_valid(_present(self.path)), entry])

    def remove(self, number: int) -> Entry | None:
        """Remove the entry of that number (from 1) among those of the file that have not expired; None if none."""
        with locked(self.path.parent):
            kept = _valid(_present(self.path))
            if not 1 <= number <= len(kept):
                return None
            removed = kept.pop(number - 1)
            self._write(kept)
            return removed

    def _write(self, entries: Iterable[Entry]) -> None:
        text = msgspec.json.format(msgspec.json.encode(list(entries)), indent=1).decode()
        replace_file(self.path, f"{text}\n")


def key(line: str) -> str:
    """Return a line as it is written down."""
    return _cut(line.strip())


def now_s() -> int:
    """Return the time, seconds since the Unix epoch."""
    return int(time.time())


def _cut(text: str) -> str:
    return redact(text).text.encode(errors="backslashreplace").decode()


def _valid(entries: Iterable[Entry]) -> list[Entry]:
    at = now_s()
    return [each for each in entries if each.expires is None or at < each.expires]


def _present(path: Path) -> list[Entry]:
    return _read(path) if path.exists() else []


def _read(path: Path) -> list[Entry]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Entry])
    except ValueError as error:
        raise ValueError(f"{path}: {error}; correct or remove it") from error
