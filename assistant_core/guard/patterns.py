"""Regular expressions of other people, so written that none takes long: a project's file is not ours.

In: a regular expression that compiles. Out: what is wrong with it. Python's matcher goes back and tries again; how
often it can is estimated from above, over a text of `LONGEST` characters, and bounded.
"""

import math
import re

LONGEST = 256  # characters of a word, an option's value or a call that a pattern sees
MOST_WAYS = LONGEST**2 * 32  # to try one pattern from one place

_TOKEN = re.compile(
    r"""(?P<flags>\(\?[aims]+\))|(?P<unusual>\(\?(?![:=!]|<[=!]|P<\w+>))|(?P<open>\((?:\?(?:[:=!]|<[=!]|P<\w+>))?)"""
    r"""|(?P<close>\))|(?P<bar>\|)|(?P<repeat>(?:[*+]|\{\d*,?\d*\})[?+]?)|(?P<maybe>\?\??)"""
    r"""|(?P<item>\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)""",
    re.DOTALL,
)


def problem(pattern: str) -> str:
    """Return why `pattern` is refused; "" if it is not."""
    if any(found["unusual"] for found in _TOKEN.finditer(pattern)):
        return f"{pattern!r} has a group of an unusual kind; (…), (?:…), (?=…), (?!…) and (?i) can be used"
    ways = _ways(pattern)
    if ways == math.inf:
        return f"{pattern!r} repeats a group, which can take for ever; repeat a single character or class, such as .*"
    if ways > MOST_WAYS:
        return f"{pattern!r} can take too long: it has too many repetitions, options or alternatives; two .* are fine"
    return ""


def _ways(pattern: str) -> float:
    """Return in how many ways the matcher may try `pattern` from one place, at most; infinity for repeated groups."""
    open_groups = list[tuple[float, float]]()
    total, ways, before = 0.0, 1.0, ""  # of the branches before this one, of this one; the kind of token before
    for found in _TOKEN.finditer(pattern):
        kind = found.lastgroup
        if kind == "open":
            open_groups.append((total, ways))
            total, ways = 0.0, 1.0
        elif kind == "bar":
            total, ways = total + ways, 1.0
        elif kind == "close":
            outer, so_far = open_groups.pop()
            total, ways = outer, so_far * (total + ways)
        elif kind == "repeat":
            ways *= math.inf if before == "close" else LONGEST
        elif kind == "maybe":
            ways *= 2
        before = kind or ""
    return total + ways
