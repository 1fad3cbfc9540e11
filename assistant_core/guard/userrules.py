"""Rules of the user's own, and of a project, laid over those that come with the guard.

In: `guard.toml`: `disabled`, names of rules that are switched off, and `[[rule]]` tables as rules/RULES.md describes
them, each with its `program`. Out: what `evaluate` asks for the rules of a program. A rule of one's own is tried
before the others of its program, and replaces the one of the same name.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from assistant_core import guard
from assistant_core.guard import paths, patterns, rules
from assistant_core.guard.evaluate import Evaluator
from assistant_core.guard.report import Report
from assistant_core.guard.rulefile import Rule, RuleFile, read
from assistant_core.guard.rules import Program, Ready
from assistant_core.guard.state import Context
from assistant_core.records import Verdict

FIELDS = ("target", "class", "args", "rest", "last", "program", "sub")  # of a reason or a safer line
CLASSES = {*paths.GROUPS, *paths.WIDE, *paths.SCOPED, "artefact", "temporary", "null", "remote", "secret"}


class OwnRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a `guard.toml`."""

    disabled: list[str] = []
    rule: list[Rule] = []


class Overlay:
    """The rules in force with a file of own ones; `alone`: no others are."""

    def __init__(self, own: OwnRules, *, alone: bool = False) -> None:
        self.own = own
        self._alone = alone
        self._off = {*own.disabled, *(rule.name for rule in own.rule)}
        self._by_program: dict[str, list[Rule]] = {}
        for rule in own.rule:
            for name in rule.program if rule.name not in own.disabled else ():
                self._by_program.setdefault(name, []).append(rule)
        self._ready: dict[str, tuple[Program, ...]] = {}
        for name in self._by_program:
            self.programs(name)

    def programs(self, name: str) -> tuple[Program, ...]:
        """Return what is said of the program `name`, as `rules.programs` does."""
        if (found := self._ready.get(name)) is not None:
            return found
        shipped, own = rules.programs(name), self._by_program.get(name)
        if not own and not (shipped and (self._off or self._alone)):
            return shipped
        self._ready[name] = ready = self._laid_over(name, own or [], shipped)
        return ready

    def _laid_over(self, name: str, own: list[Rule], shipped: tuple[Program, ...]) -> tuple[Program, ...]:
        crud = rules.plain_programs().get(name, "EXEC")
        first = rules.compiled(RuleFile(program=[name], crud=crud, rule=own), patterns.LONGEST)
        if not shipped:
            return (first,)
        return tuple(self._before(first.rules, each) for each in shipped)

    def _before(self, own: tuple[Ready, ...], shipped: Program) -> Program:
        left = () if self._alone else (ready for ready in shipped.rules if ready.rule.name not in self._off)
        ready = (*own, *left)
        return shipped._replace(rules=ready, by_head=rules.by_head(ready))


NONE = Overlay(OwnRules())


def load(path: Path) -> Overlay:
    """Return the user's rules over the shipped ones. Raises ValueError that names file, rule and field, and OSError."""
    return _overlay(path, alone=False)


def load_project(path: Path) -> Overlay:
    """Return the rules of a project alone: they can only add to what others say. Raises as `load` does."""
    return _overlay(path, alone=True)


def _overlay(path: Path, *, alone: bool) -> Overlay:
    own = read(path, OwnRules)
    if problem := next(_problems(own), ""):
        raise ValueError(f"{path}: {problem}. The fields are described in rules/RULES.md.")
    return Overlay(own, alone=alone)


def _problems(own: OwnRules) -> Iterator[str]:
    """Yield what would fail later, at a line."""
    twice = [name for name, count in Counter(rule.name for rule in own.rule).items() if count > 1]
    if twice:
        yield f"two rules are called {twice[0]!r}"
    for rule in own.rule:
        for problem in _problems_of(rule):
            yield f"rule {rule.name!r}: {problem}"


def _problems_of(rule: Rule) -> Iterator[str]:
    if not rule.program:
        yield 'program is missing, such as program = ["git"]'
    if rule.verdict != "allow" and not rule.reason:
        yield "reason is missing: what would happen"
    if unknown := [name for name in rule.targets if name not in CLASSES]:
        yield f"there is no target class {unknown[0]!r}; there are {', '.join(sorted(CLASSES))}"
    if rule.count and not re.fullmatch(r"\d+(-\d+|\+)?", rule.count):
        yield f"count is {rule.count!r}; expected something like '2', '0-1' or '1+'"
    for text in filter(None, (rule.reason, rule.safer)):
        try:
            text.format_map(dict.fromkeys(FIELDS, ""))
        except (LookupError, ValueError, AttributeError) as error:
            yield f"{text!r} cannot be filled in: {error!r}; the fields are {{{'}, {'.join(FIELDS)}}}"
    try:
        rules.compiled(RuleFile(program=rule.program, rule=[rule]))
    except re.error as error:
        yield f"{error.pattern!r} is no regular expression: {error}"
    else:
        yield from filter(None, map(patterns.problem, _expressions(rule)))


def _expressions(rule: Rule) -> Iterator[str]:
    """Yield the regular expressions of a rule."""
    operands = (rule.args, rule.no_args, rule.arg1, rule.arg2, rule.arg3, rule.last)
    yield from filter(None, (*operands, rule.source, rule.fed_by, rule.text))
    for pattern in (*rule.options, *rule.unless):
        yield from (value for _, _, value in rules.alternatives(pattern) if value)


EXAMPLES_RUN_IN = Context({"HOME": "/home/ada"}, "/home/ada/work/app", "/home/ada")  # as rules/RULES.md says


def failures(overlay: Overlay, rule: Rule) -> Iterator[str]:
    """Yield in what a rule of one's own is not what its examples say."""
    if not rule.positive:
        yield "there is no positive example: a line on which it must fire"
    if not rule.negative and rule.verdict != "allow":
        yield "there is no negative example: a line on which it must not fire"
    for line in rule.positive:
        found = _judged(line, overlay)
        fires = found.decision == "allow" if rule.verdict == "allow" else rule.name in found.rules
        if not fires:
            yield f"does not fire on its positive example {line!r}: {_said(found)}"
        elif found.safer and (safer := _judged(found.safer, overlay)).decision != "allow":
            yield f"advises {found.safer!r}, which is not allowed itself: {_said(safer)}"
    for line in rule.negative:
        if rule.name in _judged(line, overlay).rules:
            yield f"fires on its negative example {line!r}"


def _judged(line: str, overlay: Overlay) -> Verdict:
    report = Report()
    guard.walk(line, Evaluator(EXAMPLES_RUN_IN, report, overlay.programs))
    return report.verdict()


def _said(verdict: Verdict) -> str:
    return " by ".join(filter(None, (verdict.decision, ", ".join(verdict.rules))))
