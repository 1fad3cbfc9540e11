"""Markdown or plain text → blocks. Only what matters here: headings, paragraphs, list items, code.

A line that looks like a command, or has a prompt, is code, as people write it in notes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from training.corpus.blocks import Block
from training.corpus.lines import commands, looks_like_command

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

SHELLS = frozenset({"bash", "sh", "shell", "zsh", "fish", "xonsh", "ksh", "console", "terminal", "shellsession"})
_FENCE = re.compile(r"\s{0,12}(?P<mark>`{3,}|~{3,})\s*\{?\.?(?P<language>[\w+-]*)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(?P<text>.+?)\s*#*")
_UNDERLINE = re.compile(r"\s{0,3}(?:={3,}|-{3,})\s*")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_PROMPT = re.compile(r"\$ \S")
_FULL = 60  # characters from which on a line of plain text may go on in the next one
_LONGEST = 2_000  # characters of a line that are read
_INDENT = 4  # blanks before code, in Markdown
# Links and pictures, marks of code and stress, tags.
_MARKS = re.compile(
    r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,500}\)|`+|\*\*|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|</?[a-zA-Z][^<>]{0,200}>"
)


def is_shell(language: str) -> bool | None:
    """Return whether the language named for a block of code is a shell's; None where none is named."""
    return language.lower().replace("-", "").replace("shsession", "shellsession") in SHELLS if language else None


def blocks(text: str, programs: Container[str] = frozenset(), *, plain: bool = False) -> list[Block]:
    """Return the blocks of a document. plain: of plain text, where "#" begins a comment and not a heading."""
    reader = _Reader(programs, plain=plain)
    rest = iter(text.splitlines())
    for line in rest:
        if fence := _FENCE.match(line):
            reader.close()
            reader.found.append(Block("code", _fenced(rest, fence["mark"]), is_shell(fence["language"])))
        else:
            reader.line(line)
    reader.close()
    return reader.found


def _fenced(rest: Iterator[str], mark: str) -> str:
    body = []
    for line in rest:
        if line.strip().startswith(mark) and not line.strip().strip(mark[0]):
            break
        body.append(line)
    return "\n".join(body)


class _Reader:
    """Collects the lines outside fences into blocks; at most one of `text` and `code` is open."""

    def __init__(self, programs: Container[str], *, plain: bool) -> None:
        self.found: list[Block] = []
        self._programs = programs
        self._plain = plain
        self._text: list[str] = []
        self._code: list[str] = []

    def line(self, line: str) -> None:
        """Take the next line."""
        line = line[:_LONGEST].expandtabs(_INDENT)
        if not line.strip():
            self._blank()
        elif not self._text and line.startswith(" " * _INDENT) and not _ITEM.match(line):
            self._code.append(line[_INDENT:])
        elif not self._plain and (heading := _HEADING.fullmatch(line)):
            self.close()
            self.found.append(Block("heading", _unmarked(heading["text"])))
        elif not self._plain and self._text and _UNDERLINE.fullmatch(line):
            title, self._text = " ".join(self._text), []
            self.found.append(Block("heading", _unmarked(title)))
        else:
            self._prose(line)

    def close(self) -> None:
        """End the open block."""
        if self._code:
            self.found.append(Block("code", "\n".join(self._code).strip("\n")))
        if self._text:
            self.found.append(Block("text", _unmarked(" ".join(self._text))))
        self._text, self._code = [], []

    def _blank(self) -> None:
        if self._code:
            self._code.append("")  # what is indented after it goes on
        else:
            self.close()

    def _prose(self, line: str) -> None:
        item = _ITEM.match(line)
        bare = _ITEM.sub("", line, count=1).strip()
        told, code = _code_at_end(bare)
        if told and commands(code, shell=None, programs=self._programs):
            self.close()
            self.found += [Block("text", _unmarked(told)), Block("code", code)]
        elif (item or self._plain or not self._text) and self._is_command(bare.strip("`")):
            if self._text:
                self.close()
            self._code.append(bare.strip("`"))
        else:
            if item or self._code or (self._plain and self._text and len(self._text[-1]) < _FULL):
                self.close()
            self._text.append(bare.removeprefix("# ") if self._plain else bare)

    def _is_command(self, text: str) -> bool:
        return bool(_PROMPT.match(text)) or looks_like_command(text, self._programs)


def _code_at_end(line: str) -> tuple[str, str]:
    """Return the text and the code of a line such as "Restart it: `systemctl restart nginx`"; "" for both otherwise."""
    line = line.rstrip(" .")
    text, _, code = line.removesuffix("`").rpartition("`")
    text = text.rstrip(" `")
    told = text.rstrip(" :-\u2013\u2014")  # dashes
    return (told, code) if line.endswith("`") and told != text else ("", "")


def _unmarked(text: str) -> str:
    return _MARKS.sub(lambda found: found[1] or "", text).strip()
