"""Blocks of a manual page → `Page`: what the assistant knows of a program. The source of a page → its `Page`.

The page's language is seen from its macros (`.Sh` is mdoc, `.SH` is man). What is not an option list stays prose:
title, synopsis and the first paragraphs of the description.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from assistant_core.knowledge import man, mdoc, roff
from assistant_core.knowledge.escapes import plain
from assistant_core.knowledge.terms import MAX_TERM, Argument, is_sentence, is_word, names, option_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from assistant_core.knowledge.blocks import Block

PARSER_VERSION = 1  # raise it when the same source gives another page: cached ones are then read anew
MAX_TEXT = 1_000  # characters kept of an entry's first paragraph
MAX_PROSE = 4_000  # characters kept of synopsis and description
MAX_ENTRIES = 10_000
_MENTION = re.compile(r"(?<![\w-])--?[A-Za-z0-9][\w-]*")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A term of the page and the paragraph that explains it."""

    names: tuple[str, ...]  # as typed: "-f", "--file", "if=", "install"
    term: str  # as printed: "-f, --file=ARCHIVE"
    text: str  # first paragraph, at most MAX_TEXT characters; may be empty
    heading: str  # the section it stands in, as printed
    argument: Argument
    level: int  # of indentation: entries that belong to this one follow it with a greater level


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a manual page says, in the order of the page."""

    name: str
    section: str  # "1", "8", "1p"
    title: str  # "tar - an archiving utility"; empty if the page has none
    synopsis: str
    description: str
    entries: tuple[Entry, ...]
    mentioned: tuple[str, ...]  # options that the text names, but that have no entry

    @property
    def reference(self) -> str:
        """The page as one refers to it: "tar(1)"."""
        return f"{self.name}({self.section})"


def read(source: str, name: str, section: str) -> Page:
    """Read the source of a page. Never fails: what is not understood is left out."""
    reader = mdoc if re.search(r"^\.\s*(?:Sh|Dd)\b", source, re.MULTILINE) else man
    blocks = reader.read(roff.lines(source))
    prose = _sections(blocks)
    entries = tuple(_without_fixed(_entries(blocks)[:MAX_ENTRIES]))
    return Page(
        name=name,
        section=section,
        title=_title(prose),
        synopsis=_prose(prose.get("SYNOPSIS", ())),
        description=_prose([block for block in prose.get("DESCRIPTION", ()) if block.level == 0 and not block.term]),
        entries=entries,
        mentioned=_mentioned(blocks, entries),
    )


def _sections(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    sections: dict[str, list[Block]] = {}
    heading = ""
    for block in blocks:
        if block.kind == "section":
            heading = plain(block.text).upper()
        elif block.kind != "subsection":
            sections.setdefault(heading, []).append(block)
    return sections


def _title(sections: dict[str, list[Block]]) -> str:
    for block in sections.get("NAME", ()):
        if block.text:
            title = re.sub(r"\s+", " ", plain(f"{block.term} {block.text}")).strip()
            return re.sub(r" [\u2014\u2013-]+ ", " - ", title, count=1)[:MAX_TEXT]
    return ""


def _prose(blocks: Iterable[Block]) -> str:
    pieces = (plain(f"{block.term} {block.text}").strip() for block in blocks)
    return "\n".join(piece for piece in pieces if piece)[:MAX_PROSE]


def _mentioned(blocks: Sequence[Block], entries: Sequence[Entry]) -> tuple[str, ...]:
    found = {option for block in blocks for option in _MENTION.findall(plain(f"{block.term}\n{block.text}"))}
    return tuple(sorted(found - {name for entry in entries for name in entry.names}))[:MAX_ENTRIES]


def _entries(blocks: Sequence[Block]) -> list[Entry]:
    found: list[Entry] = []
    heading = ""
    waiting: list[str] = []  # terms that share the text of the next one
    for index, block in enumerate(blocks):
        if block.kind == "section":
            heading, waiting = plain(block.text), []
            continue
        term, text = _term(blocks, index)
        if term and not text and _continues(blocks, index) and names(term)[0]:
            waiting.append(term)
            continue
        if waiting and term and not names(term)[0]:
            term, text = "", text or term  # a term that names nothing is the text of those before it
        entry = _entry([*waiting, term], text, heading, block.level) if term or waiting else None
        waiting = []
        if entry is not None:
            found.append(entry)
    return found


def _term(blocks: Sequence[Block], index: int) -> tuple[str, str]:
    """Return the term that a block hangs on and the text that explains it; an empty term if it has none."""
    block = blocks[index]
    if block.kind != "text":
        return "", ""
    if block.term:
        return _bulleted(blocks, index) or (block.term, block.text or _below(blocks, index))
    return _paragraph(blocks, index)


def _paragraph(blocks: Sequence[Block], index: int) -> tuple[str, str]:
    """Read a paragraph that is a term by its place: the text stands deeper below it, or behind a line break."""
    text = blocks[index].text
    first, _, rest = text.partition("\n")
    below = _below(blocks, index)
    is_option = bool(option_names(first)[0]) and len(first) <= MAX_TERM
    if below and (is_option or is_word(first)) and all(option_names(line)[0] for line in rest.splitlines()):
        return text, below
    if is_option and not is_sentence(first) and (rest or _continues(blocks, index)):
        return first, rest
    return "", ""


def _bulleted(blocks: Sequence[Block], index: int) -> tuple[str, str] | None:
    """Read a bullet point that reads `--option: text`, or has the text in the paragraph after it."""
    block = blocks[index]
    term, _, text = block.text.partition(":")
    if names(block.term)[0] or len(term) > MAX_TERM or not option_names(term)[0]:
        return None
    if text.strip():
        return term, text
    following = blocks[index + 1] if index + 1 < len(blocks) else block
    return term, following.text if following.level > block.level and not following.term else ""


def _below(blocks: Sequence[Block], index: int) -> str:
    """Return the first text that stands deeper than the block, before anything at its own level."""
    level = blocks[index].level
    for block in blocks[index + 1 : index + 6]:
        if block.level <= level or (block.term and not _is_bullet(block)):
            return ""
        if block.text:
            return block.text
    return ""


def _is_bullet(block: Block) -> bool:
    return not names(block.term)[0]


def _continues(blocks: Sequence[Block], index: int) -> bool:
    """Whether the next block is a term at the same level, so that both share one text."""
    if index + 1 >= len(blocks):
        return False
    block, following = blocks[index], blocks[index + 1]
    if following.level != block.level:
        return False
    if block.term and following.term:
        return bool(names(following.term)[0]) or not following.text
    return bool(option_names(following.term or following.text.partition("\n")[0])[0])


def _entry(terms: list[str], text: str, heading: str, level: int) -> Entry | None:
    parsed = [names(term) for term in terms]
    every = tuple(dict.fromkeys(name for found, _ in parsed for name in found))
    if not every:
        return None
    kinds = [argument for found, argument in parsed if found]
    argument: Argument = "required" if "required" in kinds else "optional" if "optional" in kinds else "none"
    return Entry(
        names=every,
        term=plain(", ".join(terms)).replace("\n", " ")[:MAX_TERM],
        text=_first_paragraph(text),
        heading=heading,
        argument=argument,
        level=level,
    )


def _without_fixed(entries: list[Entry]) -> Iterator[Entry]:
    """`-p, --indicator-style=slash` (ls): an option that stands for a value of another one takes no argument itself."""
    counted = Counter(name for entry in entries for name in entry.names)
    for entry in entries:
        fixed = re.search(r"(--[\w-]+)=[a-z]+$", entry.term)
        is_fixed = fixed is not None and counted[fixed[1]] > 1 and entry.names[0] != fixed[1]
        yield msgspec.structs.replace(entry, argument="none") if is_fixed else entry


def _first_paragraph(text: str) -> str:
    return re.sub(r"\s+", " ", plain(text)).strip()[:MAX_TEXT]
