"""The words of one command → a `Call`: subcommand, options by their first spelling, operands, and what is left to run.

In: resolved words, and the option tables of a rule file. Out: `Call`. Reading is one pass over the words.
"""

from collections.abc import Mapping
from typing import NamedTuple

from assistant_core.guard.rulefile import Options, RuleFile

ALWAYS_HARMLESS = frozenset(("--help", "--version", "-help", "--usage"))


class Table(NamedTuple):
    """The options that hold at one subcommand."""

    names: Mapping[str, str]  # spelling → first spelling
    valued: frozenset[str]  # first spellings of those that take a value
    attached: frozenset[str]  # first spellings of those whose value is part of the word
    harmless: tuple[str, ...]  # patterns
    ends: frozenset[str]  # first spellings of those whose value is the program that is run
    stop: int | None  # operands after the subcommand before a command begins, where one does


class Call:
    """One command, read."""

    __slots__ = ("args", "options", "payload", "program", "table", "words")

    def __init__(self, program: str, words: list[str], table: Table) -> None:
        self.program = program
        self.words = words
        self.table = table
        self.options: dict[str, list[str]] = {}  # first spelling → its values; "" for a flag
        self.args: list[str] = []  # operands, the subcommand among them
        self.payload: list[str] = []  # the command that this one runs


def asks_for_help(call: Call) -> bool:
    """Return whether the call only wants to be told about the program."""
    return any(name in call.options and name not in call.table.valued for name in ALWAYS_HARMLESS)


def tables(file: RuleFile) -> dict[str, Table]:
    """Return the option tables of a program by subcommand path; "" is the program itself."""
    stops = {sub: each.skip for each in file.payload if each.origin == "rest" or (each.origin == "args" and
             each.language in _ARGV) for sub in each.sub}  # fmt: skip
    ends = frozenset(each.origin for each in file.payload if each.origin[0] == "-" and each.language == "argv")
    options = Options(flags=file.flags, values=file.values, attached=file.attached, harmless=file.harmless)
    base = _table(options, None, stops.get(""))._replace(ends=ends)
    found = {"": base}
    for path in sorted({*file.sub, *stops} - {""}, key=len):
        parent = found[max((name for name in found if not name or path.startswith(f"{name} ")), key=len)]
        found[path] = _table(file.sub.get(path, Options()), parent, stops.get(path))
    return found


_ARGV = ("argv", "xargs", "parallel")


def _table(options: Options, parent: Table | None, stop: int | None) -> Table:
    names = dict(parent.names) if parent else {}
    groups = [[entry.split() for entry in entries] for entries in (options.flags, options.values, options.attached)]
    names |= {spelling: entry[0] for group in groups for entry in group for spelling in entry}
    flags, values, attached = (frozenset(entry[0] for entry in group) for group in groups)
    return Table(
        names,
        ((parent.valued if parent else frozenset()) | values) - flags - attached,
        ((parent.attached if parent else frozenset()) | attached) - flags - values,
        (*(parent.harmless if parent else ()), *options.harmless),
        parent.ends if parent else frozenset(),
        stop,
    )


def read(words: list[str], style: str, by_path: Mapping[str, Table]) -> Call:
    """Read a command's words; `words[0]` is the program."""
    table = by_path[""]
    call = Call(words[0], words, table)
    args, options, stop = call.args, call.options, table.stop
    nested = len(by_path) > 1
    position, last, literal = 1, len(words), False
    while position < last:
        word = words[position]
        position += 1
        if literal or word[:1] != "-" or word == "-":
            if stop is not None and len(args) >= stop:
                call.payload = words[position - 1 :]
                break
            key, equals, value = word.partition("=") if style == "operands" else (word, "", "")
            if equals:
                options.setdefault(key, []).append(value)
                continue
            args.append(word)
            if nested and (found := by_path.get(" ".join(args[:4]))):
                call.table = table = found
                stop = None if table.stop is None else table.stop + len(args)
        elif word == "--":
            literal = True
        else:
            position = _option(call, word, position, style)
            if table.ends and not table.ends.isdisjoint(options):
                call.payload = [next(options[name][-1] for name in table.ends if name in options), *words[position:]]
                break
    return call


def _option(call: Call, word: str, position: int, style: str) -> int:
    """Take up one option word, and its value; return where the next word is."""
    names, valued, options = call.table.names, call.table.valued, call.options
    if word[1] == "-" or style == "single" or word in names:
        spelling, equals, value = word.partition("=")
        name = names.get(spelling) or _completed(spelling, names)
        if name in valued and not equals and position < len(call.words):
            value = call.words[position]
            position += 1
        options.setdefault(name, []).append(value)
        return position
    for index in range(1, len(word)):
        name = names.get(f"-{word[index]}", f"-{word[index]}")
        if name not in valued and name not in call.table.attached:
            options.setdefault(name, []).append("")
            continue
        value = word[index + 1 :]
        if not value and name in valued and position < len(call.words):
            value = call.words[position]
            position += 1
        options.setdefault(name, []).append(value)
        break
    return position


def _completed(spelling: str, names: Mapping[str, str]) -> str:
    """Return the option that an abbreviation of a long one stands for; the abbreviation where none or several do."""
    if len(spelling) < len("--x"):
        return spelling
    found = {first for name, first in names.items() if name.startswith(spelling)}
    return found.pop() if len(found) == 1 else spelling
