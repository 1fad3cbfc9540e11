"""Wikitext → blocks: headings, paragraphs, and what <pre>, {{bc}}, {{hc}} and lines with a leading blank show.

Understands what pages about commands use; any other template is read as the text of its last argument.
"""

from __future__ import annotations

import html
import re

from training.corpus.blocks import Block
from training.corpus.markdown import is_shell

_KEPT = re.compile("\ue000(\\d+)\ue001")  # stands for a text that must not be read as wikitext (private use area)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NOWIKI = re.compile(r"<nowiki>(.*?)(?:</nowiki>|\Z)", re.DOTALL | re.IGNORECASE)
_PRE = re.compile(
    r"<(?P<tag>pre|syntaxhighlight|source)\b(?P<names>[^>]*)>(?P<code>.*?)(?:</(?P=tag)>|\Z)", re.DOTALL | re.IGNORECASE
)
_LANGUAGE = re.compile(r"lang\s*=\s*[\"']?(?P<language>[\w+-]+)")
_TEMPLATE = re.compile(r"\{\{((?:[^{}]|\{(?!\{)|\}(?!\}))*)\}\}")
_NAMED = re.compile(r"\s*(?:\d+|content|code|text)\s*=")  # {{bc|1=...}}
_LINK = re.compile(
    r"\[\[(?:[^|\[\]]{0,300}\|)?(?P<shown>[^\[\]|]{0,300})\]\]"
    r"|\[\w{1,9}://[^\s\[\]]{1,500}(?: (?P<named>[^\[\]]{0,300}))?\]"
)
_MARKS = re.compile(r"'{2,5}|</?\w[^<>]{0,200}>|__[A-Z]{1,20}__")
_HEADING = re.compile(r"(?P<level>={1,6})\s*(?P<text>.+?)\s*(?P=level)\s*")
_LIST = re.compile(r"^[*#:;]+\s*")
_TABLE = re.compile(r"\s*(?:\{\||\|[-+}]|[|!])")
_DEPTH = 8  # templates within templates
_SIGNS = {"=": "=", "!": "|"}


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page."""
    page = _Page()
    return page.blocks(page.prepared(text))


class _Page:
    def __init__(self) -> None:
        self._texts: list[str] = []  # kept from being read
        self._code: dict[int, Block] = {}  # those of them that are blocks of code

    def prepared(self, text: str) -> str:
        """Return the text with code replaced by marks on lines of their own, and templates by what they show."""
        text = _NOWIKI.sub(lambda found: self._keep(html.unescape(found[1])), _COMMENT.sub("", text))
        text = _PRE.sub(self._pre, text)
        for _ in range(_DEPTH):
            text, count = _TEMPLATE.subn(self._template, text)
            if not count:
                break
        return text

    def blocks(self, text: str) -> list[Block]:
        """Read prepared text line by line."""
        found: list[Block] = []
        for line in text.splitlines():
            mark = _KEPT.fullmatch(line.strip())
            if mark and int(mark[1]) in self._code:
                found.append(self._code[int(mark[1])])
            elif heading := _HEADING.fullmatch(line):
                found.append(Block("heading", self._shown(heading["text"])))
            elif line.startswith(" ") and line.strip():
                code = self._shown(line[1:], code=True)
                if found and found[-1].kind == "code" and found[-1].shell is None and self._adjoins:
                    found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{code}")
                else:
                    found.append(Block("code", code))
                self._adjoins = True
                continue
            elif (prose := self._shown(_LIST.sub("", line, count=1))) and not _TABLE.match(line):
                found.append(Block("text", prose))
            self._adjoins = False
        return found

    _adjoins = False  # whether the line before had a leading blank too

    def _pre(self, found: re.Match[str]) -> str:
        language = _LANGUAGE.search(found["names"])
        return self._block(html.unescape(found["code"]), shell=is_shell(language["language"]) if language else None)

    def _template(self, found: re.Match[str]) -> str:
        name, *arguments = found[1].split("|")
        name = name.strip().lower()
        if name in _SIGNS:
            return self._keep(_SIGNS[name])
        arguments = [_NAMED.sub("", argument, count=1) for argument in arguments]
        if name == "bc" and arguments:
            return self._block("|".join(arguments))
        if name == "hc" and len(arguments) > 1:
            return self._headed(arguments[0], "|".join(arguments[1:]))
        if name == "ic":
            return self._keep(self._shown("|".join(arguments), code=True))
        if name == "man" and len(arguments) > 1:
            return f"{arguments[1]}({arguments[0]})"
        return arguments[-1] if arguments else ""

    def _headed(self, head: str, body: str) -> str:
        """{{hc|$ command|output}} shows what a command prints; with a file name for its head, what a file holds."""
        shown = self._shown(head, code=True).strip()
        return self._block(shown) if re.match(r"[$#] \S", shown) else self._block(body, shell=False)

    def _block(self, code: str, *, shell: bool | None = None) -> str:
        mark = self._keep("")
        self._code[len(self._texts) - 1] = Block("code", self._shown(code, code=True).strip("\n"), shell)
        return f"\n{mark}\n"

    def _keep(self, text: str) -> str:
        self._texts.append(text)
        return f"\ue000{len(self._texts) - 1}\ue001"

    def _shown(self, text: str, *, code: bool = False) -> str:
        """Return what a reader of the page sees: no links, no marks, kept texts in their places."""
        text = _LINK.sub(lambda found: found["shown"] or found["named"] or "", text)
        text = html.unescape(_MARKS.sub("", text))
        for _ in range(_DEPTH):
            text, count = _KEPT.subn(lambda found: self._texts[int(found[1])], text)
            if not count:
                break
        return text.rstrip() if code else " ".join(text.split())
