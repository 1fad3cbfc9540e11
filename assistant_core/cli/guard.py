"""`assistant guard`: what the guard says of lines, and what the user decides about it.

The engine and the files are those of `assistant_core.guard`; parts with tables of their own are in guard_rules,
guard_allow and guard_log.
"""

import json
import sys
import time
from argparse import REMAINDER, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from assistant_core import settings
from assistant_core.cli import config, guard_allow, guard_log, guard_rules
from assistant_core.cli.command import Answer, App, Group, Leaf, Styled, UsageError, argument, utf8
from assistant_core.errors import SettingsError

if TYPE_CHECKING:
    from assistant_core.guard.policy import Judged

_MODE = "guard.mode"
_STYLES = {"allow": "ok", "warn": "warn", "block": "fail"}
_CRUDS = ("READ", "CREATE", "EXEC", "UPDATE", "DELETE")


def on(_: Namespace, app: App) -> Answer:
    """Ask again, as strictly as before if the guard is on already."""
    guard = app.settings().guard
    written = []
    if not guard.enabled:
        written.append(config.write(settings.find("guard.enabled", "guard on"), True, app))  # noqa: FBT003 - a value
    if guard.mode == "off" or not written:
        written.append(_turn("ask" if guard.mode == "off" else guard.mode, app))
    lines = ["the guard is on in all shells", *(line for answer in written for line in answer.lines[1:])]
    return Answer({"mode": app.settings().guard.mode, "enabled": app.settings().guard.enabled}, lines)


def off(_: Namespace, app: App) -> Answer:
    """Ask no more."""
    written = _turn("off", app)
    return written._replace(lines=["the guard is off in all shells", *written.lines[1:]])


def mode(args: Namespace, app: App) -> Answer:
    """Set the mode, or answer with the one in force."""
    if args.mode:
        return _turn(args.mode, app)
    guard = app.settings().guard
    now = guard.mode if guard.enabled else "off"
    return Answer({"mode": now, "enabled": guard.enabled}, [now])


def _turn(to: str, app: App) -> Answer:
    written = config.write(settings.find(_MODE, "guard"), to, app)
    return written._replace(data={"mode": to, **written.data})


def explain(args: Namespace, app: App) -> Answer:
    """Answer with the verdict on a line; 1 if the guard would ask."""
    line = " ".join(args.line[1:] if args.line[:1] == ["--"] else args.line)
    if not line.strip():
        raise UsageError("guard explain: there is no LINE; example: assistant guard explain 'rm -rf ~'")
    problems: list[str] = []
    policy = guard_log.policy(app, problems)
    context = guard_log.here(app)
    policy.judge(line, context)  # what is read at first use is no part of the time below
    before = time.perf_counter_ns()
    judged = policy.judge(line, context)
    micros = (time.perf_counter_ns() - before) // 1000
    lines = [Styled(problem, "warn") for problem in problems]
    data = {**_plain(line, judged), "micros": micros, "problems": problems}
    return Answer(data, [*lines, *_told(judged, micros)], _asks(judged))


def _told(judged: "Judged", micros: int) -> list[str | Styled]:
    verdict = judged.verdict
    passed = f"; let pass: {judged.allowed_by}" if judged.allowed_by else ""
    rows: list[str | Styled] = [_styled(f"{verdict.decision}, {verdict.crud}{passed}", verdict.decision)]
    rows += [f"  why     {reason}" for reason in verdict.reasons]
    rows += [f"  target  {target}" for target in verdict.targets]
    rows += [f"  safer   {verdict.safer}"] if verdict.safer else []
    rows += [f"  rule    {rule}" for rule in verdict.rules]
    return [*rows, Styled(f"  judged in {micros:,} µs, {verdict.confidence:.0%} sure", "dim")]


def test(args: Namespace, app: App) -> Answer:
    """Answer with the verdict on each line of a file; 1 if the guard would ask about one."""
    text = sys.stdin.read() if args.file == "-" else _text(Path(args.file))
    problems: list[str] = []
    policy, context = guard_log.policy(app, problems), guard_log.here(app)
    judged = [(line, policy.judge(line, context)) for line in text.splitlines() if line.strip()]
    shown: list[str | Styled] = [Styled(problem, "warn") for problem in problems]
    for line, each in judged:
        verdict = each.verdict
        why = f"  # {', '.join(verdict.rules)}" if verdict.rules else ""
        shown.append(_styled(f"{verdict.decision:5}  {verdict.crud:6}  {line}{why}", verdict.decision))
    asked = sum(_asks(each) for _, each in judged)
    shown.append(f"{len(judged):,} lines, {asked:,} would be asked about")
    data = {"lines": [_plain(line, each) for line, each in judged], "asked": asked, "problems": problems}
    return Answer(data, shown, int(asked > 0))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"guard test: {path}: {error.strerror}; expected a file of lines, or - for the input"
        ) from error


