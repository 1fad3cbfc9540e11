"""The history as arrays: every line interned once, every event threaded to those beside it.

In: rows in time order. Out: for any event its line, and the events of the same session, line, folder or program that
came just before it, as plain integers, so that "what followed this line" is a walk of a few dozen array reads. An event
costs 44 bytes, a distinct line its text and about 150 bytes; there is no container object per event.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

Row = tuple[str, str, str | None, int | None, int | None]  # line, session, cwd, exit code, started (ns since the epoch)
NONE = -1  # no such event
CHUNK = 8192  # rows loaded at a time
UNKNOWN = -1000  # exit code not known
WRAPPERS = frozenset({"sudo", "doas", "time", "env", "nohup", "exec", "command"})


class Thread:
    """Events strung together by a key: `tip[key]` is its newest event, `earlier[event]` the one before, or NONE."""

    def __init__(self, keys: NDArray[np.int32]) -> None:
        order = np.argsort(keys, kind="stable").astype(np.int32)
        same = keys[order[1:]] == keys[order[:-1]]
        earlier = np.full(len(keys), NONE, np.int32)
        earlier[order[1:][same]] = order[:-1][same]
        tip = np.zeros(int(keys.max(initial=NONE)) + 1, np.int32)
        tip[keys] = np.arange(len(keys), dtype=np.int32)
        self.earlier, self.tip = array("i", earlier.tobytes()), array("i", tip.tobytes())

    def add(self, key: int) -> int:
        """Append one event; a new key must be the next number. Returns the event before it, or NONE."""
        event, before = len(self.earlier), NONE
        if key == len(self.tip):
            self.tip.append(event)
        else:
            before, self.tip[key] = self.tip[key], event
        self.earlier.append(before)
        return before

    def walk(self, key: int, most: int) -> Iterator[int]:
        """Events of `key`, newest first, `most` at the most."""
        return self.back(self.tip[key], most)

    def back(self, event: int, most: int) -> Iterator[int]:
        """`event` and those of its key before it, newest first, `most` at the most."""
        return islice(self._chain(event), most)

    def _chain(self, event: int) -> Iterator[int]:
        while event != NONE:
            yield event
            event = self.earlier[event]


def _numbers() -> defaultdict[str, int]:
    """Text to its number, counted from 0 in order of first sight."""
    return defaultdict(count().__next__)


class LastRun(NamedTuple):
    """What is known of a line: times run, when last (ns since the epoch), and with which exit code."""

    runs: int
    last_ns: int | None
    last_exit: int | None


def program_of(line: str) -> str:
    """Name the program that a line runs: its first word that is neither a wrapper nor an assignment, or ""."""
    for word in line.split(None, 8)[:8]:
        if word not in WRAPPERS and "=" not in word:
            return word
    return ""


class Memory:
    """All lines and events, each numbered in order of arrival. `texts[i]` is line i, "" once forgotten."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.folder_ids, self.session_ids, self.program_ids = _numbers(), _numbers(), _numbers()
        self.line, self.folder, self.exit, self.started = array("i"), array("i"), array("q"), array("q")
        ids, sessions, rest = _numbers(), array("i"), iter(rows)
        while chunk := list(islice(rest, CHUNK)):
            lines, names, folders, exits, starts = zip(*chunk, strict=True)
            self.line.extend(map(ids.__getitem__, map(str.strip, lines)))
            sessions.extend(map(self.session_ids.__getitem__, names))
            self.folder.extend([self.folder_ids[cwd or ""] for cwd in folders])
            self.exit.extend([UNKNOWN if code is None else code for code in exits])
            self.started.extend([started_ns or 0 for started_ns in starts])
        self.ids, self.texts = dict(ids), list(ids)
        self.program = array("i", [self.program_ids[program_of(text)] for text in self.texts])
        numbers = np.array(self.line, np.int32)
        self.by_line, self.by_session = Thread(numbers), Thread(np.array(sessions, np.int32))
        self.by_folder = Thread(np.array(self.folder, np.int32))
        self.by_program = Thread(np.array(self.program, np.int32)[numbers])
        self._load_neighbours(numbers)

    def _load_neighbours(self, lines: NDArray[np.int32]) -> None:
        before = np.array(self.by_session.earlier, np.int32)
        after, first = np.full(len(before), NONE, np.int32), np.zeros(len(self.texts), np.int32)
        later = np.flatnonzero(before != NONE).astype(np.int32)
        after[before[later]] = later
        first[lines[::-1]] = np.arange(len(lines) - 1, -1, -1, dtype=np.int32)
        self.after, self.first = array("i", after.tobytes()), array("i", first.tobytes())
        self.count = array("i", np.bincount(lines, minlength=len(self.texts)).astype(np.int32).tobytes())
        self.starts = array(
            "i", np.flatnonzero(before == NONE).astype(np.int32).tobytes()
        )  # first event of each session

    def __len__(self) -> int:
        """Count the events."""
        return len(self.line)

    def append(self, line: str, session: str, cwd: str | None, exit_code: int | None, started_ns: int | None) -> int:
        """Append one event and return the number of its line. Space around the line is not part of it."""
        event, text = len(self.line), line.strip()
        number = self.ids.get(text, NONE)
        if number == NONE:
            number = self._new_line(text, event)
        self.line.append(number)
        self.folder.append(self.folder_ids[cwd or ""])
        self.exit.append(UNKNOWN if exit_code is None else exit_code)
        self.started.append(started_ns or 0)
        self.count[number] += 1
        self.by_line.add(number)
        self.by_folder.add(self.folder[event])
        self.by_program.add(self.program[number])
        before = self.by_session.add(self.session_ids[session])
        self.after.append(NONE)
        if before == NONE:
            self.starts.append(event)
        else:
            self.after[before] = event
        return number

    def _new_line(self, text: str, event: int) -> int:
        self.ids[text] = number = len(self.texts)
        self.texts.append(text)
        self.program.append(self.program_ids[program_of(text)])
        self.first.append(event)
        self.count.append(0)
        return number

    def forget(self, line: str) -> int:
        """Drop the text of a line; returns its number, or NONE if it was not known. Its events stay, as blanks."""
        number = self.ids.pop(line.strip(), NONE)
        if number != NONE:
            self.texts[number] = ""
        return number

    def last_run(self, number: int) -> LastRun:
        """Say how often line `number` was run, and of its last run when, how it ended and where."""
        event = self.by_line.tip[number]
        code = self.exit[event]
        return LastRun(self.count[number], self.started[event] or None, None if code == UNKNOWN else code)
