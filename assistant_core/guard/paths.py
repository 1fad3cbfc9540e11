"""A resolved word → the class of the place it names (rules/RULES.md lists the classes), without looking at the disk.

In: a word as `words` resolved it, and where the line would run. Out: the class and the absolute path. A relative name
is judged by its name; the directory the shell is in can only make that worse, one that the line goes to replaces it.
"""

import functools
import posixpath
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

EMPTY = "\ue001"  # stands in a word for a variable that is unset or empty
UNKNOWN = "\ue002"  # stands in a word for text that the line does not tell
FIRST_SOURCE, LAST_SOURCE = 0xE100, 0xEFFF  # the same, with the number of the command whose output it is
QUOTED = {"*": "\ue010", "?": "\ue011", "[": "\ue012", "~": "\ue013", "$": "\ue014", "{": "\ue015"}  # meant literally

WIDE = frozenset(
    ("root", "collapsed", "system", "critical", "device", "home", "home-child", "dotfile", "cwd", "tree", "git-dir")
)
SCOPED = frozenset(("below-system", "settings", "below-home", "pattern", "glob", "named", "unknown"))
GROUPS = {"wide": WIDE, "scoped": SCOPED}

SAID = {
    "root": "everything on this machine",
    "collapsed": "what an empty variable leaves of it",
    "system": "a main part of the system",
    "critical": "a file the system cannot do without",
    "device": "a whole device",
    "home": "a home directory, or what holds it",
    "home-child": "a whole directory of your home",
    "dotfile": "your settings",
    "settings": "your settings",
    "cwd": "all of the current directory",
    "tree": "every file, in all directories below",
    "git-dir": "the history of a repository",
    "below-system": "part of the system",
    "below-home": "in your home",
    "pattern": "every match, in all directories below",
    "glob": "every match",
    "named": "a place of yours",
    "unknown": "the line does not tell which",
    "remote": "on another machine",
}

_UNKNOWN = re.compile("[\ue002\ue100-\uefff]")
_PLAIN = str.maketrans({mark: char for char, mark in QUOTED.items()} | {EMPTY: "", UNKNOWN: "…"})
_SIMPLE = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|(?:[\w.-]+@)?[\w.-]{2,}:(?!\\)|[\w.-]+@[\w.-]+$")
_ALL = re.compile(
    r"(?:\*+|\.\*|\*\.\*|\?\*|\.\[!\.\]\*|\.\?\?\*|\{\*,\.\*\}|\{\.\*,\*\}|\[!\.\]\*|\{\*,\.\[!\.\]\*\})$"
)
_GLOB = re.compile(r"[*?\[]")
_SETTINGS = frozenset((".ssh", ".gnupg", ".aws", ".kube", ".config", ".docker", ".local"))

# Files whose text is run later: by cron, and by a shell that starts.
CRON_FILE = re.compile(r"/etc/(ana)?crontab|/etc/cron\.d/.*|/var/spool/cron/.*")
STARTUP_FILE = re.compile(
    r"(?:.*/)?\.(?:(?:bash|zsh|ksh|xonsh)rc|(?:bash_|z)?profile|(?:bash_|z)log(?:in|out)|zshenv)"
    r"|/etc/(?:profile|profile\.d/.*|bash\.bashrc|zsh/.*)"
)


class Place(NamedTuple):
    """Where a command of the line would run."""

    home: str
    cwd: str
    told: bool  # the line itself says the directory, so it holds; else it only makes things worse
    start: str = ""  # where the line begins: `cwd` is relative to it after `cd x`


class _Known(NamedTuple):
    places: re.Pattern[str]
    artefacts: frozenset[str]
    artefact_file: re.Pattern[str]
    secret: re.Pattern[str]


@functools.cache
def _known() -> _Known:
    data = tomllib.loads((Path(__file__).parent / "paths.toml").read_text(encoding="utf-8"))
    classes = {name: entries for name, entries in data.items() if isinstance(entries, list)}
    groups = (f"(?P<{name.replace('-', '_')}>{'|'.join(entries)})" for name, entries in classes.items())
    artefact = data["artefact"]
    exact = "|".join(re.escape(name).replace(r"\*", ".*") for name in artefact["exact"].split())
    endings = "|".join(re.escape(name) for name in artefact["files"].split())
    return _Known(
        re.compile("|".join(groups)),
        frozenset(artefact["names"].split()),
        re.compile(rf"(?:{exact}|.*\.(?:{endings})(?:~|\.\d+)?|\*\.(?:py\[[a-z]+\]))"),
        re.compile(data["secret"]["paths"]),
    )


def plain(text: str) -> str:
    """Return `text` as it is shown and matched: marks of the engine replaced."""
    return text if text.isascii() else _UNKNOWN.sub("…", text.translate(_PLAIN))


def is_unknown(text: str) -> bool:
    """Return whether part of `text` cannot be told from the line."""
    return not text.isascii() and _UNKNOWN.search(text) is not None


def is_secret(text: str) -> bool:
    """Return whether `text` names something that must not leave the machine."""
    return _known().secret.search(text) is not None


