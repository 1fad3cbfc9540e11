"""`assistant data`: what is remembered is listed, shown, deleted and exported."""

import os
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assistant_core.cli import console, export, review, told
from assistant_core.cli.command import (
    NOTHING,
    ROWS,
    Answer,
    App,
    Group,
    Leaf,
    Styled,
    UsageError,
    argument,
    utf8,
    whole,
)

if TYPE_CHECKING:
    from assistant_core.store import Stored

MOST_DAYS = 36_500


def list_(args: Namespace, app: App) -> Answer:
    """Answer with the newest commands that match; 1 if none does."""
    cwd = None if args.cwd is None else os.path.abspath(os.path.expanduser(args.cwd))  # noqa: PTH100,PTH111 - links stay
    with app.history() as store:
        found = store.newest(args.limit, containing=args.containing, cwd=cwd, session=args.session) if store else []
    if not found:
        return Answer({"commands": []}, ["no command matches" if store else NOTHING], 1)
    return Answer({"commands": [_plain(item) for item in found]}, _table(found))


def show(args: Namespace, app: App) -> Answer:
    """Answer with one command, and the ones before and after it in its session."""
    with app.history() as store:
        found = store.get(args.id) if store else None
        around = store.neighbours(args.id) if store and found else (None, None)
    if found is None:
        return Answer({"command": None}, [f"there is no command {args.id}; `assistant data list` shows the numbers"], 1)
    before, after = around
    plain = _plain(found)
    fields = plain | {
        "started": console.moment(plain.pop("started_ns")),
        "took": console.span(plain.pop("duration_ns")),
    }
    neighbours = [item for item in (before, found, after) if item]
    return Answer(
        {
            "command": _plain(found),
            "before": _plain(before) if before else None,
            "after": _plain(after) if after else None,
        },
        [*console.columns(fields.items()), "", "in its session:", *_table(neighbours)],
    )


def delete(args: Namespace, app: App) -> Answer:
    """Delete commands by number, or a line for good; 1 if something of it was not there."""
    if bool(args.ids) == (args.line is not None):
        raise UsageError("data delete: expected either numbers (as `assistant data list` shows them) or --line LINE")
    with app.history() as store:
        if store is None:
            return Answer({"deleted": 0}, [NOTHING], 1)
        deleted = store.forget(args.line) if args.line is not None else len(store.delete(args.ids))
    trouble = told.forget(app, args.line) if args.line is not None else told.reload(app)
    missing = len(set(args.ids)) - deleted if args.ids else int(not deleted)
    lines: list[str | Styled] = [f"{deleted:,} deleted{f', {missing:,} not found' if missing else ''}"]
    lines += [Styled(trouble, "warn")] if trouble else []
    return Answer({"deleted": deleted, "missing": missing, "service": trouble}, lines, int(missing > 0))


def purge(args: Namespace, app: App) -> Answer:
    """Delete everything, or what is older than so many days, after a yes."""
    what = f"what is older than {args.older_than} days" if args.older_than else "everything that is remembered"
    with app.history() as store:
        if store is None:
            return Answer({"deleted": 0}, [NOTHING])
        if not args.yes and not _agreed(app, f"Delete {what} ({store.counts()['commands']:,} commands now)? [y/N]"):
            return Answer({"deleted": 0}, ["nothing is deleted"], 1)
        deleted = store.expire(args.older_than, 0) if args.older_than else store.purge()
    trouble = told.reload(app)
    lines: list[str | Styled] = [f"{deleted:,} commands deleted", *([Styled(trouble, "warn")] if trouble else [])]
    return Answer({"deleted": deleted, "service": trouble}, lines)


def _agreed(app: App, question: str) -> bool:
    if app.json or not app.interactive:
        raise UsageError("data purge: nobody can be asked here; --yes deletes without a question")
    return console.ask(question, "n") in {"y", "yes"}


def _plain(item: "Stored") -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - loaded with the history

    return {"id": item.id, **msgspec.to_builtins(item.command)}


def _table(items: Sequence["Stored"]) -> list[str]:
    return console.columns(
        (item.id, console.moment(item.command.started_ns), item.command.exit_code, item.command.line) for item in items
    )


GROUP = Group(
    "data",
    "See, delete and export what is remembered.",
    (
        Leaf(
            "list",
            list_,
            "List commands, the last added first: number, start, exit code, line.",
            (
                argument("--containing", type=utf8, default="", metavar="TEXT", help="only lines that hold TEXT"),
                argument("--cwd", type=utf8, metavar="FOLDER", help="only commands run in FOLDER"),
                argument("--session", type=utf8, metavar="NAME", help="only commands of this session"),
                argument("--limit", type=whole(ROWS), default=20, metavar="COUNT", help="at most COUNT (default 20)"),
            ),
            ("assistant data list --containing docker", "assistant data list --cwd . --limit 5"),
        ),
        Leaf(
            "show",
            show,
            "Show all that is known of one command, and its neighbours.",
            (argument("id", type=whole(ROWS), metavar="ID", help="its number"),),
            ("assistant data show 1234",),
        ),
        Leaf(
            "delete",
            delete,
            "Delete commands. --line deletes a line everywhere, and later imports leave it out.",
            (
                argument("ids", type=whole(ROWS), nargs="*", metavar="ID", help="numbers of commands"),
                argument("--line", type=utf8, metavar="LINE", help="the whole line, exactly"),
            ),
            ("assistant data delete 1234 1235", "assistant data delete --line 'mysql -u root'"),
        ),
        export.COMMAND,
        Leaf(
            "purge",
            purge,
            "Delete everything that is remembered; the file is overwritten.",
            (
                argument("--yes", action="store_true", help="do not ask"),
                argument("--older-than", type=whole(MOST_DAYS), metavar="DAYS", help="only commands older than this"),
            ),
            ("assistant data purge --older-than 365", "assistant data purge --yes"),
        ),
        review.COMMAND,
    ),
)
