"""A command line in, the same line without its secrets out. The rules and their examples are in redaction.toml.

A cheap look tells which kinds of rules a line may need, mostly none. Each rule then names the spans of the secrets
it sees, and `MARK` replaces them all at once; this is repeated until nothing is found, so what comes out stays as it
is. Runs inside the shell: standard library only, nothing is read or compiled before it is needed, and the time is
linear in the length of the line.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MARK = "__REDACTED__"
"""Stands where a secret was. One plain word to every shell, in a URL, in JSON and in Python; no glob, no option."""

Span = tuple[int, int]

_LONG_WORD = 16  # characters; a shorter word is no token by its shape alone
_LONG_NAME = 80  # characters; a longer word is no name
_NESTING = 4  # levels of quotes: bash -c "ssh h 'mysql …'"
_PASSES = 8  # two are the rule
_FILLER = "\x01"  # stands for what is quoted; not a blank to a pattern

_QUOTED = re.compile(r"""(?s)\\.|"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^']*'|"|'""")
_HIDDEN = str.maketrans(dict.fromkeys(" \t\n\r\v\f;|&()<>,?`", _FILLER))
_VALUE = r"[^\s;|&()<>`]+"
_WORD = re.compile(_VALUE)
_COMMAND = re.compile(r"[^;|&\n()`]+")
_IN_QUOTES = re.compile(r"""(?s)(\\?["'])(?P<inner>.*)\1|(?P<open>[^"']+?)\\?["']""")
_NAME_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_TOKEN = re.compile(r"[\w+/=~%-]+")
_REFERENCE = re.compile(r"\$(?:[^\w]|[a-z_]+\b|[A-Z_]+\b|\d\b)")
_TO_WORDS = bytes(byte if chr(byte).isascii() and (chr(byte).isalnum() or byte in b"_-") else 32 for byte in range(256))


class Redacted(NamedTuple):
    """A line without its secrets, and whether it had any."""

    text: str
    changed: bool


def redact(line: str) -> Redacted:
    """Replace each secret in `line` by `MARK` and keep the rest.

    Never raises, whatever the line. A line that does not come to rest becomes `MARK` as a whole.
    """
    text = line
    for _ in range(_PASSES):
        spans = _merged(_secrets(text))
        if not spans:
            return Redacted(text, text != line)
        text = _replaced(text, spans)
    return Redacted(MARK, changed=True)


class _Rule:
    """One row of the rules; its pattern is compiled when a line first needs it."""

    def __init__(self, row: dict[str, str]) -> None:
        self.words = tuple(row.get("words", "").split())
        self.programs = tuple(row.get("programs", "").split())
        self.check = row.get("check", "any")
        self._pattern = row["pattern"]
        self._named = "(?P<name>" in self._pattern

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self._pattern.replace("{V}", _VALUE))

    def spans(self, text: str, shown: str, offset: int, pos: int, endpos: int) -> Iterator[Span]:
        """Secrets in `shown[pos:endpos]`, as spans of `text`, in which `shown` begins at `offset`."""
        for match in self.pattern.finditer(shown, pos, endpos):
            low, high = match.span("secret")
            start, end = _without_quotes(text, low + offset, high + offset)
            literal = text[start - 1 : start] == "'"
            if _is_secret(text[start:end], match["name"] if self._named else None, self.check, literal=literal):
                yield start, end


class _Names:
    """What a name says about its value."""

    def __init__(self, row: dict[str, str]) -> None:
        self._secret = re.compile(row["secret"])
        self._perhaps = frozenset(row["perhaps"].split())
        self._first = frozenset(row["first"].split())
        self._last = frozenset(row["last"].split())
        self._pairs = frozenset(row["pairs"].split())

    def kind(self, name: str) -> str:
        """`secret`, `perhaps` or `none`."""
        words = _NAME_BREAK.sub(" ", name).lower().split()
        if not words or len(name) > _LONG_NAME or self._is_harmless(words):
            return "none"
        if self._secret.search("_".join(words)):
            return "secret"
        return "none" if self._perhaps.isdisjoint(words) else "perhaps"

    def _is_harmless(self, words: list[str]) -> bool:
        return (
            words[0] in self._first
            or words[-1] in self._last
            or not self._pairs.isdisjoint(map("_".join, pairwise(words)))
        )


_ByWord = tuple[tuple[str, _Rule], ...]


class _Values:
    """What a value says about itself; most lines never ask."""

    def __init__(self, row: dict[str, str]) -> None:
        self._row = row
        self._files = frozenset(row["files"].split())

    @cached_property
    def _harmless(self) -> re.Pattern[str]:
        return re.compile(self._row["harmless"])

    def is_harmless(self, value: str, *, literal: bool) -> bool:
        """`literal`: in single quotes, where $ECRET is a reference to an outer shell and $eCr3t is none."""
        if literal and value.startswith("$") and not _REFERENCE.match(value):
            return False
        stem, _, ending = value.rpartition(".")
        return value in {"", MARK} or (stem != "" and ending in self._files) or bool(self._harmless.fullmatch(value))


class _Tables(NamedTuple):
    hints: tuple[str, ...]  # parts of a line
    program_hints: frozenset[bytes]  # words of a line
    token: _ByWord
    text: _ByWord
    word: _ByWord
    by_program: dict[str, list[_Rule]]
    names: _Names
    values: _Values


def _by_word(rows: list[dict[str, str]]) -> _ByWord:
    return tuple((word, rule) for rule in map(_Rule, rows) for word in rule.words)


