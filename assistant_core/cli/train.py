"""`assistant train`: what is learned from, the runs that learn, and the versions that came of them."""

import time
from argparse import Namespace
from typing import TYPE_CHECKING

from assistant_core.cli import told, train_review, train_run
from assistant_core.cli.command import ROWS, Answer, App, Group, Leaf, Styled, UsageError, argument, utf8, whole
from assistant_core.cli.train_run import KINDS, described
from assistant_core.errors import AssistantError, ModelError

if TYPE_CHECKING:
    from assistant_core.engine.progress import Decision
    from assistant_core.engine.registry import Card, Kind
    from assistant_core.engine.switch import Version
    from assistant_core.engine.trial import Rate

SHOWN = 10  # decisions
DIGITS = 12  # of a sha256


def add(args: Namespace, app: App) -> Answer:
    """Store an example."""
    from contextlib import closing  # noqa: PLC0415 - not needed for --help

    from assistant_core.records import Example  # noqa: PLC0415 - as above
    from assistant_core.redact import redact  # noqa: PLC0415 - as above
    from assistant_core.store import Store  # noqa: PLC0415 - as above

    if not (args.line.strip() and args.meaning.strip()):
        raise UsageError('train add: an empty text; expected: assistant train add "LINE" "MEANING"')
    if app.settings().record.private:
        raise UsageError("private mode is on and nothing is remembered; `assistant private off` ends it")
    example = Example(at_ns=time.time_ns(), line=redact(args.line).text, meaning=redact(args.meaning).text)
    with closing(Store(app.paths.history)) as store:
        store.add_example(example)
    return Answer({"line": example.line, "meaning": example.meaning}, [f"learned: {example.line}"])


def status(args: Namespace, app: App) -> Answer:
    """Answer with what train_run.status says, and with the version on trial."""
    from assistant_core.engine import registry, switch  # noqa: PLC0415 - not needed for --help

    answer = train_run.status(args, app)
    version, lines = None, list(answer.lines)
    try:
        training = app.settings().training
        if training.trial:
            named = switch.named("command", training.trial, app.paths).version
            if named == registry.active("command", app.paths).version:
                raise ModelError(f"{named} is in use already")
            version = named
            lines.append(f"on trial: {version}, for {training.trial_share:.0%} of the requests")
    except AssistantError as error:
        lines.append(Styled(f"training.trial has no effect: {error}", "warn"))
    return answer._replace(data={**answer.data, "trial": version}, lines=lines)


