"""Our corpora in small: made-up pages and projects, some of whose names are among those that are held out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice, product
from pathlib import Path

from training.corpus.split import split
from training.public import HELD_SHARE, LEAST
from training.records import Row

PAGES, PROJECTS = "zoo/pages page{}", "zoo/project{} project"  # groups as training.corpus.ours names them
EACH = 4  # pages to learn from, and as many held out; projects likewise
HELD_REQUESTS = LEAST + 10
WISHES = {
    "show": "cat",
    "count the lines of": "wc -l",
    "put in order": "sort",
    "compress": "gzip -9",
    "tell the size of": "du -sh",
    "edit": "nano",
    "compare with yesterday's": "diff old",
    "fingerprint": "sha256sum",
    "look at the end of": "tail -n 20",
    "find out the kind of": "file",
}
ANIMALS = (  # noqa: SIM905 - three lines instead of sixty
    "ape bat bear bee boar bug camel cat cow crab crow deer dog dove duck eel elk ewe fish flea fly fox frog gnu goat "
    "goose hare hawk hen horse jay kiwi koala lamb lark lion lynx mole moose moth mouse mule newt okapi otter owl ox "
    "panda pig pony puma ram rat raven rook seal shark sheep sloth snail swan"
).split()


def groups(form: str, *, held: bool) -> list[str]:
    """Return EACH groups of a form, all held out or none."""
    rows = (Row(task="line", texts=("x",), source="", licence="", group=form.format(at)) for at in range(1000))
    found = split(rows, share=HELD_SHARE)
    return [row.group for row in islice(found.held if held else found.learning, EACH)]


def requests(*, held: bool) -> list[tuple[str, str]]:
    """Return requests and their lines: each wish and each animal stand on both sides, never both together."""
    every = [(f"{wish} the {animal}", f"{WISHES[wish]} {animal}") for wish, animal in product(WISHES, ANIMALS)]
    at_odds = [every[at] for at in range(len(every)) if at % 3 == 0]
    kept = at_odds[:HELD_REQUESTS]
    return kept if held else [each for each in every if each not in kept]


def write(folder: Path) -> Path:
    """Write the files to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    asked, said, sessions = [], [], []
    for held in (False, True):
        pages, projects = groups(PAGES, held=held), groups(PROJECTS, held=held)
        for at, (wish, line) in enumerate(requests(held=held)):
            source, page = pages[at % EACH].split()
            asked.append({"nl": wish, "cmd": line, "page": page, "source": source, "licence": "MIT"})
            if line.startswith("cat"):
                said.append({**asked[-1], "explanation": f"{wish}, all of it"})
        for at, project in enumerate(projects):
            lines = [f"cd {ANIMALS[at]}{held:d}", "git pull", f"make {ANIMALS[at]}{held:d}"]
            sessions.append({"cmds": lines, "source": project.split()[0], "licence": "Apache-2.0"})
    alone = [{"cmd": f"make {animal} -j 4", "n": 1, "source": "zoo/make", "licence": "MIT"} for animal in ANIMALS]
    mended = [{"wrong": "sotr x", "fix": "sort x", "rule": "typing", "source": "zoo/mend", "licence": "MIT"}]
    _lines(folder / "nl2cmd_train.jsonl", asked)
    _lines(folder / "explain.jsonl", said)
    _lines(folder / "sequences.jsonl", sessions)
    _lines(folder / "cmdlines.jsonl", alone)
    _lines(folder / "corrections.jsonl", mended)
    return folder


def _lines(file: Path, rows: Iterable[Mapping[str, object]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
