"""A line → its simple commands, each a list of words without their quotes.

In: a line of xonsh or of a POSIX shell, complete or not. Out: every command in it, of lists, pipelines, blocks
and substitutions alike. Quotes are dropped because xonsh expands `~` and `$NAME` within them, too. Each
character is read once.
"""

import re
from collections.abc import Iterator

UNKNOWN = "\x02"  # stands in a word for what a substitution will give
ESCAPED = "\x01"  # stands in a word before a character that means itself

_CLOSERS = {"$(": ")", "@(": ")", "@$(": ")", "!(": ")", "(": ")", "$[": "]", "![": "]", "`": "`"}
_BARE = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<end>&(?!>)|[\n;|])|(?P<comment>\#)|\\(?P<escape>[\s\S])|'(?P<single>[^']*)'"""
    r"""|(?P<double>")|(?P<open>@\$\(|[$@!]\(|[$!]\[|[(`])|(?P<close>[)\]])|(?P<redirect>\d{0,2}&?[<>]+&?)"""
    r"""|(?P<text>[^\s;|&\\'"$@!()`\[\]<>\#]+|[\s\S])"""
)
_DOUBLE = re.compile(r"""(?P<double>")|\\(?P<escape>[\s\S])|(?P<open>@\$\(|[$@]\(|`)|(?P<text>[^"\\$@`]+|[\s\S])""")


class _Frame:
    """One command being read, and what ends the substitution it stands in."""

    def __init__(self, closer: str = "") -> None:
        self.closer = closer
        self.words: list[str] = []
        self.parts: list[str] = []  # of the word being read
        self.reading = False  # a word has begun; it may be empty, as in ""
        self.quoted = False
        self.redirected = False  # the next word names a file

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.reading = True

    def end_word(self) -> None:
        if self.reading:
            if not self.redirected:
                self.words.append("".join(self.parts))
            self.parts, self.reading, self.redirected = [], False, False

    def end_command(self) -> list[str]:
        self.end_word()
        words, self.words, self.redirected = self.words, [], False
        return words


def commands(line: str) -> Iterator[list[str]]:
    """Yield the words of every command in `line`; commands without words are left out."""
    return filter(None, _read(line))


def _read(line: str) -> Iterator[list[str]]:
    frames = [_Frame()]
    position = 0
    while position < len(line):
        frame = frames[-1]
        found = (_DOUBLE if frame.quoted else _BARE).match(line, position)
        if not found or not found.lastgroup:  # cannot be: the last alternative takes any character
            break
        kind, text, position = found.lastgroup, found[found.lastgroup], found.end()
        if kind == "comment" and not frame.reading:
            end = line.find("\n", position)
            position = len(line) if end < 0 else end
        elif kind == "open" and text != frame.closer:
            frame.add(UNKNOWN)
            frames.append(_Frame(_CLOSERS[text]))
        elif text == frame.closer and kind in ("open", "close"):
            yield frames.pop().end_command()
        elif kind == "end":
            yield frame.end_command()
        elif kind == "space":
            frame.end_word()
            if frame.words and frame.words[-1] in ("and", "or"):  # xonsh's && and ||
                yield frame.words[:-1]
                frame.words = []
        else:
            _extend(frame, kind, text)
    for frame in reversed(frames):
        yield frame.end_command()


def _extend(frame: _Frame, kind: str, text: str) -> None:
    """Take up what belongs to a word, or to a redirection."""
    if kind == "redirect":
        frame.end_word()
        frame.redirected = True
    elif kind == "double":
        frame.quoted = not frame.quoted
        frame.add("")
    elif kind == "escape":
        if text != "\n":
            frame.add(ESCAPED + text if text in "~$*" else text)
    else:
        frame.add(text)
