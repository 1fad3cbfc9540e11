"""A line → a verdict, before it runs.

In: the line as typed and the surroundings it would run in. Out: `records.Verdict`. One rule stands so far: a
recursive `rm` on the root, on the home directory or what holds it, or on a variable that is empty. For all else
the verdict is "allow" and `crud` is "READ" and says nothing yet. Not seen: what aliases, scripts, `eval`,
`sh -c`, `xargs` and Python code do. Nothing is run, no file is read, and time grows with the line's length alone.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from assistant_core.guard.words import ESCAPED, UNKNOWN, commands
from assistant_core.records import Verdict

ALLOWED = Verdict(decision="allow", crud="READ")

_QUOTING = str.maketrans("", "", "'\"\\")
_VARIABLE = re.compile(r"\$(?:\{(\w+)([^}$]*)\}|(\w+))")
_ASSIGNED = re.compile(r"\b(\w+)\s*=|\b(?:for|read)\s+(\w+)")
_ALL_IN_IT = {"*", "**", ".*", "?*", ".[!.]*", "{*,.*}"}

# Programs that run the command after them → their options that take a value in the next word.
_WRAPPERS: Mapping[str, tuple[str, ...]] = {
    "builtin": (),
    "busybox": (),
    "command": (),
    "doas": ("-u", "-C"),
    "env": ("-u", "-C", "-S", "--unset", "--chdir", "--split-string"),
    "exec": ("-a",),
    "ionice": ("-c", "-n"),
    "nice": ("-n",),
    "nohup": (),
    "setsid": (),
    "stdbuf": ("-i", "-o", "-e"),
    "sudo": ("-C", "-D", "-g", "-h", "-p", "-R", "-r", "-T", "-t", "-U", "-u", "--user", "--group", "--chdir"),
    "time": ("-f", "-o"),
}
_BEFORE_A_COMMAND = {"!", "{", "if", "then", "elif", "else", "while", "until", "do", "not"}


class Context(NamedTuple):
    """Where the line would run."""

    environ: Mapping[str, str]
    cwd: str
    home: str


def classify(line: str, context: Context | None = None) -> Verdict:
    """Return what `line` would do; without a context, as seen by this process. Raises nothing."""
    if "rm" not in line.translate(_QUOTING):
        return ALLOWED
    removals = [targets for command in commands(line) if (targets := _removed(command))]
    if not removals:
        return ALLOWED
    judge = _Judge(context or _here(), line)
    found = [danger for targets in removals for target in targets if (danger := judge(target))]
    if not found:
        return ALLOWED
    reasons, resolved = zip(*found, strict=True)
    return Verdict(
        decision="block", crud="DELETE", reasons=_once(reasons), rules=("recursive-rm",), targets=_once(resolved)
    )


def _here() -> Context:
    try:
        cwd = os.getcwd()  # noqa: PTH109 - a text is wanted
    except OSError:  # the folder is gone
        cwd = os.environ.get("PWD", "/")
    return Context(os.environ, cwd, os.path.expanduser("~"))  # noqa: PTH111 - a text is wanted


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _removed(words: list[str]) -> list[str]:
    """Return the operands of a recursive rm; nothing for any other command."""
    words = _unwrap(words)
    if not words or posixpath.basename(words[0]) != "rm":
        return []
    recursive, operands, options = False, [], True
    for word in words[1:]:
        if options and word == "--":
            options = False
        elif options and word.startswith("--"):
            recursive |= len(word) > len("--") and "--recursive".startswith(word)
        elif options and word.startswith("-") and word != "-":
            recursive |= "r" in word or "R" in word
        else:
            operands.append(word)
    return operands if recursive else []


def _unwrap(words: list[str]) -> list[str]:
    """Drop assignments, keywords, xonsh's `@decorators` and programs that run the rest."""
    position = 0
    with_value: tuple[str, ...] = ()
    while position < len(words):
        word = words[position]
        if word in with_value:
            position += 2
        elif (name := posixpath.basename(word)) in _WRAPPERS:
            with_value = _WRAPPERS[name]
            position += 1
        elif word in _BEFORE_A_COMMAND or word[:1] in "-@" or re.match(r"\$?\w+=", word):
            position += 1
        else:
            break
    return words[position:]


class _Judge:
    """Says what is lost with a target, and where it leads; None where nothing speaks against it."""

    def __init__(self, context: Context, line: str) -> None:
        self._context = context
        self._assigned = {name for pair in _ASSIGNED.findall(line) for name in pair if name}
        homes = {posixpath.normpath(context.home), os.path.realpath(context.home)} if context.home else set()
        self._lost = {
            str(folder): "the folder that your home directory is in"
            for home in homes
            for folder in PurePosixPath(home).parents
        }
        self._lost |= dict.fromkeys(homes, "your home directory") | {"/": "everything on this machine"}

    def __call__(self, target: str) -> tuple[str, str] | None:
        text, empty = self._expand(target)
        if UNKNOWN in text or not text:
            return None
        shown = target.replace(ESCAPED, "\\")
        path = self._path(text)
        name = f"${empty[0]} is empty" if empty else ""
        if lost := self._lost.get(path):
            return f"{name}, so {shown} is {lost}" if name else f"{shown} is {lost}", path
        if name and text.startswith("/") and not target.startswith("/"):
            return f"{name}: {shown} means {text}", path
        return None

    def _expand(self, target: str) -> tuple[str, list[str]]:
        """Return the target with its variables replaced, and the names of the empty ones."""
        empty = []

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[3]
            if found[2] or name in self._assigned:
                return UNKNOWN
            text = str(self._context.environ.get(name) or "")
            if not text:
                empty.append(name)
            return text

        text = _VARIABLE.sub(value, target)
        if text == "~" or text.startswith("~/"):
            text = self._context.home + text[1:]
        return text, empty

    def _path(self, text: str) -> str:
        parts = posixpath.join(self._context.cwd, text).split("/")
        while parts and (not parts[-1] or parts[-1] in _ALL_IN_IT):
            parts.pop()
        return posixpath.normpath("/" + "/".join(parts).lstrip("/"))
