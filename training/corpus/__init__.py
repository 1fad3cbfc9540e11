"""What is learnt from: the table of sources, and `read`, which asks them.

source      what a reader is given and gives
store       the user's history: sessions, mistakes, examples, feedback (mistakes: which lines were one)
guard       lines that the user allowed the guard to let pass
manuals     the manual pages of this machine
documents   the user's notes: text, Markdown (markdown), HTML (hypertext)
mediawiki   a dump of a wiki (wikitext)
tldr        a checkout of tldr-pages
instructions  JSON lines of instructions (jsonlines)
ours        our corpora
harmless    what programs that can harm are harmless with
lines       a block of a document -> its command lines; blocks: the blocks of a document -> rows
variants    more rows for rare programs (plausible: one value -> another)
clean       what may be learnt, once each
split       what is held out
report      counts, sizes, licences
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from assistant_core.errors import AssistantError, TrainingError
from assistant_core.knowledge.sources import hierarchies
from training.corpus import documents, guard, instructions, manuals, mediawiki, ours, store, tldr
from training.corpus.clean import clean
from training.corpus.report import report
from training.corpus.source import INSTALLED, PERSONAL, Machine, Skips, Source, without_names
from training.corpus.variants import variants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from assistant_core.settings import Paths
    from training.records import Row

__all__ = ["PERSONAL", "SOURCES", "Machine", "Skips", "Source", "personal", "places", "read", "report"]


def _ours(place: Path, _: Machine, __: Skips) -> Iterator[Row]:
    return ours.read(place)


SOURCES = (
    Source(store.NAME, "the history database", store.read, nameless=True),
    Source(guard.NAME, "the file of corrections of the guard", guard.read, nameless=True),
    Source(manuals.NAME, "a hierarchy of manual pages", manuals.read),
    Source(documents.NAME, "a folder or file of notes: text, Markdown, HTML", documents.read),
    Source(mediawiki.NAME, "a MediaWiki XML dump, plain or .gz, .xz, .bz2", mediawiki.read),
    Source(tldr.NAME, "a checkout of tldr-pages", tldr.read),
    Source(instructions.NAME, "JSON lines of instruction, input, output or of nl, cmd", instructions.read),
    Source("ours", "a folder of our corpora", _ours),
)


def places(asked: Iterable[str]) -> dict[str, list[Path]]:
    """Return the places that "SOURCE=PATH" names. Raises TrainingError for a source or a path that is not there."""
    found = defaultdict(list)
    for each in asked:
        name, _, path = each.partition("=")
        source = _source(name)
        if not path or not (place := Path(path).expanduser()).exists():
            raise TrainingError(f"{each!r} names nothing that is there; expected {name}=PATH, PATH {source.what}")
        found[name].append(place)
    return dict(found)


def read(
    places: Mapping[str, Sequence[Path]], machine: Machine, skips: Skips, *, seed: int | None = None
) -> Iterator[Row]:
    """Yield the rows of the places of each source, in the order of SOURCES.

    With a seed, variants of those with rare programs follow, of the same time and group; only rows that may be learnt
    have any, so they come clean. A place that cannot be read is named in `skips`, and so is a row; the others go on.
    Raises TrainingError for a source that is not in the table.
    """
    for name in places:
        _source(name)
    rows = (
        row for source in SOURCES for place in places.get(source.name, ()) for row in _of(source, place, machine, skips)
    )
    return rows if seed is None else _with_variants(rows, seed)


def personal(paths: Paths, environ: Mapping[str, str]) -> dict[str, list[Path]]:
    """Return the places of what is the user's own and of what is installed here; notes are where the user says."""
    return {
        store.NAME: [paths.history],
        guard.NAME: [paths.guard_corrections],
        manuals.NAME: hierarchies(environ),
    }


def _source(name: str) -> Source:
    by_name = {source.name: source for source in SOURCES}
    if name not in by_name:
        raise TrainingError(f"there is no source {name!r} to learn from; expected one of {', '.join(by_name)}")
    return by_name[name]


def _with_variants(rows: Iterable[Row], seed: int) -> Iterator[Row]:
    seen = []
    for row in rows:
        seen.append(row)
        yield row
    yield from clean(variants(list(clean(seen)), seed=seed))


def _of(source: Source, place: Path, machine: Machine, skips: Skips) -> Iterator[Row]:
    try:
        for row in source.read(place, machine, skips):
            named = not source.nameless and row.licence in PERSONAL - {INSTALLED}
            yield without_names(row, machine) if named else row
    except (AssistantError, OSError) as error:
        skips.add(source.name, f"cannot be read to its end: {error}", place)
