"""Rule files, ready to be asked: programs are found by name, and a call is judged by the first rule that fits.

In: the folder `rules` and `wrappers.toml`, described in rules/RULES.md; a `Call`. Out: the rule that fits, if any, and
the words it is about. Files are found by their first line and read when first needed.
"""

import functools
import itertools
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, get_args

from assistant_core.guard import paths
from assistant_core.guard.calls import Call, Table, tables
from assistant_core.guard.flows import Flow
from assistant_core.guard.rulefile import Payload, Rule, RuleFile, load, load_many
from assistant_core.records import Crud

FOLDER = Path(__file__).parent / "rules"
WRAPPERS = FOLDER.parent / "wrappers.toml"
PLAIN_PROGRAMS = FOLDER.parent / "programs.toml"

_ALTERNATIVES = re.compile(r"\|(?=!?-)")


class Asked(NamedTuple):
    """A call and what it runs in: what conditions are put to."""

    call: Call
    place: paths.Place
    sources: Mapping[str, Flow]  # mark of unknown text → the output that it stands for
    stdin: frozenset[str]
    feeds: str  # the commands that stdin comes from
    elevated: bool


class Fit(NamedTuple):
    """A rule that fits, and the words that made it fit."""

    rule: Rule
    words: tuple[str, ...]
    operands: list[str]  # after the subcommand


Check = Callable[[Asked, list[str]], "tuple[str, ...] | None"]  # None: does not hold; else the words it is about


class Program(NamedTuple):
    """What one file says of a program."""

    file: RuleFile
    tables: Mapping[str, Table]
    rules: "tuple[Ready, ...]"
    cruds: Mapping[str, Crud]
    by_head: "dict[str, tuple[Ready, ...]]"  # by the first operand, "" for any that no rule names


Programs = Callable[[str], tuple[Program, ...]]  # name → what is said of it


class Ready(NamedTuple):
    """A rule, and what has to hold for it to fit."""

    rule: Rule
    heads: frozenset[str]  # first words of its subcommand paths; empty: any
    paths: tuple[tuple[str, ...], ...]
    checks: tuple[Check, ...]


