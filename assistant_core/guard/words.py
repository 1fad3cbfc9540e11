"""A word as typed → the words it becomes, as far as the line and the environment tell.

In: a word, and a `Scope` that knows variables and runs substitutions. Out: fields, with marks (`paths`) where text is
unknown, comes from an empty variable, or is quoted so that it means itself. What grows too large is unknown.
"""

import re
from collections.abc import Mapping
from typing import Protocol

from assistant_core.guard.paths import EMPTY, QUOTED, UNKNOWN
from assistant_core.guard.tokens import closing, double_end

DEEPEST = 20  # expansions within expansions
MOST_FIELDS = 64  # of one word's braces
SPLIT = "\ue003"  # stands where an unquoted expansion is split into fields
SPECIAL = re.compile(r"""['"\\$`{]|^~|[<>@!]\(|!\[|=~""")

_PART = re.compile(
    r"""(?P<text>(?:[^'"\\$`<>@!]|!(?![(\[]))+)|(?P<ansi>\$'(?:[^'\\]|\\.)*'?)|'(?P<single>[^']*)'?|(?P<double>\$?")|\\(?P<escape>.?)"""
    r"""|(?P<arith>\$\(\()|(?P<python>@\()|(?P<sub>\$\(|@\$\()|(?P<xonsh>!\(|[$!]\[)|(?P<process>[<>]\()|(?P<brace>\$\{)|(?P<back>`)"""
    r"""|\$(?P<name>\w+|[@*#?$!-])|(?P<other>.)""",
    re.DOTALL,
)
_BRACE = re.compile(r"(#|!)?(\w+|[@*#?$!-])(\[[^\]]*\])?(:?[-+=?]|##?|%%?|//?|:|\^\^?|,,?|@)?(.*)", re.DOTALL)
_BRACES = re.compile("[{},]")
_MARKED = str.maketrans(QUOTED)
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|[0-7]{1,3}|c.|.)", re.DOTALL)
_UNPRINTED = re.compile("[\ud800-\uf8ff]")  # no text, or our marks
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_XONSH_NAME = re.compile(r"\$\{?'?\w+'?\}?(?=/|$)|~(?=/|$)")


class Scope(Protocol):
    """What resolving a word needs to know."""

    top: bool  # typed in xonsh, not handed to another shell

    def variable(self, name: str) -> str:
        """Return the value of a variable, with marks."""

    def assign(self, name: str, value: str) -> None:
        """Give a variable its value."""

    def output(self, script: str) -> str:
        """Return what a command prints, with marks."""

    def process(self, script: str) -> str:
        """Return what stands for the file of a process substitution, with marks."""

    def split(self, value: str) -> str:
        """Return an unquoted value with `SPLIT` where it falls into fields."""

    def python(self, code: str) -> str:
        """Return the value of a Python expression, with marks."""

    def unread(self) -> object:
        """Report that a part could not be read."""

    def home_of(self, user: str) -> str:
        """Return a home directory; of the user's own for ""."""


def fields(word: str, scope: Scope) -> list[str]:
    """Return the words that `word` becomes."""
    if not SPECIAL.search(word):
        return [word]
    text = _Expansion(scope).whole(word)
    if text[:1] == "~" or "=~" in text:
        text = _tilde(text, scope)
    if SPLIT in text:
        found = [part for part in text.split(SPLIT) if part]
        return found if len(found) < MOST_FIELDS else [*found[:MOST_FIELDS], UNKNOWN]
    if "{" in text and ("," in text or ".." in text):
        return braces(text)
    return [text] if text or "'" in word or '"' in word else []


def one(word: str, scope: Scope) -> str:
    """Return the value of `word` where it is not split, as in an assignment."""
    if not SPECIAL.search(word):
        return word
    text = _Expansion(scope).whole(word, quoted=word[:1] != "(")
    return _tilde(text, scope) if text[:1] == "~" else text


