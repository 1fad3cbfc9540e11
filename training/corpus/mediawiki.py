"""A MediaWiki dump → rows: what the prose above a command says, and the lines behind `$` and `#` in its code.

In: an XML export (schema 0.3 to 0.11), plain or .gz, .xz, .bz2, of any size: one page at a time is in memory. Out: rows
grouped by page. The licence is that of the wiki, where it is known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from training.corpus import blocks, wikitext
from training.corpus.source import BROKEN, UNKNOWN, open_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.corpus.source import Machine, Skips
    from training.records import Row

NAME = "wiki"
LONGEST = 2 * 2**20  # characters of a page
LICENCES = {
    "wiki.archlinux.org": "GFDL-1.3-or-later",
    "wiki.gentoo.org": "CC-BY-SA-4.0",
    "wiki.alpinelinux.org": "CC-BY-SA-4.0",
    "en.wikipedia.org": "CC-BY-SA-4.0",
    "www.mediawiki.org": "CC-BY-SA-4.0",
}
_REDIRECT = re.compile(r"\s*#redirect\b", re.IGNORECASE)
# "Installation guide (Deutsch)", "Main page/de"
_TRANSLATED = re.compile(
    r".*(?:\((?:Bosanski|Català|Čeština|Dansk|Deutsch|Español|Esperanto|Français|Hrvatski|Indonesia|Italiano|Lietuvių"
    r"|Magyar|Nederlands|Norsk Bokmål|Polski|Português|Română|Slovenčina|Srpski|Suomi|Svenska|Tiếng Việt|Türkçe"
    r"|[^\x00-\u024f]+)\)|/[a-z]{2}(?:-[a-z]{2,4})?)"
)


class Page(NamedTuple):
    """A page of a dump."""

    title: str
    space: str  # number of the namespace; "0" holds the articles
    text: str  # wikitext of the last revision


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield the rows of all articles; a dump that breaks off is read as far as it goes."""
    site, title = NAME, ""
    try:
        with open_binary(place) as stream:
            for found in _pages(stream):
                if isinstance(found, str):
                    site = urlsplit(found).hostname or NAME
                    continue
                title = found.title
                if reason := _unwanted(found):
                    skips.add(NAME, reason, title)
                else:
                    origin = blocks.Origin(site, LICENCES.get(site, UNKNOWN), f"{site} {title}")
                    yield from blocks.rows(wikitext.blocks(found.text), origin, root=True, programs=machine.programs)
    except (*BROKEN, ET.ParseError) as error:
        skips.add(NAME, f"the dump breaks off: {error}", f"{place} after page {title!r}" if title else place)


def _unwanted(page: Page) -> str:
    """Return why a page is left out; "" for one that is read."""
    if page.space != "0":
        return "no article"
    if _REDIRECT.match(page.text):
        return "leads to another page"
    if _TRANSLATED.fullmatch(page.title):
        return "another language than English"
    return "longer than a page can be" if len(page.text) > LONGEST else ""


def _pages(stream: BinaryIO) -> Iterator[Page | str]:
    """Yield the address of the wiki, once, and its pages; what was read is thrown away at once.

    Expat stops at entities that grow beyond measure (since 2.4.1), and no external one is fetched.
    """
    root: ET.Element | None = None
    for event, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314 - see above
        root = element if root is None else root
        name = element.tag.rpartition("}")[2]
        if event == "end" and name == "base":
            yield element.text or ""
        elif event == "end" and name == "page":
            texts = [each.text or "" for each in element.iter() if each.tag.rpartition("}")[2] == "text"]
            yield Page(_below(element, "title"), _below(element, "ns") or "0", texts[-1] if texts else "")
            root.clear()


def _below(element: ET.Element, name: str) -> str:
    return next((each.text or "" for each in element if each.tag.rpartition("}")[2] == name), "")