@functools.cache
def _index() -> Mapping[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        with path.open(encoding="utf-8") as lines:
            first = lines.readline()
        for name in re.findall(r'"([^"]+)"', first.partition("=")[2]):
            found[name] = (*found.get(name, ()), path)
    return found


@functools.cache
def _wrappers() -> Mapping[str, RuleFile]:
    return {name: file for file in load_many(WRAPPERS) for name in file.program}


@functools.cache
def plain_programs() -> Mapping[str, Crud]:
    """Return the class of each program that needs no rules."""
    listed = tomllib.loads(PLAIN_PROGRAMS.read_text(encoding="utf-8"))
    return {name: crud for crud in get_args(Crud) for name in listed.get(crud, "").split()}


def programs(name: str) -> tuple[Program, ...]:
    """Return what the rule files and the table of wrappers say of the program `name`; nothing where none names it."""
    return _programs(name) if name in _index() or name in _wrappers() else ()


@functools.cache
def _programs(name: str) -> tuple[Program, ...]:
    return (*map(program, _index().get(name, ())), *((_wrapper(name),) if name in _wrappers() else ()))


def warm() -> Iterator[Path]:
    """Load one rule file after the other, yielding each: a call need not wait for what is loaded before."""
    plain_programs()
    _wrappers()
    for path in dict.fromkeys(itertools.chain.from_iterable(_index().values())):
        program(path)
        yield path


@functools.cache
def _wrapper(name: str) -> Program:
    return compiled(_wrappers()[name])


@functools.cache
def program(path: Path) -> Program:
    """Return the file at `path`, ready. Raises ValueError naming file and field."""
    return compiled(load(path))


def compiled(file: RuleFile, longest: int | None = None) -> Program:
    """Return a rule file with its patterns compiled; they see `longest` characters of a text, or all."""
    classes: Mapping[Crud, list[str]] = {
        "READ": file.reads,
        "CREATE": file.creates,
        "EXEC": file.executes,
        "UPDATE": file.updates,
        "DELETE": file.deletes,
    }
    cruds = {path: crud for crud, listed in classes.items() for path in listed}
    rules = tuple(Ready(rule, *_paths(rule), _checks(rule, longest)) for rule in file.rule)
    return Program(file, tables(file), rules, cruds, by_head(rules))


def by_head(rules: "tuple[Ready, ...]") -> "dict[str, tuple[Ready, ...]]":
    """Return the rules that a call's first operand leaves, in order."""
    heads = frozenset(("",)).union(*(each.heads for each in rules))
    return {head: tuple(each for each in rules if not each.heads or head in each.heads) for head in heads}


def _paths(rule: Rule) -> tuple[frozenset[str], tuple[tuple[str, ...], ...]]:
    split = tuple(tuple(path.split()) for path in rule.sub)
    firsts = {path[0] if path else "" for path in split}
    return frozenset(() if "*" in firsts or "" in firsts else firsts), split


def crud(known: Program, call: Call) -> Crud:
    """Return the class of a call that no rule speaks about."""
    return listed(known, call) or known.file.crud


def listed(known: Program, call: Call) -> Crud | None:
    """Return the class that a file lists for the call's subcommand; None where it lists none."""
    if known.cruds:
        for length in range(min(len(call.args), 4), -1, -1):
            if (found := known.cruds.get(" ".join(call.args[:length]))) and (length or not call.args):
                return found
    return None


def first_fit(known: Program, asked: Asked) -> Fit | None:
    """Return the first rule that fits the call."""
    args = asked.call.args
    ready = (known.by_head.get(args[0]) if args else None) or known.by_head[""]
    for rule, _, subs, checks in ready:
        operands = _below(args, subs) if subs else args
        if operands is None:
            continue
        words: tuple[str, ...] = ()
        for check in checks:
            found = check(asked, operands)
            if found is None:
                break
            words = found or words
        else:
            return Fit(rule, words, operands)
    return None


def harmless(call: Call) -> bool:
    """Return whether the call says itself that it will change nothing."""
    return any(holds(_pattern(pattern), call) for pattern in call.table.harmless)


def has_payload(call: Call, payload: Payload) -> list[str] | None:
    """Return the operands below the payload's subcommand where the payload applies to the call; else None."""
    if any(holds(_pattern(pattern), call) for pattern in payload.unless):
        return None
    return _below(call.args, _split(payload.sub))


@functools.cache
def _split(listed: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split()) for path in listed)


def _below(args: list[str], subs: tuple[tuple[str, ...], ...]) -> list[str] | None:
    """Return the operands below the first of the subcommand paths that fits; None where none does."""
    for path in subs:
        if len(path) <= len(args) and all(want in ("*", have) for want, have in zip(path, args, strict=False)):
            return args[len(path) :]
    return None


Search = Callable[[str], object]  # text → whether there is a match
Pattern = tuple[tuple[bool, str, Search | None], ...]


def alternatives(pattern: str) -> list[tuple[bool, str, str | None]]:
    """Split an option pattern, `A`, `!A`, `A=regex` and `|` between them: is it to be given, its name, its value."""
    split = ((each, each.removeprefix("!").partition("=")) for each in _ALTERNATIVES.split(pattern))
    return [(not each.startswith("!"), name, value if equals else None) for each, (name, equals, value) in split]


@functools.cache
def _pattern(text: str, longest: int | None = None) -> Pattern:
    return tuple(
        (wanted, name, None if value is None else _cut(re.compile(value).fullmatch, longest))
        for wanted, name, value in alternatives(text)
    )


def _cut(search: Search, longest: int | None) -> Search:
    return search if longest is None else lambda text: search(text[:longest])


def holds(pattern: Pattern, call: Call) -> bool:
    """Return whether one of the alternatives of an option pattern holds; any spelling of an option will do."""
    names, options = call.table.names, call.options
    for wanted, spelling, fits in pattern:
        name = names.get(spelling, spelling)
        given = name in options and (fits is None or any(fits(paths.plain(text)) for text in options[name]))
        if given == wanted:
            return True
    return False