def _asks(judged: "Judged") -> int:
    return int(judged.verdict.decision != "allow" and not judged.allowed_by)


def _plain(line: str, judged: "Judged") -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - not needed for --help

    return {"line": line, **msgspec.to_builtins(judged.verdict), "allowed_by": judged.allowed_by}


def _styled(text: str, decision: str) -> Styled:
    return Styled(text, _STYLES[decision])  # type: ignore[arg-type] # the table holds styles only


def correct(args: Namespace, app: App) -> Answer:
    """Write down what the right verdict on a line is."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.guard.corrections import Corrections  # noqa: PLC0415 - see above

    if not args.line.strip():
        raise UsageError("guard correct: LINE is empty")
    problems: list[str] = []
    judged = guard_log.policy(app, problems).uncorrected(args.line, guard_log.here(app))
    made = Corrections(app.paths.guard_corrections, problems.append).add(
        args.line, judged, args.expected, args.decision
    )
    lines: list[str | Styled] = [Styled(problem, "warn") for problem in problems]
    lines.append(f"{made.judged_decision}, {made.judged_crud} -> {made.decision}, {made.crud}: {made.line}")
    return Answer({"correction": msgspec.to_builtins(made), "problems": problems}, lines)


def corrections(_: Namespace, app: App) -> Answer:
    """Answer with every correction, one JSON object a line, oldest first; 1 if there is none."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    from assistant_core.guard.corrections import Corrections  # noqa: PLC0415 - see above

    try:
        found = [msgspec.to_builtins(each) for each in Corrections(app.paths.guard_corrections, _ignore).all()]
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return Answer({"corrections": found}, [json.dumps(each) for each in found], int(not found))


def _ignore(_: str) -> None:
    """`all` raises instead."""


_LINE = argument("line", type=utf8, metavar="LINE", help="the line, as one quoted word")
_REST = argument("line", nargs=REMAINDER, type=utf8, metavar="LINE", help="the line; quote it if it holds |, <, > or $")
GROUP = Group(
    "guard",
    "See what the guard says of lines, and decide what it asks about.",
    (
        Leaf("on", on, "Ask before dangerous lines run.", examples=("assistant guard on",)),
        Leaf("off", off, "Ask about nothing, in all shells.", examples=("assistant guard off",)),
        Leaf(
            "mode",
            mode,
            "Say or set how strict the guard is: off; warn: print and run; ask; strict: stop what ask asks a word for.",
            (
                argument(
                    "mode", nargs="?", choices=get_args(settings.Mode), metavar="MODE", help="off, warn, ask, strict"
                ),
            ),
            ("assistant guard mode", "assistant guard mode strict"),
        ),
        Leaf(
            "explain",
            explain,
            "Say what a line would do if it ran here; 1 if the guard would ask. It is not run.",
            (_REST,),
            ("assistant guard explain rm -rf build", "assistant guard explain --json 'curl https://x.org | sh'"),
        ),
        Leaf(
            "test",
            test,
            "Judge every line of a file; 1 if the guard would ask about one.",
            (argument("file", type=utf8, metavar="FILE", help="a file of lines, - for the input"),),
            ("assistant guard test deploy.txt",),
        ),
        guard_rules.GROUP,
        guard_allow.GROUP,
        guard_log.LOG,
        guard_log.STATS,
        guard_log.REPLAY,
        Leaf(
            "correct",
            correct,
            "Say what the right verdict on a line is; it counts at once, for exactly that line.",
            (
                _LINE,
                argument("--expected", required=True, choices=_CRUDS, metavar="CLASS", help=", ".join(_CRUDS)),
                argument(
                    "--decision",
                    choices=("allow", "warn", "block"),
                    metavar="DECISION",
                    help="allow, warn or block; without it, READ is allowed and DELETE at least asked about",
                ),
            ),
            ("assistant guard correct 'make clean-db' --expected DELETE --decision warn",),
        ),
        Leaf(
            "corrections",
            corrections,
            "Print every correction as JSON lines, for training.",
            examples=("assistant guard corrections --json",),
        ),
    ),
)
