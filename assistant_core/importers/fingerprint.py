"""What tells an imported line that is known from a new one: a 64-bit signed number, the same in every run.

A line with a time: bits 31 and up are the second, bits 0 to 30 a hash of shell, line and fraction of the second. The
numbers grow with time, so the store's index grows at its end. A line without: negative; bits 47 and up count how
often the line came before it in the file, the rest is a hash of shell and line. Histories lose lines at their front
and gain them at their end: that changes neither. The line is the redacted one: no number is made from a secret.
"""

from __future__ import annotations

from hashlib import blake2b

_SECOND = 10**9  # nanoseconds
_TIMED_BITS = 31
_UNTIMED_BITS = 47
_TIMED_MASK = (1 << _TIMED_BITS) - 1
_UNTIMED_MASK = (1 << _UNTIMED_BITS) - 1
_MOST_BEFORE = (1 << 16) - 1
_STEP = 0x9E3779B97F4A7C15  # odd, so that its multiples fall on every hash before the first one twice


def hashed(shell: str, line: str) -> int:
    """Return a hash of 64 bits."""
    return int.from_bytes(blake2b(line.encode(), digest_size=8, person=shell.encode()).digest())


class Fingerprints:
    """The fingerprints of one file, whose lines are asked for in their order. Each is given once."""

    def __init__(self) -> None:
        self._given: dict[int, int] = {}  # the first fingerprint of a line, to how often the line was asked for

    def of(self, line_hash: int, started_ns: int | None) -> int:
        """Return the number of a line with this hash; `started_ns` is at least 0 and below 2**32 seconds."""
        first = number = self._number(line_hash, started_ns, 0)
        if (before := self._given.get(first, 0)) == 0:
            self._given[first] = 1
            return first
        while number in self._given:  # the same line at the same time, or a hash that met another
            number = self._number(line_hash, started_ns, before)
            before += 1
        self._given[number] = 1
        self._given[first] = before
        return number

    @staticmethod
    def _number(line_hash: int, started_ns: int | None, before: int) -> int:
        if started_ns is None:
            over = max(before - _MOST_BEFORE, 0)
            low = (line_hash + over * _STEP) & _UNTIMED_MASK
            return -1 - (min(before, _MOST_BEFORE) << _UNTIMED_BITS | low)
        seconds, fraction = divmod(started_ns, _SECOND)
        return seconds << _TIMED_BITS | ((line_hash + (fraction + before) * _STEP) & _TIMED_MASK)