def history(args: Namespace, app: App) -> Answer:
    """Answer with the user's own versions, how often their suggestions were taken, and the last decisions."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.engine import progress, switch, trial  # noqa: PLC0415 - as above

    found = {kind: switch.history(kind, app.paths) for kind in KINDS if args.kind in {None, kind}}
    decisions = [item for item in progress.decisions(app.paths) if args.kind in {None, item.kind}][-SHOWN:]
    with app.history() as store:
        rates = trial.rates(store.suggestions() if store else ())
    lines: list[str | Styled] = []
    for kind, versions in found.items():
        counted = rates if kind == "command" else []
        rows = [*(_version(item, counted) for item in versions), *_shipped(kind, counted, app)]
        lines += [f"{kind}:", *rows] if rows else [f"{kind}: none of yours"]
    lines += ["", "decisions:"] if decisions else []
    for decision in decisions:
        lines += described(decision)
    data = {
        "versions": {kind: [item._asdict() for item in versions] for kind, versions in found.items()},
        "decisions": decisions,
        "rates": [rate._asdict() for rate in rates],
    }
    return Answer(msgspec.to_builtins(data), lines)


def _version(item: "Version", rates: "list[Rate]") -> str | Styled:
    mark = "*" if item.in_use else " "
    if item.card is None:
        return Styled(f"{mark} {item.version}  cannot be used: {item.problem}", "fail")
    return f"{mark} {item.version}  {item.card.created}, {_origin(item.card)}{_taken(item.version, rates)}"


def _origin(card: "Card") -> str:
    base = card.base or "nothing"
    return f"for the chat model {base[:DIGITS]}" if card.kind == "adapter" else f"from {base}"


def _shipped(kind: "Kind", rates: "list[Rate]", app: App) -> list[str]:
    """Return a row for the model that came with the program, if any of its suggestions was counted."""
    from assistant_core.engine import registry  # noqa: PLC0415 - not needed for --help

    try:
        version = registry.shipped(kind, app.paths).version
    except ModelError:
        return []
    mark = " " if registry.current(kind, app.paths) else "*"
    return [f"{mark} {version}  shipped{taken}"] if (taken := _taken(version, rates)) else []


def _taken(version: str, rates: "list[Rate]") -> str:
    rate = next((rate for rate in rates if rate.version == version), None)
    return f", {rate.taken:,} of {rate.shown:,} suggestions taken ({rate.low:.0%} to {rate.high:.0%})" if rate else ""


def deploy(args: Namespace, app: App) -> Answer:
    """Use a version from now on."""
    from assistant_core.engine import switch  # noqa: PLC0415 - not needed for --help

    return _switched(switch.deploy(args.kind, args.version, app.paths), app)


def rollback(args: Namespace, app: App) -> Answer:
    """Use the version that was in use before."""
    from assistant_core.engine import switch  # noqa: PLC0415 - not needed for --help

    return _switched(switch.rollback(args.kind, app.paths), app)


def _switched(decision: "Decision", app: App) -> Answer:
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.engine import switch  # noqa: PLC0415 - as above

    trouble = told.reload(app)
    before, after = (switch.called(decision.kind, name) for name in (decision.before, decision.version))
    lines: list[str | Styled] = [f"{decision.kind}: {after} is in use; before: {before}"]
    lines += [Styled(trouble, "warn")] if trouble else []
    return Answer({"decision": msgspec.to_builtins(decision), "service": trouble}, lines)


_KIND = argument(
    "--kind", choices=KINDS, default="command", metavar="KIND", help=f"{', '.join(KINDS)} (default command)"
)
GROUP = Group(
    "train",
    "Teach, train, and choose which version answers.",
    (
        Leaf(
            "add",
            add,
            "Teach a line and what it means.",
            (
                argument("line", type=utf8, metavar="LINE", help="the line"),
                argument("meaning", type=utf8, metavar="MEANING", help="what it does, in words"),
            ),
            ("assistant train add 'du -sh * | sort -h' 'folders by size'",),
        ),
        Leaf(
            "now",
            train_run.now,
            "Begin a run, in the background.",
            (argument("--foreground", action="store_true", help="run here, and show how far it is"),),
            ("assistant train now", "assistant train now --foreground"),
        ),
        Leaf(
            "status",
            status,
            "Say what is trained, from what, and when next.",
            (),
            ("assistant train status",),
        ),
        Leaf(
            "stop",
            train_run.stop,
            "End the run under way; the next one goes on from there.",
            (),
            ("assistant train stop",),
        ),
        Leaf(
            "review",
            train_review.run,
            "See, edit and drop what would be learned from.",
            (
                argument(
                    "action", nargs="?", choices=("drop", "edit"), metavar="drop|edit", help="without: list it all"
                ),
                argument("words", nargs="*", type=utf8, metavar="NUMBER [TEXT]", help="numbers to drop; one to edit"),
                argument("--limit", type=whole(ROWS), default=100, metavar="COUNT", help="lines listed (default 100)"),
            ),
            (
                "assistant train review",
                "assistant train review drop 12 e3 f1",
                "assistant train review edit 12 'git pull'",
            ),
        ),
        Leaf(
            "schedule",
            train_run.schedule,
            "Have a run each night, by systemd or cron.",
            (argument("state", choices=("on", "off", "status"), metavar="on|off|status", help="what to do"),),
            ("assistant train schedule on",),
        ),
        Leaf(
            "history",
            history,
            "Show your versions, and what was decided about them.",
            (argument("--kind", choices=KINDS, metavar="KIND", help=f"{', '.join(KINDS)}; default: all"),),
            ("assistant train history",),
        ),
        Leaf(
            "deploy",
            deploy,
            "Use a version from now on.",
            (argument("version", metavar="VERSION", help="as `train history` has it; shipped: none of yours"), _KIND),
            ("assistant train deploy 20260102-020513", "assistant train deploy shipped --kind adapter"),
        ),
        Leaf("rollback", rollback, "Use the version before.", (_KIND,), ("assistant train rollback",)),
    ),
)
