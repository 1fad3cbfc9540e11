"""Whether a line could work from here: its program is installed, the folder it changes to exists.

In: a line, the folder of the query, and what the asking shell can run. Out: a factor for the line's probability, 1
where nothing speaks against it. What cannot be judged without running it (variables, patterns, Python) is trusted.
"""

from __future__ import annotations

import builtins
import keyword
import re
import time
from os import path, scandir, stat  # pathlib costs ten times as much, on the way of every key
from typing import TYPE_CHECKING, NamedTuple

from completers.memory import program_of

if TYPE_CHECKING:
    from collections.abc import Callable

GONE = 0.02  # factor for a line whose program or folder is not there
LONG = 1000  # characters; also bounds the time of the pattern below
FRESH_S = 2.0  # how long an answer of the file system is believed
KEPT = 4096  # answers kept
PLAIN = re.compile(r"[\w./~+:-]+")  # a word that no shell would expand, but for the tilde
STAGE_END = re.compile(r"\s*(?:\|\|?|&&?|;|>|<)")
ASSIGNMENT = re.compile(r"\$?\w+\s*=")
# of POSIX shells and of xonsh; what a shell aliases arrives with its query
BUILTINS = frozenset(
    """
    . : [ [[ alias bg bind break builtin case cd command compgen complete completer continue declare dirs disown do done
    echo enable esac eval exec exit export false fc fg fi function getopts hash help history if jobs kill let local
    logout popd printf pushd pwd read readonly return set shift shopt showcmd source suspend test then time timeit times
    trace trap true type typeset ulimit umask unalias unset until wait which while xonfig xontrib xpip
    """.split()  # noqa: SIM905 - seventy words read better so than as a list
)
PYTHON = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))
# Words that destroy by themselves, and options that make others do so. The guard knows far more; this only has to keep
# the plainest out of an empty prompt and out of lines put together from pieces.
DESTRUCTIVE = re.compile(
    r"^\s*(?:(?:sudo|doas|env|nohup|time|command|exec)\s+(?:\S+\s+){0,4}?)?"
    r"(?:(?:rm|rmdir|dd|shred|wipefs|fdisk|parted|shutdown|reboot|halt|poweroff|killall|pkill|truncate|mkfs(?:\.\w+)?)\b"
    r"|git\b.*\s(?:clean\b|reset\s.*--hard|push\s.*(?:--force|-f\b|--delete)|branch\s.*-D\b|checkout\s+(?:--\s|\.))"
    r"|(?:docker|podman)\b.*\s(?:prune|rm|rmi|down\s.*-v)\b|kubectl\s+delete\b|terraform\s+destroy\b|find\b.*\s-delete\b)"
    r"|\b(?:drop|truncate)\s+(?:table|database)\b|(?:;|&&|\|\|?)\s*(?:sudo\s+)?rm\s|(?<![>&0-9])>\s*/(?!dev/null)",
    re.IGNORECASE,
)


class Surroundings(NamedTuple):
    """What the shell that asks can run."""

    host: str
    path: tuple[str, ...]
    aliases: frozenset[str]
    home: str


class Listing(NamedTuple):
    """The programs of a folder, as of its time of change."""

    changed_ns: int
    names: frozenset[str]


def destructive(line: str) -> bool:
    """Say whether a line plainly destroys something, or is too long to be read before it is run."""
    return len(line) > LONG or bool(DESTRUCTIVE.search(line))


class Validator:
    """Asks the file system, and remembers its answers for two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._listings: dict[str, Listing | None] = {}
        self._looked: dict[str, float] = {}
        self._folders: dict[str, tuple[float, bool]] = {}
        self._files: dict[str, tuple[float, bool]] = {}

    def trust(self, line: str, cwd: str | None, surroundings: Surroundings) -> float:
        """Say how far a line can be trusted here, 0..1."""
        words = STAGE_END.split(line, maxsplit=1)[0].split()
        if words and words[0] == "cd":
            return 1.0 if self._can_enter(words[1:], cwd, surroundings.home) else GONE
        return 1.0 if self._can_run(line, cwd, surroundings) else GONE

    def _can_enter(self, words: list[str], cwd: str | None, home: str) -> bool:
        if len(words) > 1 or (words and (words[0] == "-" or not PLAIN.fullmatch(words[0]))):
            return True
        target = _resolve(words[0] if words else "~", cwd, home)
        return target is None or (target != cwd and self._ask(self._folders, path.isdir, target))

    def _can_run(self, line: str, cwd: str | None, surroundings: Surroundings) -> bool:
        program = program_of(line)
        if not PLAIN.fullmatch(program) or ASSIGNMENT.match(line) or "(" in line.split(" ", 1)[0]:
            return True
        if "/" in program or program.startswith("~"):
            target = _resolve(program, cwd, surroundings.home)
            return target is None or self._ask(self._files, path.exists, target)
        if program in BUILTINS or program in PYTHON or program in surroundings.aliases:
            return True
        return any(program in self._programs(folder) for folder in surroundings.path)

    def _programs(self, folder: str) -> frozenset[str]:
        now = self._clock()
        if now - self._looked.get(folder, -FRESH_S) >= FRESH_S:
            self._looked[folder] = now
            self._listings[folder] = _list(folder, self._listings.get(folder))
        listing = self._listings[folder]
        return listing.names if listing else frozenset()

    def _ask(self, answers: dict[str, tuple[float, bool]], question: Callable[[str], bool], target: str) -> bool:
        now = self._clock()
        asked, answer = answers.get(target, (-FRESH_S, False))
        if now - asked < FRESH_S and target in answers:
            return answer
        if len(answers) >= KEPT:
            answers.clear()
        answers[target] = now, question(target)
        return answers[target][1]


def _resolve(word: str, cwd: str | None, home: str) -> str | None:
    """Make a word absolute, without following links; None if that takes a folder or a user not known."""
    if word == "~" or word.startswith("~/"):
        return path.normpath(home + word[1:])
    if word.startswith("~") or (cwd is None and word[0] != "/"):
        return None
    return path.normpath(word if word[0] == "/" else f"{cwd}/{word}")


def _list(folder: str, known: Listing | None) -> Listing | None:
    """Read the names in a folder, unless it has not changed since `known`."""
    try:
        changed_ns = stat(folder).st_mtime_ns  # noqa: PTH116 - see the import
        if known and known.changed_ns == changed_ns:
            return known
        with scandir(folder) as entries:
            return Listing(changed_ns, frozenset(entry.name for entry in entries))
    except OSError:
        return None
