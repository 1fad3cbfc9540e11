"""mdoc(7) macros → blocks: the pages of the BSDs, of macOS and of OpenSSH.

In: the lines of `roff`. Out: the blocks of a `Flow`. A list item stands at twice the depth of the lists around it, its
body one above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant_core.knowledge.blocks import Block, Flow
from assistant_core.knowledge.escapes import ITALIC, JOIN, ROMAN, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assistant_core.knowledge.roff import Line

_MAX_DEPTH = 50
_ENCLOSING = {
    "Op": "[]", "Pq": "()", "Dq": "“”", "Sq": "\u2018\u2019", "Qq": '""', "Ql": "\u2018\u2019", "Bq": "[]",
    "Brq": "{}", "Aq": "<>", "Oq": "[]",
}  # fmt: skip
_BRACKETS = {
    "Oo": "[", "Oc": "]", "Po": "(", "Pc": ")", "Do": "“", "Dc": "”", "So": "\u2018", "Sc": "\u2019", "Qo": '"',
    "Qc": '"', "Bo": "[", "Bc": "]", "Bro": "{", "Brc": "}", "Ao": "<", "Ac": ">",
}  # fmt: skip
_WORDS = {
    "Ux": "UNIX", "Bx": "BSD", "Bsx": "BSD/OS", "Nx": "NetBSD", "Fx": "FreeBSD", "Ox": "OpenBSD", "Dx": "DragonFly",
    "At": "AT&T UNIX", "Ap": "'",
}  # fmt: skip
_PLAIN = frozenset({
    "Cm", "Ic", "Li", "No", "Pa", "Ev", "Sy", "Tn", "Em", "Va", "Vt", "Fn", "Ft", "Fa", "Er", "Dv", "Lk", "Mt",
    "An", "St", "Sx", "Ms", "Cd", "Ad", "In", "Lb", "Nm", "Xr", "Ar", "Fl", "Ns", "Xo", "Xc",
})  # fmt: skip
_ITALIC = frozenset({"Ar", "Em", "Va", "Vt", "Fa"})
_CALLABLE = _PLAIN | _ENCLOSING.keys() | _BRACKETS.keys() | _WORDS.keys()
_CLOSING, _OPENING = frozenset({".", ",", ":", ";", ")", "]", "?", "!"}), frozenset({"(", "["})


def read(lines: Iterable[Line]) -> list[Block]:
    """Read the lines of a page."""
    reader = _Mdoc()
    for line in lines:
        reader.line(line)
    return reader.flow.finish()


class _Mdoc:
    def __init__(self) -> None:
        self.flow = Flow()
        self.depth = 0  # of lists
        self.name = ""
        self.spaced = True
        self.term: list[str] | None = None  # an item's term that `.Xo` keeps open over several lines
        self.in_references = False
        self.macros: dict[str, Callable[[list[str]], None]] = {
            "Sh": self._sh, "Ss": self._ss, "Pp": self._paragraph, "Lp": self._paragraph, "Bl": self._bl,
            "El": self._el, "It": self._it, "Bd": self._bd, "Ed": self._ed, "D1": self._display, "Dl": self._display,
            "Nd": self._nd, "Sm": self._sm, "Rs": self._rs, "Re": self._re, "br": self._break, "sp": self._paragraph,
            "Nm": self._nm, "nf": self._bd, "fi": self._ed,
        }  # fmt: skip

    def line(self, line: Line) -> None:
        if not line.macro:
            self._add(render(line.text)) if line.text.strip() else self._paragraph([])
        elif self.in_references and line.macro != "Re":
            return
        elif line.macro in self.macros:
            self.macros[line.macro](line.args)
        elif line.macro in _CALLABLE:
            self._callable([line.macro, *line.args])

    def _callable(self, tokens: list[str]) -> None:
        if "Xc" in tokens:
            end = tokens.index("Xc")
            self._add(self._inline(tokens[:end]))
            self._close_term()
            tokens = tokens[end + 1 :]
        if tokens:
            self._add(self._inline(tokens))

    def _add(self, text: str) -> None:
        text = text if self.spaced else text + JOIN
        if self.term is None:
            self.flow.add(text)
        else:
            self.term.append(text)

    def _inline(self, tokens: list[str]) -> str:
        """Turn macros within a line to text: `Fl a Ns Ar x , Fl b` is `-ax, -b`."""
        return _Inline(self).text(tokens)

    def _sh(self, args: list[str]) -> None:
        self.depth = 0
        self.flow.verbatim = False
        self.flow.heading("section", self._inline(args))

    def _ss(self, args: list[str]) -> None:
        self.depth = 0
        self.flow.heading("subsection", self._inline(args))

    def _paragraph(self, _args: list[str]) -> None:
        self.flow.new(self._level())

    def _level(self) -> int:
        return 2 * self.depth - 1 if self.depth else 0

    def _bl(self, _args: list[str]) -> None:
        self.depth = min(self.depth + 1, _MAX_DEPTH)

    def _el(self, _args: list[str]) -> None:
        self.depth = max(self.depth - 1, 0)
        self.flow.new(self._level())

    def _it(self, args: list[str]) -> None:
        self.flow.set_verbatim(on=False)
        text = self._inline(args)
        if "Xo" in args:
            self.term = [text]
        else:
            self._item(text)

    def _item(self, term: str) -> None:
        self.term = None
        self.flow.new(2 * (self.depth - 1) + (0 if term else 1), term)

    def _close_term(self) -> None:
        if self.term is not None:
            self._item(" ".join(self.term))

    def _bd(self, args: list[str]) -> None:
        self.flow.set_verbatim(on=bool({"-literal", "-unfilled"} & set(args)) or not args)
        self.flow.new(self._level() + 1)

    def _ed(self, _args: list[str]) -> None:
        self.flow.set_verbatim(on=False)
        self.flow.new(self._level())

    def _display(self, args: list[str]) -> None:
        self.flow.new(self._level() + 1)
        self._add(self._inline(args))
        self.flow.new(self._level())

    def _nd(self, args: list[str]) -> None:
        self._add(f"- {self._inline(args)}")

    def _nm(self, args: list[str]) -> None:
        if not self.name and args:
            self.name = args[0]
        self._add(self._inline(["Nm", *args]))

    def _sm(self, args: list[str]) -> None:
        self.spaced = args[0] == "on" if args else not self.spaced

    def _rs(self, _args: list[str]) -> None:
        self.in_references = True

    def _re(self, _args: list[str]) -> None:
        self.in_references = False

    def _break(self, _args: list[str]) -> None:
        self.flow.line_break()


class _Inline:
    """Joins the tokens of one line by the spacing rules of mdoc(7)."""

    def __init__(self, page: _Mdoc) -> None:
        self.page = page
        self.out: list[str] = []
        self.glued = True  # whether the next piece follows without a space

    def text(self, tokens: list[str]) -> str:
        closers: list[str] = []
        position = 0
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token in _ENCLOSING:
                self._put(_ENCLOSING[token][0], glue_after=True)
                closers.append(_ENCLOSING[token][1])
            elif token in _CALLABLE:
                end = position
                while (
                    end < len(tokens)
                    and tokens[end] not in _CALLABLE
                    and tokens[end] not in _CLOSING | _OPENING | {"|"}
                ):
                    end += 1
                self._macro(token, [render(word) for word in tokens[position:end]])
                position = end
            elif token in _CLOSING and closers and position == len(tokens):
                self._close(closers)
                self._put(token, glue_before=True)
            else:
                self._put(render(token), glue_before=token in _CLOSING, glue_after=token in _OPENING)
        self._close(closers)
        return "".join(self.out) + (JOIN if self.out and self.glued else "")

    def _close(self, closers: list[str]) -> None:
        while closers:
            self._put(closers.pop(), glue_before=True)

    def _put(self, piece: str, *, glue_before: bool = False, glue_after: bool = False) -> None:
        if not self.out and glue_before:
            self.out.append(JOIN)
        elif self.out and not (self.glued or glue_before) and self.page.spaced:
            self.out.append(" ")
        self.out.append(piece)
        self.glued = glue_after

    def _macro(self, name: str, words: list[str]) -> None:
        if name in _BRACKETS:
            self._put(_BRACKETS[name], glue_before=name[-1] == "c", glue_after=name[-1] == "o")
        elif name in _WORDS:
            self._put(_WORDS[name], glue_before=name == "Ap", glue_after=name == "Ap")
        elif name == "Ns":
            self.glued = True
        elif name == "Nm" and not words:
            self._put(self.page.name)
        elif name == "Xr" and len(words) > 1:
            self._put(f"{words[0]}({words[1]})")
            words = words[2:]
        elif name in {"Fl", "Ar"} and not words:
            self._put("-" if name == "Fl" else f"{ITALIC}file ...{ROMAN}", glue_after=name == "Fl")
        else:
            self._words(name, words)
            return
        self._words("No", words)

    def _words(self, name: str, words: list[str]) -> None:
        for word in words:
            text = f"-{word}" if name == "Fl" else f"{ITALIC}{word}{ROMAN}" if name in _ITALIC else word
            self._put(text)