def document(text: str, scope: Scope) -> str:
    """Return a here-document with its variables and substitutions replaced."""
    return _Expansion(scope).inside(text) if "$" in text or "`" in text else text


def ansi(text: str) -> str:
    """Return the text of `$'…'` without its frame."""
    return _ANSI.sub(_ansi_one, text)


def _ansi_one(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xu" and len(code) > 1:
        return _UNPRINTED.sub("\ufffd", chr(int(code[1:], 16)))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _LETTERS.get(code, code)


def _tilde(text: str, scope: Scope) -> str:
    head, slash, rest = text.partition("/")
    if head[:1] == "~":
        return scope.home_of(head[1:]) + slash + rest
    return re.sub(r"=~(?=/|$)", lambda _: f"={scope.home_of('')}", text)


class _Expansion:
    """Expands one word, left to right."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._deep = 0

    def whole(self, word: str, *, quoted: bool = False) -> str:
        parts = []
        position = 0
        while position < len(word) and (found := _PART.match(word, position)):
            position = found.end()
            kind = found.lastgroup or ""
            if kind == "single":
                parts.append(self._literal(found["single"]))
            elif kind == "double":
                end = double_end(word, position)
                inner = word[position : end - 1] if word[end - 1 : end] == '"' else word[position:end]
                parts.append(self.inside(inner, marked=True))
                position = end
            elif kind in _NESTED:
                end = closing(word, position, "]" if kind == "xonsh" and found[0][1] == "[" else _NESTED[kind])
                value = self._nested(kind, word[position : end - 1])
                parts.append(value if quoted or kind in ("arith", "python") else self._scope.split(value))
                position = end
            else:
                parts.append(self._flat(kind, found, quoted=quoted))
        return "".join(parts)

    def _flat(self, kind: str, found: re.Match[str], *, quoted: bool) -> str:
        if kind == "name":
            value = self._scope.variable(found["name"])
            return value if quoted else self._scope.split(value)
        if kind == "ansi":
            return ansi(found["ansi"][2:].removesuffix("'")).translate(_MARKED)
        if kind == "escape":
            return "" if found["escape"] == "\n" else found["escape"].translate(_MARKED)
        return found[0]

    def _literal(self, text: str) -> str:
        """Return single-quoted text; xonsh expands a name or ~ at its start."""
        if self._scope.top and (found := _XONSH_NAME.match(text)):
            name = found[0].strip("${}'")
            value = self._scope.home_of("") if found[0] == "~" else self._scope.variable(name)
            return value + text[found.end() :].translate(_MARKED)
        return text.translate(_MARKED)

    def inside(self, text: str, *, marked: bool = False) -> str:
        """Expand what stands in double quotes or in a here-document."""
        parts = []
        position = 0
        while position < len(text) and (found := _DOUBLE_PART.match(text, position)):
            position = found.end()
            kind = found.lastgroup or ""
            if kind in _NESTED:
                end = closing(text, position, _NESTED[kind])
                parts.append(self._nested(kind, text[position : end - 1]))
                position = end
            elif kind == "name":
                parts.append(self._scope.variable(found["name"]))
            elif kind == "escape":
                escaped = found["escape"]
                literal = "" if escaped == "\n" else escaped if escaped in '$`"\\' else found[0]
                parts.append(literal.translate(_MARKED) if marked else literal)
            else:
                literal = found[0]
                if marked and position == found.end() and found.start() == 0 and self._scope.top and literal[0] == "~":
                    parts.append("~" + literal[1:].translate(_MARKED))
                else:
                    parts.append(literal.translate(_MARKED) if marked else literal)
        return "".join(parts)

    def _nested(self, kind: str, inner: str) -> str:
        if self._deep >= DEEPEST:
            self._scope.unread()
            return UNKNOWN
        self._deep += 1
        try:
            return self._value(kind, inner)
        finally:
            self._deep -= 1

    def _value(self, kind: str, inner: str) -> str:
        if kind == "brace":
            return self._parameter(inner)
        if kind == "python":
            return self._scope.python(inner)
        if kind == "process":
            return self._scope.process(inner)
        if kind == "arith":
            self.whole(inner)
            return UNKNOWN
        return self._scope.output(inner.replace("\\`", "`") if kind == "back" else inner)

    def _parameter(self, inner: str) -> str:
        """Return the value of `${…}`."""
        found = _BRACE.fullmatch(inner.strip("'"))
        if not found or found[1]:
            return UNKNOWN
        _, name, _, operator, word = found.groups()
        value = self._scope.variable(name)
        kind = operator[-1] if operator else ""
        if kind in ("-", "=", "?") and value.replace(EMPTY, ""):
            return value
        if kind in ("-", "=", "+"):
            value = self.whole(word, quoted=True)
            if kind == "=":
                self._scope.assign(name, value)
            return value if kind != "+" else UNKNOWN
        if kind == "?":
            return UNKNOWN
        return value if not kind or EMPTY in value else _cut(value, operator, word)


def _cut(value: str, operator: str, word: str) -> str:
    """Return `${value:from:length}`; the other operators are not computed."""
    if operator == ":" and (found := re.fullmatch(r"\s*(\d+)(?::(\d+))?", word)):
        return value[int(found[1]) :][: int(found[2]) if found[2] else None]
    return UNKNOWN


_NESTED: Mapping[str, str] = {
    "arith": ")",
    "sub": ")",
    "xonsh": ")",
    "process": ")",
    "python": ")",
    "brace": "}",
    "back": "`",
}
_DOUBLE_PART = re.compile(
    r"""(?P<text>[^\\$`@]+)|\\(?P<escape>.)|(?P<arith>\$\(\()|(?P<python>@\()|(?P<sub>\$\(|@\$\()|(?P<brace>\$\{)"""
    r"""|(?P<back>`)|\$(?P<name>\w+|[@*#?$!-])|(?P<other>.)""",
    re.DOTALL,
)


def braces(text: str) -> list[str]:
    """Return the expansions of `a{b,c}`; where there are too many, one word that is unknown."""
    done: list[str] = []
    waiting = [text]
    for _ in range(4 * MOST_FIELDS):
        if not waiting:
            return done
        if len(waiting) + len(done) > MOST_FIELDS:
            break
        word = waiting.pop(0)
        group = _group(word)
        if group is None:
            done.append(word)
        else:
            start, end, options = group
            waiting[:0] = [word[:start] + option + word[end:] for option in options]
    return [*done, UNKNOWN]


def _group(word: str) -> tuple[int, int, list[str]] | None:
    """Return the first brace group that has a comma or a range: where it stands, and its alternatives."""
    start = word.find("{")
    for _ in range(MOST_FIELDS):
        if start < 0:
            break
        end, options = _closed(word, start)
        if end and (listed := _listed(options)):
            return start, end, listed
        start = word.find("{", end or start + 1)
    return None


def _closed(word: str, start: int) -> tuple[int, list[str]]:
    """Return where the group that begins at `start` ends, 0 where it does not, and its parts between commas."""
    depth, begin, options = 0, start + 1, list[str]()
    for found in _BRACES.finditer(word, start, start + 4096):
        char, index = found[0], found.start()
        if char == "{":
            depth += 1
        elif char == "," and depth == 1:
            options.append(word[begin:index])
            begin = index + 1
        elif char == "}":
            depth -= 1
            if not depth:
                return index + 1, [*options, word[begin:index]]
    return 0, []


def _listed(options: list[str]) -> list[str]:
    """Return what a group stands for; nothing where it is no list, such as `{}`."""
    if len(options) > 1:
        return options
    found = re.fullmatch(r"(-?\d{1,6})\.\.(-?\d{1,6})", options[0])
    if not found:
        return []
    low, high = sorted((int(found[1]), int(found[2])))
    return [str(number) for number in range(low, min(high, low + MOST_FIELDS + 1) + 1)]
