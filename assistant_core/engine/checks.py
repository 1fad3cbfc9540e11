"""What speaks against a line that somebody else wrote: it is no line, its program is not here, nobody knows the option.

In: a line, what the user's shell can run, the manual pages. Out: findings. Nothing in the line is run or expanded; a
word that only shows its value when the line runs is trusted.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import tree_sitter_bash
from tree_sitter import Language, Parser

from assistant_core.knowledge import Manuals, explain
from assistant_core.knowledge.arguments import UNLISTED
from assistant_core.knowledge.operators import BUILTINS
from assistant_core.knowledge.parse import MAX_LINE, MAX_PIECES, parse
from assistant_core.knowledge.pieces import Command
from assistant_core.knowledge.wrappers import SEARCHERS, SHELLS, WRAPPERS
from assistant_core.knowledge.xonsh import mask

if TYPE_CHECKING:
    from assistant_core.knowledge.pieces import Word
    from assistant_core.records import Passage

DEEPEST = 8  # commands within commands that are looked at
_PROGRAM = re.compile(r"[\w./~+:@\[-]+")
_SCRIPT = re.compile(r"-[a-z]*c")  # `sh -c SCRIPT`
_PYTHON = re.compile(r"(?:python|pypy)(?:3(?:\.\d+)?)?")
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|lua|php|Rscript)[\d.]*")
_OPERAND = re.compile(r"(?:[^-].*)?|--?", re.DOTALL)  # it and what follows is for what runs
_ASSIGNMENT = re.compile(r"\w+=")
_NUMBER = re.compile(r"-\d+")  # `head -5`: taken by many, told by few
_ELSEWHERE = frozenset(("ssh", "chroot"))  # what these run is not on this machine
_PAGE = re.compile(r"\S+\(\w+\)")  # of a passage's source


class _Interpreter(NamedTuple):
    """The options of an interpreter: those that code follows, in the same word or the next; those that a value does.

    Behind the `last` no option is the interpreter's own.
    """

    code: re.Pattern[str]
    valued: re.Pattern[str]
    last: re.Pattern[str]


def _interpreter(code: str, valued: str, last: str = "(?!)") -> _Interpreter:
    return _Interpreter(*(re.compile(option, re.DOTALL) for option in (code, valued, last)))


_FLAGS = "-[bBdEhiIOPqRsSuvVx]*"
_PYTHONS = _interpreter(rf"{_FLAGS}c(.*)", rf"{_FLAGS}[WX]|--check-hash-based-pycs", rf"{_FLAGS}[cm].*")
_INTERPRETERS = {
    "python": _PYTHONS,
    "pypy": _PYTHONS,
    "perl": _interpreter(r"-[acflnpsStTuUvwWX\d]*[eE](.*)", "-I"),
    "ruby": _interpreter(r"-[acdlnpsSvwWy\d]*e(.*)", "-[CEIrX]"),
    "node": _interpreter(r"(?:-p?e|-p|--eval|--print)(?:=(.*))?", "-[Cr]|--(?:conditions|env-file|import|require)"),
    "lua": _interpreter(r"-e(.*)", "-l"),
    "php": _interpreter(r"-[BERr](.*)", "-[cdz]"),
    "Rscript": _interpreter(r"-e(.*)", "(?!)"),
}


class Shell(NamedTuple):
    """What the user's shell can run. Without `aliases` it may be any shell, and has the builtins of all."""

    path: tuple[str, ...]
    aliases: frozenset[str] = frozenset()  # names of its own: aliases, functions, builtins
    home: str = ""
    cwd: str = ""

    def runs(self, program: str) -> bool:
        """Say whether `program` is there: a name of the shell's own, a file on the path, a path to one."""
        if "/" in program or program.startswith("~"):
            path = self.home + program[1:] if program.startswith("~/") else program
            return path.startswith("~") or shutil.which(os.path.join(self.cwd, path)) is not None  # noqa: PTH118 - texts
        if program in (self.aliases or BUILTINS):
            return True
        return shutil.which(program, path=os.pathsep.join(self.path)) is not None

    def names(self) -> set[str]:
        """Return the names of all programs that are there."""
        found = set(self.aliases or BUILTINS)
        for folder in self.path:
            with suppress(OSError):
                found.update(os.listdir(folder))  # noqa: PTH208 - names are wanted
        return found


