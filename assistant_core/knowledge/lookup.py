"""A word of a command and the entries of a manual page → which entries explain which part of the word.

The conventions of getopt_long(3), of programs with long options behind one dash (find, gcc) and of operands such as
`if=FILE`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from assistant_core.knowledge.terms import MAX_TERM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assistant_core.knowledge.page import Entry, Page

_MAX_BUNDLE = 60  # letters of `-xzf` that are looked up
_PLACEHOLDER = re.compile(r"-(?:<\w+>|NUM|NUMBER|N|#)")
_ANY_LETTERS = re.compile(r"(-[a-z]{2,})([XYZ]{1,3})(?!\S)")  # find's `-newerXY`
_LETTER = re.compile(r"-\w")
_WORD = re.compile(r"-[A-Za-z][\w-]{2,}")
_SUBCOMMAND_HEADING = re.compile(
    r"COMMAND|DESCRIPTION|ACTION|OBJECT|VERB|OPERAT|USAGE|OPERAND|ARGUMENT|KEYWORD", re.IGNORECASE
)


class Match(NamedTuple):
    """A part of a word and what explains it."""

    offset: int  # in the value of the word, characters
    name: str  # the part as the option is called: "-z" of "-xzf"
    entry: Entry | None  # None: the page does not know it
    takes_next: bool = False  # whether the next word is its argument


class Index:
    """The entries of a page (or of a part of it) by name."""

    def __init__(self, page: Page, entries: Iterable[Entry] | None = None) -> None:
        self.page = page
        self._names: dict[str, list[Entry]] = {}
        for entry in page.entries if entries is None else entries:
            for name in entry.names:
                self._names.setdefault(name, []).append(entry)

    def entry(self, name: str, argument: str = "") -> Entry | None:
        """Return the entry of that name; of several, one whose term shows the argument, then the first with a text."""
        found = self._names.get(name, [])
        if len(found) > 1 and argument:
            shown = re.compile(rf"{re.escape(name)}[= ]?{re.escape(argument[:MAX_TERM])}(?!\w)")
            found = [entry for entry in found if shown.search(entry.term)] or found
        return next((entry for entry in found if entry.text), found[0] if found else None)

    def operand(self, value: str) -> Entry | None:
        """Return the entry of an operand such as `if=FILE`, or of an operator such as `!`."""
        name, equals, _ = value.partition("=")
        return self.entry(name + equals) if equals or not re.search(r"\w", value) else None

    def subcommand(self, value: str) -> Entry | None:
        """Return the entry of a word that tells the program what to do, such as `install`."""
        found = self._names.get(value, []) if re.fullmatch(r"[A-Za-z][\w-]+", value) else []
        return next((entry for entry in found if entry.level == 0 and _SUBCOMMAND_HEADING.search(entry.heading)), None)

    def options(self, value: str, following: str = "") -> list[Match]:
        """Explain a word that begins with a dash or plus; `following` is the next word."""
        whole = self._whole(value, following)
        if whole is not None:
            return [whole]
        if value.startswith("--"):
            return [Match(0, value, None)]
        return self._bundle(value, following) or [self._placeholder(value)]

    def usage(self, name: str) -> tuple[str, str] | None:
        """Return the line of usage that names an option which has no entry, and the heading it stands under."""
        named = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        terms = ((entry.term, entry.heading) for entries in self._names.values() for entry in entries)
        usages = ((line.strip(), "SYNOPSIS") for line in self.page.synopsis.split("\n"))
        return next((found for found in (*terms, *usages) if named.search(found[0])), None)

    def _whole(self, value: str, following: str) -> Match | None:
        if entry := self.entry(value, following):
            return Match(0, value, entry, entry.argument == "required")
        name, equals, argument = value.partition("=")
        if equals and (entry := self.entry(name, argument)):
            return Match(0, value, entry)
        if entry := self._abbreviated(name):
            return Match(0, value, entry, entry.argument == "required" and not equals)
        return None

    def _abbreviated(self, name: str) -> Entry | None:
        """Return the entry of the only long option that begins so."""
        if not re.match(r"--\w", name):
            return None
        found = [entries[0] for full, entries in self._names.items() if full.startswith(name)]
        return found[0] if found and all(entry is found[0] for entry in found) else None

    def _bundle(self, value: str, following: str) -> list[Match]:
        """Read `-xzf` letter by letter; an option that takes an argument takes what follows it in the word.

        Where options are words, only what is one letter and its argument is read so.
        """
        matches: list[Match] = []
        has_words = self._has_words()
        for offset in range(1, min(len(value), _MAX_BUNDLE)):
            at = offset if offset > 1 else 0  # the first letter has the dash
            name, rest = value[0] + value[offset], value[offset + 1 :]
            entry = self.entry(name, rest or following)
            if entry is None and not matches:
                return []
            if entry is not None and rest and (entry.argument != "none" or rest.isdecimal()):
                return [*matches, Match(at, name + rest, entry)]
            if has_words:
                return []
            takes_next = entry is not None and entry.argument == "required" and not rest
            matches.append(Match(at, name, entry, takes_next))
        return matches

    def _has_words(self) -> bool:
        """Whether the program's options are words behind one dash, as those of find, java and openssl are."""
        names = {name for entry in self.page.entries for name in entry.names}
        return sum(map(bool, map(_WORD.fullmatch, names))) > sum(map(bool, map(_LETTER.fullmatch, names)))

    def _placeholder(self, value: str) -> Match:
        """Take `-5` for the page's `-NUM`, `-KILL` for `-<signal>`, `-O2` for `-Olevel`, `-newermt` for `-newerXY`."""
        for name, entries in self._names.items():
            if entry := next((entry for entry in entries if _is_spelling(value, entry.term)), None):
                return Match(0, value, entry, entry.argument == "required")
            if _PLACEHOLDER.fullmatch(name) and (value[1:].isdecimal() or "<" in name):
                return Match(0, value, entries[0])
            if value[2:].isdecimal() and re.fullmatch(rf"{re.escape(value[:2])}[a-z]+", name):
                return Match(0, value, entries[0])
        return Match(0, value, None)

    def old_style(self, value: str, prefix: str) -> list[Match]:
        """Read `xzf` (tar) or `aux` (ps): options without a dash. Empty if a letter is unknown."""
        found = [(offset, letter, self.entry(prefix + letter)) for offset, letter in enumerate(value)]
        if not all(entry for _, _, entry in found):
            return []
        return [
            Match(offset, letter, entry, bool(entry and entry.argument == "required"))
            for offset, letter, entry in found
        ]


def _is_spelling(value: str, term: str) -> bool:
    """Whether `value` is what `term` names, with letters in the place of its X and Y."""
    letters = _ANY_LETTERS.match(term)
    return letters is not None and re.fullmatch(rf"{letters[1]}[A-Za-z]{{{len(letters[2])}}}", value) is not None
