"""man(7) macros → blocks: hand-written pages and those that help2man, pod2man, docbook, asciidoctor and rst2man write.

In: the lines of `roff`. Out: the blocks of a `Flow`. Levels: a paragraph stands at twice the depth of `.RS`, the body
of a `.TP` or `.IP` one above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant_core.knowledge.blocks import Block, Flow, Kind
from assistant_core.knowledge.escapes import ITALIC, JOIN, ROMAN, render
from assistant_core.knowledge.roff import Line, arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_DEPTH = 50


def read(lines: Iterable[Line]) -> list[Block]:
    """Read the lines of a page."""
    reader = _Man()
    for line in lines:
        reader.line(line)
    return reader.flow.finish()


class _Man:
    def __init__(self) -> None:
        self.flow = Flow()
        self.depth = 0
        self.wanted = ""  # what the next line of text is: "term", "section", "subsection" or ordinary text
        self.partial = ""  # a term that `\c` continues on the next line
        self.skipping_to = ""
        self.macros: dict[str, Callable[[list[str]], None]] = self._table()

    def _table(self) -> dict[str, Callable[[list[str]], None]]:
        paragraph, font, brk, space, fill = self._paragraph, self._font, self._break, self._space, self._fi
        alternate = {fonts: self._alternate(fonts) for fonts in ("BI", "IB", "BR", "RB", "IR", "RI")}
        return alternate | {
            "SH": self._sh, "SS": self._ss, "TP": self._tp, "TQ": self._tp, "IP": self._ip, "HP": paragraph,
            "PP": paragraph, "LP": paragraph, "P": paragraph, "RS": self._rs, "RE": self._re, "INDENT": self._rs,
            "UNINDENT": self._re, "B": font, "SM": font, "SB": font, "R": font, "I": self._italic, "br": brk,
            "sp": space, "ti": brk, "Sp": space, "nf": self._nf, "EX": self._nf, "Vb": self._nf, "fi": fill,
            "EE": fill, "Ve": fill, "UE": self._suffix, "ME": self._suffix, "URL": self._link, "MTO": self._link,
            "SY": self._sy, "YS": brk, "OP": self._op, "TS": self._ts, "EQ": self._eq,
        }  # fmt: skip

    def line(self, line: Line) -> None:
        if self.skipping_to:
            self._table_line(line)
        elif line.macro:
            self._macro(line)
        elif not line.text.strip():
            self.flow.add("") if self.flow.verbatim else self.flow.paragraph()
        else:
            self._text(render(line.text))

    def _macro(self, line: Line) -> None:
        handler = self.macros.get(line.macro)
        if handler is not None:
            handler([render(argument) for argument in line.args])

    def _text(self, text: str) -> None:
        if self.wanted == "term":
            self._term(text)
        elif self.wanted:
            kind: Kind = "section" if self.wanted == "section" else "subsection"
            self.wanted = ""
            self._heading(kind, text)
        else:
            if text[:1].isspace() and not self.flow.verbatim:
                self.flow.line_break()
            self.flow.add(text)

    def _term(self, text: str) -> None:
        text = self.partial + text
        self.partial = text.replace(JOIN, "") if JOIN in text else ""
        if not self.partial:
            self.wanted = ""
            self.flow.new(2 * self.depth, text)

    def _heading(self, kind: Kind, text: str) -> None:
        self.flow.verbatim = False
        self.flow.heading(kind, text)
        self.depth = 0

    def _sh(self, args: list[str]) -> None:
        self._headed("section", args)

    def _ss(self, args: list[str]) -> None:
        self._headed("subsection", args)

    def _headed(self, kind: Kind, args: list[str]) -> None:
        self.wanted = "" if args else kind
        if args:
            self._heading(kind, " ".join(args))

    def _tp(self, _args: list[str]) -> None:
        self.flow.set_verbatim(on=False)
        self.wanted, self.partial = "term", ""

    def _ip(self, args: list[str]) -> None:
        term = args[0].strip() if args else ""
        self.wanted = ""
        self.flow.new(2 * self.depth + (0 if term else 1), term)

    def _paragraph(self, _args: list[str]) -> None:
        self.wanted = ""
        self.flow.new(2 * self.depth)

    def _rs(self, _args: list[str]) -> None:
        self.depth = min(self.depth + 1, _MAX_DEPTH)
        self.flow.new(2 * self.depth)

    def _re(self, args: list[str]) -> None:
        asked = int(args[0]) - 1 if args and args[0].isdecimal() else self.depth - 1
        self.depth = max(min(asked, self.depth), 0)
        self.flow.new(2 * self.depth)

    def _font(self, args: list[str]) -> None:
        if args:
            self._text(" ".join(args))

    def _italic(self, args: list[str]) -> None:
        if args:
            self._text(f"{ITALIC}{' '.join(args)}{ROMAN}")

    def _alternate(self, fonts: str) -> Callable[[list[str]], None]:
        def handler(args: list[str]) -> None:
            marked = [f"{ITALIC}{arg}{ROMAN}" if fonts[i % 2] == "I" else arg for i, arg in enumerate(args)]
            if text := "".join(marked):
                self._text(text)

        return handler

    def _break(self, _args: list[str]) -> None:
        self.flow.line_break()

    def _space(self, _args: list[str]) -> None:
        self.flow.paragraph()

    def _nf(self, _args: list[str]) -> None:
        self.flow.set_verbatim(on=True)

    def _fi(self, _args: list[str]) -> None:
        self.flow.set_verbatim(on=False)

    def _suffix(self, args: list[str]) -> None:
        self.flow.add(JOIN + "".join(args[:1]))

    def _link(self, args: list[str]) -> None:
        self.flow.add((args[1] if len(args) > 1 and args[1] else "".join(args[:1])) + "".join(args[2:3]))

    def _sy(self, args: list[str]) -> None:
        self.flow.line_break()
        self._font(args)

    def _op(self, args: list[str]) -> None:
        self._text(f"[{' '.join(args)}]")

    def _ts(self, _args: list[str]) -> None:
        self.flow.new(2 * self.depth + 1)
        self.skipping_to = "TE"

    def _eq(self, _args: list[str]) -> None:
        self.skipping_to = "EN"

    def _table_line(self, line: Line) -> None:
        """Keep the cells of a table as lines of text (the layout is lost); leave out an equation."""
        if line.macro == self.skipping_to:
            self.skipping_to = ""
            self.flow.new(2 * self.depth + 1)
        elif self.skipping_to == "TE":
            text = line.text if not line.macro else " ".join(arguments(line.text))
            self.flow.add(render(text.replace("T{", "").replace("T}", "").replace("\t", "  ")))
            self.flow.line_break()