class Options(NamedTuple):
    """What the manual says of a line's options."""

    known: tuple[Passage, ...] = ()
    unknown: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()  # that they were compared with


def parses(line: str) -> bool:
    """Say whether `line` is one, to bash or to xonsh, and what `python -c` is to run in it is Python."""
    if not line.strip() or len(line) > MAX_LINE or not line.isprintable():
        return False
    if _grammar().parse(mask(line).text.encode("ascii")).root_node.has_error:
        return False
    codes = (code for words in commands(line) if _PYTHON.fullmatch(_name(words)) for code in _codes(words))
    return all(_is_python(code.value) for code in codes if code.literal and code.text[0] in "'\"")


def code(line: str) -> tuple[str, ...]:
    """Return what of `line` is for no shell: what `python -c` and its like are to run, or all where nothing is run."""
    found = list(commands(line))
    if not found:
        return (line.strip(),)
    return tuple(code.value for words in found for code in _codes(words))


def missing(line: str, shell: Shell) -> tuple[str, ...]:
    """Return the programs of `line`, those that others run for it included, that are not there."""
    return tuple(dict.fromkeys(program for program in programs(line) if not shell.runs(program)))


def programs(line: str, depth: int = 0) -> Iterator[str]:
    """Yield the programs that `line` runs, as far as it says so."""
    for words in commands(line) if depth < DEEPEST else ():
        program, name = words[0], _name(words)
        if program.literal and _PROGRAM.fullmatch(program.value):
            yield program.value
        for option, script in pairwise(words[1:]):
            if name in SHELLS and _SCRIPT.fullmatch(option.value) and script.literal:
                yield from programs(script.value, depth + 1)


def commands(line: str) -> Iterator[Sequence[Word]]:
    """Yield the words of each command in `line`, and of those that others run for it: `sudo`, `xargs`, `find -exec`."""
    found: list[Sequence[Word]] = [piece.words for piece in reversed(parse(line).pieces) if isinstance(piece, Command)]
    for _ in range(MAX_PIECES):
        if not found:
            return
        words = found.pop()
        yield words
        name = _name(words)
        if name in WRAPPERS and name not in _ELSEWHERE:
            found.append(_wrapped(words))
        found += [words[at + 1 :] for at, word in enumerate(words) if word.value in SEARCHERS.get(name, ())]
        found = [each for each in found if each]


def options(line: str, manuals: Manuals) -> Options:
    """Compare the options of `line` with the manual pages of its programs."""
    passages = [passage for passage in explain(line, manuals).passages if passage.words[0] in "-+"]
    known = [passage for passage in passages if passage.found]
    unlisted = [each for each in passages if each.text.startswith(UNLISTED) and not _NUMBER.fullmatch(each.words)]
    pages = [found[0] for passage in known if (found := _PAGE.match(passage.source))]
    pages += [passage.text.removeprefix(UNLISTED) for passage in unlisted]
    unknown = dict.fromkeys(passage.words for passage in unlisted)
    return Options(tuple(known), tuple(unknown), tuple(dict.fromkeys(pages)))


def _name(words: Sequence[Word]) -> str:
    return words[0].value.rpartition("/")[2]


def _codes(words: Sequence[Word]) -> Iterator[Word]:
    """Yield what an interpreter is to run, as far as the command says so itself."""
    if not (found := _INTERPRETER.fullmatch(_name(words))):
        return
    options, rest = _INTERPRETERS[found[1]], iter(words[1:])
    for word in rest:
        if _OPERAND.fullmatch(word.value):
            return
        code = options.code.fullmatch(word.value)
        if code and code[1]:
            yield word._replace(text=word.text[code.start(1) :], value=code[1])
        elif code or options.valued.fullmatch(word.value):
            following = next(rest, None)
            if code and following:
                yield following
        if options.last.fullmatch(word.value):
            return


def _is_python(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _wrapped(words: Sequence[Word]) -> Sequence[Word]:
    """Return the command that a wrapper runs."""
    wrapper = WRAPPERS[_name(words)]
    operands, at = wrapper.operands, 1
    while at < len(words):
        value = words[at].value
        if value.startswith("-"):
            at += 2 if value in wrapper.arguments else 1
        elif wrapper.assignments and _ASSIGNMENT.match(value):
            at += 1
        elif operands:
            operands -= 1
            at += 1
        else:
            break
    return words[at:]


@cache
def _grammar() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))
