"""`assistant guard allow`: what may run although a rule speaks against it.

In: lines. Out: entries of the allow-list. Those for a session are made at the question and live in that shell.
"""

import time
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from assistant_core.cli import console, guard_log
from assistant_core.cli.command import ROWS, Answer, App, Group, Leaf, Styled, UsageError, argument, utf8, whole
from assistant_core.errors import SettingsError

if TYPE_CHECKING:
    from assistant_core.guard.allowlist import AllowList, Entry
    from assistant_core.records import Verdict

_MOST_DAYS = 36_500


def list_(_: Namespace, app: App) -> Answer:
    """Answer with what is allowed, by number; 1 if nothing is."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    problems: list[str] = []
    entries = _allowed(app, problems).entries()
    plain = [{"number": number, **msgspec.to_builtins(each)} for number, each in enumerate(entries, 1)]
    lines: list[str | Styled] = [Styled(problem, "fail") for problem in problems]
    lines += console.columns(map(_row, plain)) if plain else ["nothing is allowed beyond the rules"]
    return Answer({"allowed": plain, "problems": problems}, lines, int(not plain or bool(problems)))


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    until = "for good" if entry["expires"] is None else f"until {console.moment(entry['expires'] * 10**9)[:16]}"
    what = entry["line"] or f"{', '.join(entry['rules'])} on {', '.join(entry['targets'])}"
    return entry["number"], entry["root"] or entry["scope"], until, console.moment(entry["at"] * 10**9)[:10], what


def add(args: Namespace, app: App) -> Answer:
    """Allow a line, or its targets, here or always."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.guard.policy import git_root  # noqa: PLC0415 - see above

    problems: list[str] = []
    context = guard_log.here(app)
    verdict = guard_log.policy(app, problems).judge(args.line, context).verdict
    root = git_root(context.cwd) if args.scope == "project" else ""
    if args.scope == "project" and not root:
        raise UsageError(f"guard allow: {context.cwd} is in no git repository; --scope always allows it everywhere")
    if verdict.decision == "allow":
        return Answer({"entry": None, "problems": problems}, [f"{args.line} is allowed already"], 1)
    entry = _entry(args, verdict, root)
    try:
        _allowed(app, problems).add(entry)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if not guard_log.policy(app, []).judge(args.line, context).allowed_by:
        problems.append("a rule of the project stops this line, and goes before what you allow")
    where = f"in {root}" if root else "everywhere"
    lines: list[str | Styled] = [Styled(problem, "warn") for problem in problems]
    lines.append(f"allowed {where}: {_row({'number': 0, **msgspec.to_builtins(entry)})[-1]}")
    return Answer({"entry": msgspec.to_builtins(entry), "problems": problems}, lines)


def _entry(args: Namespace, verdict: "Verdict", root: str) -> "Entry":
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.guard.allowlist import Entry  # noqa: PLC0415 - see above

    expires = int(time.time()) + args.days * 86_400 if args.days else None
    entry = Entry.of(args.line, verdict, args.scope, root, expires=expires, why=args.why)
    if not args.target:
        return entry
    if not entry.targets or any(path[:1] != "/" or "…" in path for path in entry.targets):
        raise UsageError(
            f"guard allow: not all targets of {args.line!r} can be told; without --target, the line itself is allowed"
        )
    return msgspec.structs.replace(entry, line=None)


def remove(args: Namespace, app: App) -> Answer:
    """Take a permission back; 1 if there is none of that number."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    try:
        removed = _allowed(app, []).remove(args.number)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if removed is None:
        said = f"there is no entry {args.number}; `assistant guard allow list` shows the numbers"
        return Answer({"removed": None}, [said], 1)
    plain = msgspec.to_builtins(removed)
    return Answer({"removed": plain}, [f"allowed no more: {_row({'number': 0, **plain})[-1]}"])


def _allowed(app: App, problems: list[str]) -> "AllowList":
    from assistant_core.guard.allowlist import AllowList  # noqa: PLC0415 - not needed for --help

    return AllowList(app.paths.guard_allowed, problems.append)


GROUP = Group(
    "allow",
    "See and change what may run although a rule speaks against it.",
    (
        Leaf(
            "list",
            list_,
            "List what is allowed: number, where, until when, since when, what.",
            examples=("assistant guard allow list",),
        ),
        Leaf(
            "add",
            add,
            "Allow a line while it means what it means now: the same rules on the same targets.",
            (
                argument("line", type=utf8, metavar="LINE", help="the line, as one quoted word"),
                argument(
                    "--scope",
                    choices=("project", "always"),
                    default="project",
                    metavar="SCOPE",
                    help="project: in this git repository (default); always: everywhere",
                ),
                argument("--target", action="store_true", help="allow any line that these rules find on these targets"),
                argument("--days", type=whole(_MOST_DAYS), metavar="DAYS", help="only for so many days"),
                argument("--why", type=utf8, default="", metavar="TEXT", help="a note for yourself"),
            ),
            (
                "assistant guard allow add 'rm -rf data/tmp' --days 30",
                "assistant guard allow add 'rm -rf out' --target",
            ),
        ),
        Leaf(
            "remove",
            remove,
            "Take a permission back.",
            (argument("number", type=whole(ROWS), metavar="N", help="its number"),),
            ("assistant guard allow remove 2",),
        ),
    ),
)
