r"""The source of a manual page → its lines, with the language's own machinery already carried out.

In: the text of a page. Out: an iterator of `Line(macro, args, text)`: either a macro call with its arguments or a line
of text. Comments, strings, registers, conditionals, definitions and the page's own macros are dealt with here, as a
terminal formatter (nroff) would; `man` and `mdoc` give the macros their meaning. Language: groff(7).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_LINES = 400_000  # after expansion: four times the longest page known to us (gcc, ffmpeg-all)
_MAX_EXPANSIONS = 20_000  # of the page's own macros

_REQUEST = re.compile(r"[.'][ \t]*([^\s\\]*)[ \t]*(.*)", re.DOTALL)
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s\\]|\\$)+)')
_COMMENT = re.compile(r'(?<!\\)((?:\\\\)*)\\["#].*$')
_INTERPOLATION = re.compile(r"\\(?:\*(\[[^\]]*\]|\(..|.)|n[+-]?(\[[^\]]*\]|\(..|.)|\$(\d|\*|@))")
_COMPARISON = re.compile(r"(-?\d+)\s*([<>]=?|==?)\s*(-?\d+)")


class Line(NamedTuple):
    """A macro call (`macro` is its name) or a line of text (`macro` is empty)."""

    macro: str
    args: list[str]
    text: str


def lines(source: str) -> Iterator[Line]:
    """Yield the lines of a page in the order a formatter would see them, at most MAX_LINES."""
    return _Roff(source).run()


def arguments(text: str) -> list[str]:
    """Split the arguments of a macro: at spaces, except within double quotes and behind a backslash."""
    if '"' not in text and "\\" not in text:
        return text.split()
    return [quoted.replace('""', '"') if quoted or not bare else bare for quoted, bare in _ARGUMENT.findall(text)]


class _Roff:
    def __init__(self, source: str) -> None:
        self.todo = source.split("\n")[:MAX_LINES][::-1]
        self.strings = {"R": "®", "Tm": "™", "lq": "“", "rq": "”", "Aq": "'"}
        self.registers = {".g": "1", ".$": "0"}
        self.macros: dict[str, list[str]] = {}
        self.expansions = 0
        self.otherwise: list[bool] = []  # for each `.ie` still open: whether its `.el` is taken
        self.requests: dict[str, Callable[[str], None]] = {
            "ds": self._ds, "as": self._as, "nr": self._nr, "de": self._de, "de1": self._de, "am": self._am,
            "ig": self._skip, "if": self._if, "ie": self._ie, "el": self._el, "while": self._block_skipped,
            "als": self._als,
        }  # fmt: skip

    def run(self) -> Iterator[Line]:
        seen = 0
        while self.todo and seen < MAX_LINES:
            seen += 1
            line = self._next()
            if not line.startswith((".", "'")):
                yield Line("", [], line)
                continue
            match = _REQUEST.match(line)
            name, rest = (match[1], match[2]) if match else ("", "")
            if name in self.requests:
                self.requests[name](rest)
            elif name in self.macros:
                self._expand(name, rest)
            elif name and name[0] not in '"\\.':
                yield Line(name, arguments(rest), rest)

    def _next(self) -> str:
        line = self._raw()
        if "\\" not in line:
            return line
        line = _COMMENT.sub(r"\1", line)
        while line.endswith("\\") and not line.endswith("\\\\") and self.todo:
            line = line[:-1] + self._raw()
        return _INTERPOLATION.sub(self._interpolated, line) if _INTERPOLATION.search(line) else line

    def _raw(self) -> str:
        return self.todo.pop().rstrip("\r")

    def _interpolated(self, match: re.Match[str]) -> str:
        if match[1] is not None:
            return self.strings.get(match[1].strip("[]("), "")
        return self.registers.get(match[2].strip("[]("), "0") if match[2] is not None else ""

    def _ds(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        self.strings[name] = value.lstrip().removeprefix('"')[:1000].replace("\\\\", "\\")

    def _as(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        self._ds(f"{name} {self.strings.get(name, '')}{value}")

    def _nr(self, rest: str) -> None:
        words = rest.split()
        if len(words) > 1 and re.fullmatch(r"-?\d+", words[1]):
            self.registers[words[0]] = words[1]

    def _de(self, rest: str) -> None:
        name = (rest.split() or [""])[0]
        body = self._until_end(rest)
        if name not in _KNOWN:
            self.macros[name] = body

    def _am(self, rest: str) -> None:
        name = (rest.split() or [""])[0]
        if name in self.macros:
            self.macros[name] = self.macros[name] + self._until_end(rest)
        else:
            self._until_end(rest)

    def _als(self, rest: str) -> None:
        words = rest.split()
        if len(words) > 1 and words[1] in self.macros:
            self.macros[words[0]] = self.macros[words[1]]

    def _skip(self, rest: str) -> None:
        self._until_end(f"- {rest}")

    def _until_end(self, rest: str) -> list[str]:
        words = rest.split()
        end = "." + (words[1] if len(words) > 1 else ".")
        body: list[str] = []
        while self.todo:
            line = self._raw()
            if line.rstrip().replace(" ", "") == end:
                break
            body.append(line)
        return body

    def _expand(self, name: str, rest: str) -> None:
        self.expansions += 1
        if self.expansions > _MAX_EXPANSIONS:
            return
        args = arguments(rest)

        def filled(match: re.Match[str]) -> str:
            if match[1] in {"*", "@"}:
                return " ".join(args)
            return args[int(match[1]) - 1] if 0 < int(match[1]) <= len(args) else ""

        body = [re.sub(r"\\\\?\$(\d|\*|@)", filled, line).replace("\\\\", "\\") for line in self.macros[name]]
        self.todo.extend(body[::-1])

    def _if(self, rest: str) -> None:
        true, rest = self._condition(rest)
        self._branch(rest, taken=true)

    def _ie(self, rest: str) -> None:
        true, rest = self._condition(rest)
        self.otherwise.append(not true)
        self._branch(rest, taken=true)

    def _el(self, rest: str) -> None:
        self._branch(rest, taken=self.otherwise.pop() if self.otherwise else False)

    def _block_skipped(self, rest: str) -> None:
        self._branch(rest, taken=False)

    def _branch(self, rest: str, *, taken: bool) -> None:
        body = self._block(rest)
        if taken:
            self.todo.extend(body[::-1])

    def _block(self, rest: str) -> list[str]:
        r"""Collect what a condition governs: the rest of its line, or all up to the `\}` that closes its `\{`."""
        open_ = rest.count(r"\{") - rest.count(r"\}")
        body = [rest]
        while open_ > 0 and self.todo:
            line = self._raw()
            open_ += line.count(r"\{") - line.count(r"\}")
            body.append(line)
        start = rest.find(r"\{")
        if start < 0:
            return body
        body[0] = rest[start + 2 :]
        body[-1] = re.sub(r"\\\}(?!.*\\\}).*", "", body[-1])
        return [line for line in body if line.strip() not in {"", "\\", "."}]

    def _condition(self, rest: str) -> tuple[bool, str]:
        """Evaluate a condition as nroff with groff's extensions would; returns it and what follows it."""
        negated = rest.startswith("!")
        rest = rest.removeprefix("!").lstrip()
        value, rest = self._evaluate(rest)
        return value != negated, rest.lstrip()

    def _evaluate(self, rest: str) -> tuple[bool, str]:
        if match := re.match(r"([ntoe])(?=[\s\\.'!]|$)", rest):
            return match[1] in "no", rest[match.end() :]
        if match := re.match(r"[dr]\s*(\S+)", rest):
            return match[1] in (self.macros if rest[0] == "d" else self.registers), rest[match.end() :]
        if match := re.match(r"(['\"])(.*?)\1(.*?)\1", rest):
            return match[2] == match[3], rest[match.end() :]
        if match := re.match(r"\((?:[^()]|\([^()]*\))*\)|[^\s\\]+", rest):
            return self._number(match[0]), rest[match.end() :]
        return False, rest

    @staticmethod
    def _number(expression: str) -> bool:
        if match := _COMPARISON.search(expression):
            left, operator, right = int(match[1]), match[2], int(match[3])
            if left == right:
                return "=" in operator
            return operator[0] == ("<" if left < right else ">")
        digits = re.search(r"-?\d+", expression)
        return digits is not None and int(digits[0]) > 0


# Macros whose meaning `man` and `mdoc` know: a page's own definition of one of them is not wanted.
_KNOWN = frozenset({
    "TH", "SH", "SS", "TP", "TQ", "IP", "HP", "PP", "LP", "P", "RS", "RE", "B", "I", "R", "SM", "SB", "BR", "BI",
    "IB", "IR", "RB", "RI", "EX", "EE", "UR", "UE", "MT", "ME", "SY", "OP", "YS", "PD", "Sp", "Vb", "Ve", "IX",
    "INDENT", "UNINDENT", "URL", "MTO", "Dd", "Dt", "Os", "Sh", "Ss", "It", "Bl", "El", "Pp", "Fl", "Ar", "Nm",
})  # fmt: skip
