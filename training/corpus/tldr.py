"""A checkout of tldr-pages → requests and explanations, with plausible values in the places of the placeholders.

In: the checkout's folder, or its `pages`. Out: rows grouped by page. Of the folders of platforms those are left out
whose lines no xonsh user types; of the translations all.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from training.corpus.plausible import other
from training.corpus.source import BROKEN
from training.records import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.corpus.source import Machine, Skips

NAME = "tldr"
SOURCE = "tldr-pages/tldr"
LICENCE = "CC-BY-4.0"
FOREIGN = frozenset({"windows", "dos", "cisco-ios"})
_EXAMPLE = re.compile(r"^- (?P<what>.+?):?[ \t]*\n(?:[ \t]*\n)*`(?P<line>.+)`[ \t]*$", re.MULTILINE)
_SUMMARY = re.compile(r"^> (?!More information|See also|Note|View )(?P<what>.+?)[.:]?[ \t]*$", re.MULTILINE)
_TITLE = re.compile(r"^# (?P<name>.+?)[ \t]*$", re.MULTILINE)
_ALIAS = re.compile(r"tldr( |$)")
_MNEMONIC = re.compile(r"\[(\w+)\]")  # "[c]reate" shows where an option's letter comes from
_PLACEHOLDER = re.compile(r"\{\{(.{1,200}?)\}\}(?!\})")
_EITHER = re.compile(r"\[([^][|]*(?:\|[^][|]*)+)\]")  # {{[-c|--create]}}, {{path/to/file.tar[.gz|.xz]}}
_CODE = re.compile(r"\s\||\|\s|\|\||[\"'\\(){}]")  # {{make | sed 10q}} is a pipeline, no choice


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:  # noqa: ARG001 - every reader has the same parameters
    """Yield the rows of all pages."""
    pages = place / "pages" if (place / "pages").is_dir() else place
    files = sorted(pages.glob("*/*.md"))
    if not files:
        skips.add(NAME, "no pages/PLATFORM/PAGE.md there", place)
    for file in files:
        if file.parent.name in FOREIGN:
            skips.add(NAME, f"of {file.parent.name}")
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except (*BROKEN, UnicodeDecodeError) as error:
            skips.add(NAME, f"cannot be read: {error}", file)
            continue
        found = list(rows(text, file.stem))
        if not found:
            skips.add(NAME, "no examples on the page", file)
        yield from found


def rows(text: str, page: str) -> Iterator[Row]:
    """Yield the rows of a page."""
    examples = [found for found in _EXAMPLE.finditer(text) if not _ALIAS.match(found["line"])]
    title, summary = _TITLE.search(text), _SUMMARY.search(text)
    if title and summary and examples:
        yield _row(page, "explain", title["name"], summary["what"])
    for found in examples:
        what = _MNEMONIC.sub(r"\1", found["what"]).replace("`", "")
        what = what[:1].upper() + what[1:]
        line = filled(found["line"], random.Random(f"{page} {found['line']}"))  # noqa: S311 - the same in every run
        yield _row(page, "request", what, line)
        yield _row(page, "explain", line, what)


def filled(template: str, chance: random.Random) -> str:
    """Return an example with a value in each place; what no plausible value is known for keeps its own words.

    Where a line may have its options or subcommands short or long, it has either all short or all long.
    """
    long = chance.random() < 0.5  # noqa: PLR2004 - as often as not
    return _PLACEHOLDER.sub(lambda found: _value(found[1].strip(), chance, long=long), template)


def _value(slot: str, chance: random.Random, *, long: bool) -> str:
    if either := _EITHER.fullmatch(slot):
        return either[1].split("|")[-1 if long else 0]
    slot = _EITHER.sub(lambda found: chance.choice(found[1].split("|")), slot).removesuffix("|...")
    if slot.endswith("..."):  # "path/to/file1 path/to/file2 ..."
        return " ".join(_value(each, chance, long=long) for each in slot[:-3].rstrip(", |").split())
    words = _words(slot)
    return chance.choice(words) if len(words) > 1 else other(slot, chance) or slot


def _words(slot: str) -> list[str]:
    """Return what a place may hold, parted by "|"."""
    close = slot.replace(" | ", "|")
    if " " in close and _CODE.search(slot):
        return [slot]
    parts = (slot if " " in close else close).split("|")
    return [part for part in parts if part not in {"", "..."}]


def _row(page: str, task: str, *texts: str) -> Row:
    return Row(task=task, texts=texts, source=SOURCE, licence=LICENCE, group=f"{SOURCE} {page}")  # type: ignore[arg-type] # a Task
