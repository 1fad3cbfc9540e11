"""What rows there are: by source and licence, how many of each task, how long. For people, as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple, get_args

from rich.table import Table

from training.records import Row, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TASKS: tuple[Task, ...] = get_args(Task)
MOST = 40  # sources that have a line of their own


class Count(NamedTuple):
    """What a source gave under a licence."""

    source: str
    licence: str
    rows: dict[Task, int]
    size: int  # tokens, or characters without a tokenizer

    @property
    def total(self) -> int:
        """Rows of all tasks."""
        return sum(self.rows.values())


def count(rows: Iterable[Row], measure: Callable[[str], int] = len) -> list[Count]:
    """Return what each source gave, the most first; the pages of a manual are one source."""
    tasks: defaultdict[tuple[str, str], Counter[Task]] = defaultdict(Counter)
    sizes: Counter[tuple[str, str]] = Counter()
    for row in rows:
        key = (row.source.partition(":")[0], row.licence)
        tasks[key][row.task] += 1
        sizes[key] += sum(map(measure, row.texts))
    found = [Count(*key, dict(of_key), sizes[key]) for key, of_key in tasks.items()]
    return sorted(found, key=lambda each: (-each.total, each.source, each.licence))


def report(rows: Iterable[Row], encode: Callable[[str], list[int]] | None = None) -> Table:
    """Return a table of `rows`: by source with its licence, and all together. Sizes are tokens of `encode` if given."""
    counted = count(rows, (lambda text: len(encode(text))) if encode else len)
    shown = [task for task in TASKS if any(task in each.rows for each in counted)]
    table = Table(box=None, pad_edge=False)
    for name in ("source", "licence"):
        table.add_column(name, overflow="fold")
    for name in (*shown, "rows", "tokens" if encode else "characters"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in _folded(counted):
        numbers = [*(each.rows.get(task, 0) for task in shown), each.total, each.size]
        table.add_row(each.source, each.licence, *(f"{number:,}" for number in numbers))
    return table


def _folded(counted: list[Count]) -> Iterator[Count]:
    """Yield the largest sources, the others together by licence, and the sum."""
    yield from counted[:MOST]
    rest = counted[MOST:]
    for licence in sorted({each.licence for each in rest}):
        of_licence = [each for each in rest if each.licence == licence]
        yield _sum(f"{len(of_licence):,} other sources", licence, of_licence)
    yield _sum("all", f"{len({each.licence for each in counted}):,} licences", counted)


def _sum(source: str, licence: str, counted: list[Count]) -> Count:
    tasks: Counter[Task] = Counter()
    for each in counted:
        tasks.update(each.rows)
    return Count(source, licence, dict(tasks), sum(each.size for each in counted))
