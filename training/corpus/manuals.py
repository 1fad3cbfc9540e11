"""The manual pages of this machine → what each program, usage, option and subcommand does, in the page's words.

In: a manual hierarchy. Out: explanations. The texts have the licences of their packages: they may teach the user's own
model and no other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assistant_core.knowledge import ManualError, Manuals
from assistant_core.knowledge.arguments import quote
from assistant_core.knowledge.lookup import Index
from training.corpus.source import INSTALLED
from training.records import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assistant_core.knowledge import Entry, Page
    from training.corpus.source import Machine, Skips

NAME = "manuals"
SECTIONS = ("1", "6", "8")  # programs; 6 are games
USAGES = 8  # lines of a synopsis that are learnt
LONGEST = 200  # characters of a line of usage
_FILE = re.compile(r"(?P<name>.+?)\.(?P<section>[1-8]\w*)(?:\.(?:gz|xz|bz2))?")
_ARGUMENT = re.compile(r"\[=[^\]\s]+\]|=[^\s,|()\[\]]+|(?<=[\w>\]]) (?=[<A-Za-z])[^\s,|()]+")
_TAKES_COMMANDS = re.compile(r"command|verb|action|operation|object", re.IGNORECASE)


def read(place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    """Yield the explanations of every program below `place` that is installed; of all where that is unknown."""
    manuals, pages = Manuals(search=[place]), list(_pages(place))
    if not pages:
        skips.add(NAME, "no pages manN/NAME.N of programs there", place)
    for name, section in pages:
        program = name.partition("-")[0]  # git-commit(1) is of git
        if machine.programs and not {name, program} & machine.programs:
            skips.add(NAME, "the program is not installed", f"{name}({section})")
            continue
        try:
            page = manuals.page(name, section)
        except (ManualError, OSError) as error:
            skips.add(NAME, f"cannot be read: {error}", f"{name}({section})")
            continue
        if page is not None:
            yield from rows(page, skips)


def rows(page: Page, skips: Skips) -> Iterator[Row]:
    """Yield what a page explains."""
    program = _run_as(page)
    title = page.title.partition(" - ")[2]
    if title:
        usages = [usage for usage in page.synopsis.splitlines() if usage.split(" ")[0] == program.split()[0]]
        for line in dict.fromkeys([program, *(" ".join(usage.split())[:LONGEST] for usage in usages[:USAGES])]):
            yield _row(page, line, title)
    else:
        skips.add(NAME, "no line in NAME", page.reference)
    index = Index(page)
    for entry in page.entries:
        lines = [f"{program} {word}" for name in entry.names if (word := _typed(name, entry, index))]
        if lines and not entry.text:
            skips.add(NAME, "an option without a text", f"{page.reference} {entry.names[0]}")
        elif lines:
            for line in lines:
                yield _row(page, line, quote(entry.text))


def _pages(place: Path) -> Iterator[tuple[str, str]]:
    files = (file for section in SECTIONS for file in sorted(place.glob(f"man{section}/*")))
    found = (_FILE.fullmatch(file.name) for file in files)
    yield from dict.fromkeys((match["name"], match["section"]) for match in found if match)


def _run_as(page: Page) -> str:
    """Return the words that the page's program is run with: "git commit" for git-commit(1)."""
    words = page.name.replace("-", " ")
    return words if re.search(rf"(?<![\w-]){re.escape(words)}(?!\w)", " ".join(page.synopsis.split())) else page.name


def _typed(name: str, entry: Entry, index: Index) -> str:
    """Return a name as it is typed, with what it takes; "" for a term that is no part of a command line."""
    if name[0] in "-+":
        return name + _argument(name, entry)
    if name.endswith("="):
        return next((word for word in entry.term.split() if word.startswith(name)), name)
    return _subcommand(name, index.page) if index.subcommand(name) is entry else ""


def _subcommand(name: str, page: Page) -> str:
    """Return a listed word as a subcommand, "add" for git-add(1) in git(1), if the synopsis knows of any."""
    word = name.removeprefix(f"{page.name}-")
    named = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page.synopsis)
    return word if not word.startswith(page.name) and (named or _TAKES_COMMANDS.search(page.synopsis)) else ""


def _argument(name: str, entry: Entry) -> str:
    """Return what follows the option in its term, "=FILE" or " FILE"; for `-f` of `-f, --file=FILE` " FILE"."""
    own = re.search(rf"(?<![\w-]){re.escape(name)}(?P<argument>(?:{_ARGUMENT.pattern})?)(?=$|[\s,|)\]])", entry.term)
    if own and own["argument"] and (entry.argument != "none" or own["argument"][0] == "="):
        return own["argument"]
    other = _ARGUMENT.search(entry.term)
    if other is None or entry.argument != "required":
        return ""
    word = other[0].strip(" =[]")
    return f"={word}" if name.startswith("--") else f" {word}"


def _row(page: Page, line: str, text: str) -> Row:
    return Row(
        task="explain", texts=(line, text), source=f"man:{page.reference}", licence=INSTALLED, group=page.reference
    )