@cache
def _tables() -> _Tables:
    import tomllib  # noqa: PLC0415 - 1.5 ms that the shell's start must not pay

    data = tomllib.loads(Path(__file__).with_name("redaction.toml").read_text(encoding="utf-8"))
    programs = tuple(map(_Rule, data["program"]))
    by_program: dict[str, list[_Rule]] = {}
    for rule in programs:
        for program in rule.programs:
            by_program.setdefault(program.lower(), []).append(rule)
    return _Tables(
        hints=tuple(data["quick"]["hints"].split()),
        program_hints=frozenset(_words(word)[0] for rule in programs for word in rule.words or rule.programs),
        token=_by_word(data["token"]),
        text=_by_word(data["text"]),
        word=_by_word(data["word"]),
        by_program=by_program,
        names=_Names(data["names"]),
        values=_Values(data["values"]),
    )


def _secrets(text: str) -> Iterator[Span]:
    tables = _tables()
    words, lower = _words(text), text.lower()
    if any(_may_be_token(word) for word in words if len(word) >= _LONG_WORD):
        yield from _anywhere(tables.token, text, lower)
    context = ("://" in text and "@" in text) or any(hint in lower for hint in tables.hints)
    if context:
        yield from _anywhere(tables.text, text, lower)
    program = not tables.program_hints.isdisjoint(words)
    if context or program:
        yield from _by_level(text, _applying(tables.word, lower), tables.by_program if program else {})


def _words(text: str) -> list[bytes]:
    return text.encode(errors="replace").translate(_TO_WORDS).split()


def _may_be_token(word: bytes) -> bool:
    letters = word.translate(None, b"-_")
    return not (letters.isalpha() and letters.islower())


def _applying(rules: _ByWord, lower: str) -> list[_Rule]:
    return list(dict.fromkeys([rule for word, rule in rules if word in lower]))


def _anywhere(rules: _ByWord, text: str, lower: str) -> Iterator[Span]:
    for rule in _applying(rules, lower):
        yield from rule.spans(text, text, 0, 0, len(text))


def _by_level(text: str, rules: list[_Rule], by_program: dict[str, list[_Rule]]) -> Iterator[Span]:
    for offset, level in _levels(text):
        for rule in rules:
            yield from rule.spans(text, level, offset, 0, len(level))
        if by_program:
            for rule, start, end in _programs(level, by_program):
                yield from rule.spans(text, level, offset, start, end)


def _levels(text: str) -> Iterator[tuple[int, str]]:
    """Go through the line, then what stands in its quotes, and so on inwards: offset and text of each.

    Blanks and separators that are quoted on a level are hidden on it, so that a word is a run of non-blanks.
    """
    level = [(0, text)]
    for _ in range(_NESTING):
        inner = []
        for offset, piece in level:
            yield offset, _QUOTED.sub(_hide, piece).replace(">&", "  ").replace("&>", "  ")
            inner += [
                (offset + quoted.start() + 1, quoted[0][1:-1].replace('\\"', _FILLER + '"'))
                for quoted in _QUOTED.finditer(piece)
                if len(quoted[0]) > 2  # noqa: PLR2004 - two quotes and something between
            ]
        if not inner:
            return
        level = inner


def _hide(quoted: re.Match[str]) -> str:
    part = quoted[0]
    if len(part) == 1 or part == "\\\n":  # a quote without its twin, a line that goes on
        return " " * len(part)
    return part.translate(_HIDDEN)


def _programs(level: str, by_program: dict[str, list[_Rule]]) -> Iterator[tuple[_Rule, int, int]]:
    """Rules of the programs named in each simple command, and the span of what follows the name."""
    for command in _COMMAND.finditer(level):
        seen = set()
        for word in _WORD.finditer(level, *command.span()):
            name = word[0].rpartition("/")[2].strip("\"'").lower().removesuffix(".exe")
            for rule in by_program.get(name, ()):
                if rule not in seen:
                    seen.add(rule)
                    yield rule, word.end(), command.end()


def _without_quotes(text: str, start: int, end: int) -> Span:
    match = _IN_QUOTES.fullmatch(text, start, end)
    if match is None:
        return start, end
    return match.span("inner" if match["inner"] is not None else "open")


def _is_secret(value: str, name: str | None, check: str, *, literal: bool) -> bool:
    kind = "secret" if name is None else _kind_of_name(name)
    if kind == "none" or _tables().values.is_harmless(value, literal=literal):
        return False
    return _CHECKS["random" if kind == "perhaps" else check](value)


@lru_cache(maxsize=1024)
def _kind_of_name(name: str) -> str:
    return _tables().names.kind(name)


def _has_letter_and_digit(value: str) -> bool:
    return any(map(str.isalpha, value)) and any(map(str.isdigit, value))


def _looks_random(value: str) -> bool:
    """Shannon entropy of at least 3 bits a character: 32 random hexadecimal digits have about 3.6."""
    if len(value) < _LONG_WORD or not _has_letter_and_digit(value) or not _TOKEN.fullmatch(value):
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) >= 3  # noqa: PLR2004 - see above


def _is_card(value: str) -> bool:
    """ISO/IEC 7812-1, annex B: the Luhn sum is a multiple of ten."""
    digits = [int(digit) for digit in reversed(value) if digit.isdecimal()]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


_CHECKS: dict[str, Callable[[str], bool]] = {
    "any": bool,
    "mixed": _has_letter_and_digit,
    "random": _looks_random,
    "luhn": _is_card,
}


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Sorted, overlapping and adjoining ones made one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _replaced(text: str, spans: list[Span]) -> str:
    bounds = [(0, 0), *spans, (len(text), len(text))]
    return MARK.join(text[left[1] : right[0]] for left, right in pairwise(bounds))