def _checks(rule: Rule, longest: int | None) -> tuple[Check, ...]:
    """Return the rule's conditions, the cheapest first."""

    def search(pattern: str) -> Search:
        return _cut(re.compile(pattern).search, longest)

    checks: list[Check | None] = [
        _program(frozenset(rule.program)) if rule.program else None,
        *(_given(_pattern(pattern, longest), wanted=True) for pattern in rule.options),
        *(_given(_pattern(pattern, longest), wanted=False) for pattern in rule.unless),
        _elevated if rule.elevated else None,
        _flow(frozenset(rule.stdin)) if rule.stdin else None,
        _count(rule.count) if rule.count else None,
        *(_operand(index, search(text)) for index, text in enumerate((rule.arg1, rule.arg2, rule.arg3)) if text),
        _operand(-1, search(rule.last)) if rule.last else None,
        _some(search(rule.args)) if rule.args else None,
        _none(search(rule.no_args)) if rule.no_args else None,
        _source(search(rule.source)) if rule.source else None,
        _text(search(rule.text)) if rule.text else None,
        _fed(search(rule.fed_by)) if rule.fed_by else None,
        _targets(rule) if rule.targets else None,
    ]
    return tuple(check for check in checks if check)


def _program(names: frozenset[str]) -> Check:
    return lambda asked, _: () if asked.call.program in names else None


def _given(pattern: Pattern, *, wanted: bool) -> Check:
    return lambda asked, _: () if holds(pattern, asked.call) is wanted else None


def _elevated(asked: Asked, _: list[str]) -> tuple[str, ...] | None:
    return () if asked.elevated else None


def _flow(kinds: frozenset[str]) -> Check:
    return lambda asked, _: None if kinds.isdisjoint(asked.stdin) else ()


def _count(text: str) -> Check:
    low, _, high = text.partition("-")
    least = int(low.removesuffix("+"))
    most = int(high) if high else least if low[-1] != "+" else 1 << 30
    return lambda _, args: () if least <= len(args) <= most else None


def _operand(index: int, search: Search) -> Check:
    return lambda _, args: (
        (args[index],) if len(args) > max(index, 0) and search(paths.plain(args[index])) else None
    )  # fmt: skip


def _some(search: Search) -> Check:
    return lambda _, args: tuple(arg for arg in args if search(paths.plain(arg))) or None


def _none(search: Search) -> Check:
    return lambda _, args: None if any(search(paths.plain(arg)) for arg in args) else ()


def _text(search: Search) -> Check:
    return lambda asked, _: () if search(paths.plain(" ".join(asked.call.words))) else None


def _fed(search: Search) -> Check:
    return lambda asked, _: () if search(asked.feeds) else None


def _source(search: Search) -> Check:

    def check(asked: Asked, _: list[str]) -> tuple[str, ...] | None:
        words = (word for word in asked.call.words if not word.isascii())
        return (
            tuple(
                word
                for word in words
                if any(char in asked.sources and search(asked.sources[char].origin or "?") for char in word)
            )
            or None
        )

    return check


def _targets(rule: Rule) -> Check:
    classes = frozenset[str]().union(*(paths.GROUPS.get(name, {name}) for name in rule.targets))
    secret = "secret" in classes
    pick = _picker(rule.of)

    def check(asked: Asked, args: list[str]) -> tuple[str, ...] | None:
        return (
            tuple(
                word
                for word in pick(asked.call, args)
                if paths.classify(word, asked.place) in classes or (secret and paths.is_secret(word))
            )
            or None
        )

    return check


def _picker(of: str) -> Callable[[Call, list[str]], list[str]]:
    """Return what picks the words that `of` names."""
    slices = {"args": slice(None), "rest": slice(1, None), "init": slice(None, -1), "last": slice(-1, None)}
    if of in slices:
        return lambda _, args: args[slices[of]]
    if re.fullmatch(r"arg\d", of):
        index = int(of[-1])
        return lambda _, args: args[index - 1 : index]
    return lambda call, _: values(call, of)


def values(call: Call, option: str) -> list[str]:
    """Return the values of an option, by any of its spellings."""
    return call.options.get(call.table.names.get(option, option), [])
