"""`assistant stats`: what the history says about its user, computed here and shown to nobody else."""

import re
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from assistant_core.cli import console
from assistant_core.cli.command import NOTHING, ROWS, Answer, App, Leaf, argument, whole

if TYPE_CHECKING:
    from assistant_core.records import Suggestion
    from assistant_core.store import RankingRow

_QUARTER_NS = 900 * 10**9
_PROGRAM = re.compile(r"""(?:\s*\w+=(?:"[^"]*"|'[^']*'|[^\s"'])*\s)*\s*(?!\w+=)(\S+)""")


def run(args: Namespace, app: App) -> Answer:
    """Answer with counts and rates of what people typed; 1 if nothing is recorded."""
    with app.history() as store:
        if store is None:
            return Answer({"commands": 0}, [NOTHING], 1)
        data = commands(store.ranking_rows(), args.limit) | {"suggestions": suggestions(store.suggestions())}
    return Answer(data, _lines(data), int(not data["commands"]))


def commands(rows: Iterable["RankingRow"], limit: int) -> dict[str, Any]:
    """Return counts over `rows`: at most `limit` of each kind, hours in local time; a success is exit code 0."""
    lines, folders, hours, exits, programs = (Counter[Any]() for _ in range(5))
    for line, _, cwd, exit_code, started_ns in rows:
        lines[line] += 1
        folders[cwd] += 1
        exits[exit_code] += 1
        hours[None if started_ns is None else _hour(started_ns // _QUARTER_NS)] += 1
    for line, count in lines.items():
        programs[program(line)] += count
    known = exits.total() - exits[None]
    return {
        "commands": lines.total(),
        "different": len(lines),
        "success_rate": exits[0] / known if known else None,
        "lines": _top(lines, limit),
        "programs": _top(programs, limit),
        "directories": _top(folders, limit),
        "hours": [hours[hour] for hour in range(24)],
    }


def program(line: str) -> str | None:
    """Return the first word that is not an assignment."""
    found = _PROGRAM.match(line)
    return found[1] if found else None


def suggestions(rows: Iterable["Suggestion"]) -> dict[str, Any]:
    """Return how many suggestions were shown, accepted (whole or by words) and then run as suggested."""
    shown = accepted = ran = 0
    for row in rows:
        shown += 1
        accepted += row.accepted != "no"
        ran += row.ran
    return {
        "shown": shown,
        "accepted": accepted,
        "ran": ran,
        "acceptance_rate": accepted / shown if shown else None,
    }


@cache
def _hour(quarter: int) -> int | None:
    """Return the local hour of the day for quarters of an hour since the Unix epoch: time zones differ by quarters."""
    try:
        return time.localtime(quarter * 900).tm_hour
    except (OverflowError, ValueError, OSError):  # an imported time that no calendar has
        return None


def _top(counter: Counter[Any], limit: int) -> list[dict[str, Any]]:
    ranked = counter.most_common(limit + 1)
    return [{"name": name, "count": count} for name, count in ranked if name is not None][:limit]


def _lines(data: dict[str, Any]) -> list[str]:
    shown = data["suggestions"]
    lines = [
        f"{data['commands']:,} commands, {data['different']:,} different",
        f"{_percent(data['success_rate'])} succeeded of those whose exit code is known",
        f"{shown['shown']:,} suggestions shown, {shown['ran']:,} run as suggested",
        f"{shown['accepted']:,} accepted, {_percent(shown['acceptance_rate'])} of those shown",
    ]
    for title in ("programs", "lines", "directories"):
        lines += ["", f"most used {title}:"]
        lines += console.columns((f"{item['count']:>8,}", item["name"]) for item in data[title])
    lines += ["", "by hour of the day:"]
    most = max(data["hours"]) or 1
    lines += [
        f"{hour:>8}  {count:>8,}  {'#' * round(40 * count / most)}".rstrip() for hour, count in enumerate(data["hours"])
    ]
    return lines


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


COMMAND = Leaf(
    "stats",
    run,
    "Count what was used most, what succeeded, and what became of the suggestions.",
    (argument("--limit", type=whole(ROWS), default=10, metavar="COUNT", help="at most COUNT of each (default 10)"),),
    ("assistant stats", "assistant stats --limit 3 --json"),
)