@functools.lru_cache(maxsize=256)
def classify(word: str, place: Place) -> str:
    """Return the class of the place that `word` names."""
    if not word.isascii() and EMPTY in word:
        found = classify(word.replace(EMPTY, ""), place)
        return "collapsed" if found in WIDE else "unknown" if found in SCOPED else found
    if not word:
        return "unknown"
    if word[0] == "/":
        path = f"/{posixpath.normpath(word).lstrip('/')}"
        found = _absolute(path, place.home)
        return "cwd" if found in SCOPED and _holds(path, place.cwd) else found
    if _REMOTE.match(word):
        return "remote"
    return _told(word, place) if place.told else _worse(_relative(word), word, place)


def resolved(word: str, place: Place) -> str:
    """Return the path that `word` names, as text to show; relative to where the line would run."""
    text = word.replace(EMPTY, "")
    if _REMOTE.match(text) or not text:
        return plain(text)
    start = "" if is_unknown(place.cwd) else place.start
    return plain(posixpath.normpath(posixpath.join(start, place.cwd, text)).replace("//", "/"))


def _told(word: str, place: Place) -> str:
    if is_unknown(place.cwd):
        return _relative(word)
    path = posixpath.normpath(posixpath.join(place.cwd, word))
    return _absolute(path, place.home) if path[0] == "/" else _relative(path)


def _holds(path: str, cwd: str) -> bool:
    """Return whether `path` is the current directory, all in it, or what holds it."""
    folder = path.removesuffix("/*")
    return cwd == folder or cwd.startswith(f"{folder}/")


def _worse(found: str, word: str, place: Place) -> str:
    """Return the class that the live directory makes of a relative name, if it is the graver."""
    if (found not in SCOPED and found != "cwd") or not place.cwd or not _sensitive(place.cwd, place.home):
        return found
    absolute = _absolute(posixpath.normpath(posixpath.join(place.cwd, word)), place.home)
    return absolute if absolute in WIDE else found


@functools.lru_cache(maxsize=64)
def _sensitive(cwd: str, home: str) -> bool:
    return _absolute(posixpath.normpath(cwd), home) in WIDE | {"below-system"} or cwd.count("/") < len("//")


def _absolute(path: str, home: str) -> str:
    head, deep, tail = path.partition("/**")
    if deep:
        return _recursive(head or "/", tail.removeprefix("/"), home)
    if path == "/" or (path.count("/") == 1 and (_ALL.match(path[1:]) or is_unknown(path))):
        return "root"
    known = _known()
    if (path == home or path.startswith(f"{home}/")) and home != "/":
        return _in_home(path[len(home) + 1 :])
    found = known.places.fullmatch(path)
    if found and found.lastgroup:
        return _component(path) if found.lastgroup == "below_system" and "/cache" in path else _class(found)
    if path.startswith(("/home/", "/Users/", "/root/")):
        return _in_home(path.split("/", 3 if path[1] != "r" else 2)[-1])
    return _component(path, "named")


def _class(found: re.Match[str]) -> str:
    for name, text in found.groupdict().items():
        if text is not None:
            return name.replace("_", "-")
    return "named"


def _recursive(head: str, tail: str, home: str) -> str:
    """Return the class of the matches of a pattern in every directory below `head`."""
    base = _absolute(head, home) if head.startswith("/") else _relative(head)
    narrow = bool(tail) and not _ALL.match(tail)
    if base in ("temporary", "artefact"):
        return base
    if narrow and base not in ("root", "system", "critical", "device") and _is_artefact(tail):
        return "artefact"
    if base in ("home", "cwd", "home-child", "dotfile") and narrow and not is_unknown(tail):
        return "pattern"
    if base == "cwd" and narrow:
        return "pattern"
    if base in ("home", "cwd", "home-child", "dotfile"):
        return "tree"
    return "pattern" if base in SCOPED and narrow else base


def _in_home(rest: str) -> str:
    if not rest or _ALL.match(rest):
        return "home"
    first, slash, below = rest.partition("/")
    if (found := _component(rest)) != "below-home":
        return found
    if not slash or not below or _ALL.match(below):
        return "dotfile" if first[0] == "." else "glob" if _GLOB.search(first) else "home-child"
    return "settings" if first in _SETTINGS else "below-home"


def _component(path: str, otherwise: str = "below-home") -> str:
    """Return the class that the names in a path give it."""
    name = path.rsplit("/", 1)[-1]
    if name == ".git" or (name == "*" and path.endswith(".git/*")):
        return "git-dir"
    if _is_artefact(path):
        return "artefact"
    return "glob" if _GLOB.search(name) and not _ALL.match(name) else otherwise


def _is_artefact(path: str) -> bool:
    known = _known()
    *folders, name = path.split("/")
    return (
        name in known.artefacts
        or not known.artefacts.isdisjoint(folders)
        or known.artefact_file.fullmatch(plain(name)) is not None
    )


def _relative(word: str) -> str:
    head, deep, tail = word.partition("/**")
    if deep or word.startswith("**/"):
        return _recursive(head if deep else ".", tail.removeprefix("/") if deep else word.removeprefix("**/"), "")
    path = posixpath.normpath(word)
    if path == "." or _ALL.match(path) or (path[:2] == ".." and not path.strip("./*")):
        return "cwd"
    if is_unknown(path[:1]) or (is_unknown(path) and not path.partition("/")[0].isascii()):
        return "unknown"
    return _component(path, "named")
