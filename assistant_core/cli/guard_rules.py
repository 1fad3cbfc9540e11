"""`assistant guard rules`: the rules that come with the guard and the user's own.

In: the rule files and guard.toml. Out: rules, what their examples say, and guard.toml with rules switched off or on.
"""

import difflib
import json
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant_core.cli import console, settings_file
from assistant_core.cli.command import Answer, App, Group, Leaf, Styled, UsageError, argument, utf8
from assistant_core.errors import SettingsError

if TYPE_CHECKING:
    from assistant_core.guard.rulefile import Rule
    from assistant_core.guard.userrules import Overlay


class Known(NamedTuple):
    """A rule, whose it is and whether it counts."""

    rule: "Rule"
    programs: list[str]
    origin: str  # "shipped" or "own"
    state: str  # "on", "off" or "replaced"


def list_(args: Namespace, app: App) -> Answer:
    """Answer with every rule, the user's own first; 1 if none matches or the user's file is broken."""
    own, problem = _own(app)
    found = [each for each in _known(own) if args.program is None or args.program in each.programs]
    plain = [_summary(each) for each in found]
    lines: list[str | Styled] = [Styled(problem, "fail")] if problem else []
    shown = [(row["state"], row["verdict"], row["name"], ", ".join(row["program"]), row["reason"]) for row in plain]
    lines += console.columns(shown) if shown else ["no rule matches"]
    return Answer({"rules": plain, "problem": problem}, lines, int(not found or bool(problem)))


def show(args: Namespace, app: App) -> Answer:
    """Answer with all that one rule says, as it could stand in guard.toml."""
    import msgspec  # noqa: PLC0415 - not needed for --help

    own, problem = _own(app)
    known = _find(args.name, own)
    defaults = msgspec.to_builtins(type(known.rule)(name="", verdict="allow"))
    fields = msgspec.to_builtins(known.rule)
    said = {name: value for name, value in fields.items() if name in {"name", "verdict"} or value != defaults[name]}
    said = {"name": said.pop("name"), "program": known.programs} | said
    lines: list[str | Styled] = [Styled(problem, "fail")] if problem else []
    lines.append(Styled(f"# {known.origin}, {known.state}", "dim"))
    lines += ["[[rule]]", *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in said.items())]
    return Answer({"rule": said, "origin": known.origin, "state": known.state, "problem": problem}, lines)


def off(args: Namespace, app: App) -> Answer:
    """Switch a rule off; 1 if it is off already."""
    _find(args.name, _own(app)[0])
    with settings_file.document_of(app.paths.guard_rules) as document:
        names = document.setdefault("disabled", [])
        if not isinstance(names, list):
            raise SettingsError(f"{app.paths.guard_rules}: disabled = {names!r}; expected a list of names")
        if args.name in names:
            return Answer({"rule": args.name, "changed": False}, [f"{args.name} is off already"], 1)
        names.append(args.name)
    return Answer({"rule": args.name, "changed": True}, [f"{args.name} is off, in {app.paths.guard_rules}"])


def on(args: Namespace, app: App) -> Answer:
    """Switch a rule on again; 1 if it was not switched off."""
    with settings_file.document_of(app.paths.guard_rules) as document:
        names = document.get("disabled")
        if not isinstance(names, list) or args.name not in names:
            return Answer({"rule": args.name, "changed": False}, [f"{args.name} is not switched off"], 1)
        names.remove(args.name)
    return Answer({"rule": args.name, "changed": True}, [f"{args.name} is on again"])


def test(_: Namespace, app: App) -> Answer:
    """Run the examples of the user's rules; 1 if one is not as it says."""
    from assistant_core.guard import userrules  # noqa: PLC0415 - not needed for --help

    own, problem = _own(app)
    if problem:
        return Answer({"rules": [], "problem": problem}, [Styled(problem, "fail")], 1)
    known = {each.rule.name for each in _known(own)}
    wrong = [f"disabled: there is no rule {name!r}" for name in own.own.disabled if name not in known]
    rows = [{"rule": rule.name, "failures": list(userrules.failures(own, rule))} for rule in own.own.rule]
    lines: list[str | Styled] = [Styled(each, "fail") for each in wrong]
    for row in rows:
        lines += [Styled(f"{row['rule']}: {each}", "fail") for each in row["failures"]] or [
            Styled(f"{row['rule']}: as its examples say", "ok")
        ]
    failed = bool(wrong) or any(row["failures"] for row in rows)
    return Answer({"rules": rows, "problem": "; ".join(wrong)}, lines or ["there is no rule of your own"], int(failed))


def path(_: Namespace, app: App) -> Answer:
    """Answer with the path of the user's file, which may be missing."""
    return Answer({"path": str(app.paths.guard_rules)}, [str(app.paths.guard_rules)])


def _own(app: App) -> tuple["Overlay", str]:
    """Return the user's rules, and what is wrong with their file."""
    from assistant_core.guard import userrules  # noqa: PLC0415 - not needed for --help

    file = app.paths.guard_rules
    try:
        return (userrules.load(file) if file.exists() else userrules.NONE), ""
    except ValueError as error:
        return userrules.NONE, str(error)


def _known(own: "Overlay") -> Iterator[Known]:
    from assistant_core.guard import rulefile, rules  # noqa: PLC0415 - not needed for --help

    off, replaced = set(own.own.disabled), {rule.name for rule in own.own.rule}
    for rule in own.own.rule:
        yield Known(rule, rule.program, "own", "off" if rule.name in off else "on")
    shipped = [rulefile.load(each) for each in sorted(rules.FOLDER.glob("*.toml"))]
    for file in (*shipped, *rulefile.load_many(rules.WRAPPERS)):
        for rule in file.rule:
            state = "replaced" if rule.name in replaced else "off" if rule.name in off else "on"
            yield Known(rule, rule.program or file.program, "shipped", state)


def _find(name: str, own: "Overlay") -> Known:
    known: dict[str, Known] = {}
    for each in _known(own):
        known.setdefault(each.rule.name, each)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    raise UsageError(f"there is no rule {name!r}; the nearest is {near[0]!r}")


def _summary(known: Known) -> dict[str, Any]:
    rule = known.rule
    plain = {"name": rule.name, "program": known.programs, "verdict": rule.verdict, "reason": rule.reason}
    return plain | {"origin": known.origin, "state": known.state}


_NAME = argument("name", type=utf8, metavar="NAME", help="the rule's name, as `assistant guard explain` says it")
GROUP = Group(
    "rules",
    "See, switch off and test rules; your own stand in guard.toml.",
    (
        Leaf(
            "list",
            list_,
            "List the rules: state, verdict, name, programs, reason.",
            (argument("--program", type=utf8, metavar="NAME", help="only the rules of this program"),),
            ("assistant guard rules list --program git",),
        ),
        Leaf("show", show, "Show all that a rule says.", (_NAME,), ("assistant guard rules show git-push-force",)),
        Leaf("off", off, "Switch a rule off.", (_NAME,), ("assistant guard rules off git-push-force",)),
        Leaf("on", on, "Switch a rule on again.", (_NAME,), ("assistant guard rules on git-push-force",)),
        Leaf("test", test, "Run every example of your own rules.", examples=("assistant guard rules test",)),
        Leaf("path", path, "Print where your own rules are.", examples=("assistant guard rules path",)),
    ),
)
