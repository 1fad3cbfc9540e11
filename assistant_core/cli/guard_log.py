"""`assistant guard log|stats|replay`: what the guard said, and what it would have said over the history.

In: the log that shells write, or the remembered commands. Out: events, counts, and the commonest reasons.
"""

import os
from argparse import Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any

from assistant_core.cli import console
from assistant_core.cli.command import NOTHING, ROWS, Answer, App, Leaf, Styled, argument, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assistant_core.guard import Context
    from assistant_core.guard.policy import Policy
    from assistant_core.records import Command

_SILENT = "the guard has said nothing yet"
COMMONEST = 10


def policy(app: App, problems: list[str]) -> "Policy":
    """Return the user's rules and permissions as in mode ask; sentences about broken files go to `problems`."""
    from assistant_core.guard.policy import Policy  # noqa: PLC0415 - 60 ms that --help does not need

    return Policy(app.paths, lambda: "ask", tell=problems.append)


def here(app: App) -> "Context":
    """Return where a line typed now would run."""
    from assistant_core import guard  # noqa: PLC0415 - see above

    home = app.environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - a text is wanted
    return guard.here()._replace(environ=app.environ, home=home)


def log(args: Namespace, app: App) -> Answer:
    """Answer with the newest events, oldest first; 1 if there is none."""
    import msgspec  # noqa: PLC0415 - see above

    from assistant_core.guard.audit import Audit  # noqa: PLC0415 - see above

    found = [msgspec.to_builtins(each) for each in Audit(app.paths.guard_log).events()][-args.count :]
    if not found:
        return Answer({"events": []}, [_SILENT], 1)
    shown = ((each["at"][:19], each["decision"], _became(each), each["line"]) for each in found)
    return Answer({"events": found}, console.columns(shown))


def _became(event: dict[str, Any]) -> str:
    return str(event["answer"] or event["allowed_by"] or "not asked")


def stats(_: Namespace, app: App) -> Answer:
    """Answer with counts over the log; 1 if it is empty."""
    from assistant_core.guard.audit import Audit, summary  # noqa: PLC0415 - see above

    found = summary(Audit(app.paths.guard_log).events())
    if not found["judged"]:
        return Answer(found, [_SILENT], 1)
    lines = [
        f"{found['judged']:,} lines judged, {found['asked']:,} asked about",
        f"{found['ran']:,} run anyway, {found['stopped']:,} stopped, {found['passed']:,} let pass unasked",
        f"judged in {found['p50_us']:,} µs (half of them), {found['p99_us']:,} µs (99 of 100)",
    ]
    if found["rules"]:
        heads = ("judged", "asked", "ran", "stopped")
        table = ((row["rule"], *(row.get(head, 0) for head in heads)) for row in found["rules"])
        lines += ["", *console.columns([("rule", "judged", "asked", "run", "stopped"), *table])]
    return Answer(found, lines)


def replay(args: Namespace, app: App) -> Answer:
    """Answer with what would have been asked over the history; 1 if there is none."""
    problems: list[str] = []
    with app.history() as store:
        if store is None:
            return Answer({"commands": 0}, [NOTHING], 1)
        stored = store.commands() if args.limit is None else store.newest(args.limit)
        data = replayed((each.command for each in stored if each.command.author == "human"), app, problems)
    lines: list[str | Styled] = [Styled(problem, "warn") for problem in problems]
    return Answer({**data, "problems": problems}, [*lines, *_told(data)], int(not data["commands"]))


def replayed(commands: "Iterable[Command]", app: App, problems: list[str]) -> dict[str, Any]:
    """Return how many of `commands` would have been asked about, by rule, and the commonest reasons with a line."""
    judge, context = policy(app, problems).judge, here(app)
    seen: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...], str]] = {}
    total = 0
    decisions, rules, reasons = Counter[str](), Counter[str](), Counter[str]()
    examples: dict[str, str] = {}
    for command in commands:
        total += 1
        place = command.line, command.cwd or context.home
        if place not in seen:
            environ = {**app.environ, **command.environment}
            judged = judge(command.line, context._replace(environ=environ, cwd=place[1]))
            verdict, passes = judged.verdict, judged.verdict.decision == "allow" or judged.allowed_by
            seen[place] = ((), (), "allow") if passes else (verdict.rules, verdict.reasons, verdict.decision)
        found_rules, found_reasons, decision = seen[place]
        decisions[decision] += 1
        rules.update(found_rules)
        reasons.update(found_reasons)
        for reason in found_reasons:
            examples.setdefault(reason, command.line)
    asked = decisions["warn"] + decisions["block"]
    return {
        "commands": total,
        "asked": asked,
        "warned": decisions["warn"],
        "blocked": decisions["block"],
        "share": asked / total if total else None,
        "rules": [{"rule": rule, "count": count} for rule, count in rules.most_common()],
        "reasons": [
            {"reason": reason, "count": count, "line": examples[reason]}
            for reason, count in reasons.most_common(COMMONEST)
        ],
    }


def _told(data: dict[str, Any]) -> list[str | Styled]:
    if not data["commands"]:
        return [NOTHING]
    kinds = f"{data['warned']:,} warned of, {data['blocked']:,} stopped"
    lines: list[str | Styled] = [
        f"{data['commands']:,} commands, {data['asked']:,} would have been asked about ({data['share']:.2%}): {kinds}",
        Styled("Folders are those of then, variables and permissions those of now.", "dim"),
    ]
    if data["asked"]:
        lines += ["", "by rule:"]
        lines += console.columns((f"{row['count']:>8,}", row["rule"]) for row in data["rules"])
        lines += ["", "commonest reasons, each with a line:"]
        lines += console.columns((f"{row['count']:>8,}", row["reason"], row["line"]) for row in data["reasons"])
    return lines


LOG = Leaf(
    "log",
    log,
    "Show what the guard said and what came of it: time, verdict, answer, line.",
    (
        argument(
            "-n", dest="count", type=whole(ROWS), default=20, metavar="COUNT", help="the newest COUNT (default 20)"
        ),
    ),
    ("assistant guard log -n 5",),
)
STATS = Leaf(
    "stats",
    stats,
    "Count what was asked, run anyway and stopped, by rule, and how long judging took.",
    examples=("assistant guard stats",),
)
REPLAY = Leaf(
    "replay",
    replay,
    "Say what the guard would have asked about over your own history.",
    (argument("--limit", type=whole(ROWS), metavar="COUNT", help="only the newest COUNT commands"),),
    ("assistant guard replay", "assistant guard replay --limit 1000"),
)
