"""`assistant data review`: the lines that would be learned from, one by one, the newest first.

On a terminal each line may be kept or deleted for good; elsewhere the lines are printed.
"""

from argparse import Namespace
from typing import TYPE_CHECKING, NamedTuple

from assistant_core.cli import console, told
from assistant_core.cli.command import NOTHING, ROWS, Answer, App, Leaf, Styled, argument, whole

if TYPE_CHECKING:
    from assistant_core.store import Store

CHOICES = "[k]eep, [d]elete for good, [q]uit?"


class Lesson(NamedTuple):
    """One line that would be learned from."""

    line: str
    times: int
    last_ns: int | None


def run(args: Namespace, app: App) -> Answer:
    """Walk through the lines, or print them; 1 if there are none."""
    with app.history() as store:
        found = lessons(store, args.limit) if store else []
        if store is None or not found:
            return Answer({"lines": []}, [NOTHING], 1)
        if app.interactive and not app.json:
            return _walk(found, store, app)
    lines = console.columns((console.moment(item.last_ns), f"{item.times}x", item.line) for item in found)
    return Answer({"lines": [item._asdict() for item in found]}, lines)


def lessons(store: "Store", limit: int) -> list[Lesson]:
    """Return at most `limit` different lines that people typed, the last run first."""
    seen: dict[str, Lesson] = {}
    for row in store.ranking_rows():
        known = seen.pop(row.line, None)
        seen[row.line] = Lesson(row.line, known.times + 1 if known else 1, row.started_ns)
    return list(reversed(seen.values()))[:limit]


def _walk(found: list[Lesson], store: "Store", app: App) -> Answer:
    deleted, trouble = [], None
    for number, item in enumerate(found, 1):
        console.say(
            f"{number}/{len(found)}  {console.moment(item.last_ns)}  {item.times}x  {console.visible(item.line)}"
        )
        answer = _choice()
        if answer == "q":
            break
        if answer == "d":
            store.forget(item.line)
            trouble = told.forget(app, item.line) or trouble
            deleted.append(item.line)
    warning = [Styled(trouble, "warn")] if trouble else []
    return Answer({"deleted": deleted}, [f"{len(deleted)} lines deleted for good", *warning])


def _choice() -> str:
    while (answer := console.ask(CHOICES, "k")[:1]) not in {"k", "d", "q"}:
        pass
    return answer


COMMAND = Leaf(
    "review",
    run,
    "Walk through the lines that would be learned from, the newest first.",
    (argument("--limit", type=whole(ROWS), default=1000, metavar="COUNT", help="at most COUNT lines (default 1000)"),),
    ("assistant data review", "assistant data review --limit 20 --json"),
)
