"""HTML → blocks: headings, paragraphs, and what stands in <pre>. Broken markup is read as far as it goes."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from training.corpus.blocks import Block
from training.corpus.markdown import is_shell

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BREAKS = frozenset(
    {"p", "li", "dt", "dd", "td", "th", "div", "section", "article", "blockquote", "table", "tr", "ul", "ol"}
)
_SILENT = frozenset({"script", "style", "template", "nav", "head"})
_LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-|brush:\s*|sourceCode\s+)(?P<language>[\w+-]+)")


def is_sound(text: str) -> bool:
    """Whether about as many tags end as begin; otherwise the parser's time would grow with the square of the length."""
    return text.count("<") <= 2 * text.count(">") + 100


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Block] = []
        self._parts: list[str] = []
        self._kind = "text"
        self._silent = ""  # the element whose text is left out
        self._depth = 0  # elements of that name within it
        self._shell: bool | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            self._depth += tag == self._silent
            return
        if tag in _SILENT:
            self.end()
            self._silent, self._depth = tag, 1
        elif tag in _BREAKS and self._kind != "code":
            self.end()
        elif tag in _HEADINGS or tag == "pre":
            self.end()
            self._kind = "code" if tag == "pre" else "heading"
        elif tag == "br":
            self._parts.append("\n")
        self._note_language(tag, dict(attrs).get("class") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._depth -= tag == self._silent
            self._silent = self._silent if self._depth else ""
        elif tag in _HEADINGS or tag == "pre" or (tag in _BREAKS and self._kind != "code"):
            self.end()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._parts.append(data)

    def end(self) -> None:
        """Close the open block."""
        text = "".join(self._parts)
        text = text.strip("\n") if self._kind == "code" else " ".join(text.split())
        if self._kind == "code" and text.strip():
            self.found.append(Block("code", text, self._shell))
        elif self._kind == "heading" and text:
            self.found.append(Block("heading", text.rstrip(" ¶#")))
        elif text:
            self.found.append(Block("text", text))
        if self._kind == "code":
            self._shell = None
        self._parts, self._kind = [], "text"

    def _note_language(self, tag: str, names: str) -> None:
        """Take note of the language, which stands in a class of <pre>, of <code> in it, or of a <div> around it."""
        if tag in {"pre", "code", "div"} and (found := _LANGUAGE.search(names)):
            self._shell = is_shell(found["language"])
