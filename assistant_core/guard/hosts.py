"""Commands that make other commands out of lists: xargs, parallel, find and fd.

In: a call, the words of the command within it, and what flows in. Out: those commands, with the list put in, walked.
What find would give stands as one path with `**` in it, which `paths` knows how to judge.
"""

import itertools
import posixpath
import re

from assistant_core.guard.calls import Call
from assistant_core.guard.flows import NONE, Flow
from assistant_core.guard.paths import UNKNOWN, plain
from assistant_core.guard.walker import Walker

MOST_ITEMS = 64

_SLOT = re.compile(r"\{(\d*)[./#%+]*\}")
_LISTS = frozenset((":::", "::::", ":::+", "::::+"))
_NARROWS = frozenset(
    ["-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-lname", "-ilname"]
)
_SELECTS = frozenset(
    [
        "-mtime",
        "-atime",
        "-ctime",
        "-mmin",
        "-amin",
        "-cmin",
        "-newer",
        "-size",
        "-user",
        "-group",
        "-perm",
        "-uid",
        "-gid",
        "-inum",
        "-links",
        "-used",
        "-samefile",
        "-nouser",
        "-nogroup",
        "-newermt",
    ]
)
_EXECUTES = frozenset(("-exec", "-execdir", "-ok", "-okdir"))
_WITH_VALUE = (
    _NARROWS
    | (_SELECTS - {"-nouser", "-nogroup"})
    | frozenset(("-type", "-maxdepth", "-mindepth", "-printf", "-fprint", "-xtype", "-fstype"))
)
_FD_VALUES = frozenset(
    [
        "-t",
        "--type",
        "-e",
        "--extension",
        "-E",
        "--exclude",
        "-d",
        "--max-depth",
        "--min-depth",
        "-S",
        "--size",
        "-o",
        "--owner",
        "--changed-within",
        "--changed-before",
        "--base-directory",
        "-c",
        "--color",
        "-j",
        "--threads",
    ]
)


def _items(given: Flow, walker: Walker) -> list[str]:
    """Return the words that flow in; one unknown word where they cannot be told."""
    if given.text is None:
        return [walker.source(given)] if "none" not in given.kinds else [UNKNOWN]
    return given.text.replace("\0", " ").split()[:MOST_ITEMS]


def xargs(walker: Walker, call: Call, words: list[str], given: Flow) -> Flow | None:
    """Walk what xargs runs."""
    if "-a" in call.options:
        given = NONE.of(text="" if call.options["-a"] == ["/dev/null"] else None, origin=f"< {call.options['-a'][-1]}")
    items = _items(given, walker)
    if not words:
        return given
    slots = call.options.get("-I", call.options.get("-J", []))
    if not slots:
        return walker.run([*words, *items])
    slot = slots[-1] or "{}"
    flow = None
    for item in items or [""]:
        flow = walker.run([word.replace(slot, item) for word in words])
    return flow


def parallel(walker: Walker, _: Call, words: list[str], given: Flow) -> Flow | None:
    """Walk what parallel runs: a template, filled with each item of its lists."""
    template = list(itertools.takewhile(lambda word: word not in _LISTS, words))
    lists, files = [], False
    for word in words[len(template) :]:
        if word in _LISTS:
            files = word.startswith("::::")
            lists.append([UNKNOWN] if files else [])
        elif not files:
            lists[-1].append(word)
    if not lists:
        lists = [_items(given, walker)]
    if template and re.search(r"\s", plain(template[0])):
        template[:1] = plain(template[0]).split()  # a shell reads the template: blanks in its first word part words
    flow = None
    for items in itertools.islice(itertools.product(*(each or [""] for each in lists)), MOST_ITEMS):
        flow = walker.script(" ".join(_filled(template, items)), keep=False)
    return flow


def _filled(template: list[str], items: tuple[str, ...]) -> list[str]:
    """Return the template's words with the items in their places; a whole command in one word stays one."""
    if not any(_SLOT.search(plain(word)) for word in template):
        return [*map(_kept, template), *items]

    def put(found: re.Match[str]) -> str:
        index = int(found[1]) - 1 if found[1] else -1
        return " ".join(items) if index < 0 else items[index] if index < len(items) else ""

    return [
        _SLOT.sub(put, plain(word)) if _SLOT.fullmatch(plain(word)) else _kept(_SLOT.sub(put, plain(word)))
        for word in template
    ]


def _kept(word: str) -> str:
    text = plain(word)
    return f"'{text}'" if re.search(r"\s", text) and "'" not in text else text


def find(walker: Walker, call: Call, words: list[str], given: Flow) -> Flow | None:
    """Walk what find or fd deletes and runs; return the paths it prints."""
    if call.program in ("fd", "fdfind"):
        return _fd(walker, words[1:])
    position = 1
    places = []
    while position < len(words) and (word := words[position])[:1] not in ("-", "(", "!"):
        places.append(word)
        position += 1
    if position < len(words) and words[position] in ("-H", "-L", "-P", "-O3"):
        return find(walker, call, [words[0], *words[position + 1 :]], given)
    return _Search(walker, places or ["."]).walk(words[position:])


class _Search:
    """One find: what its tests have narrowed so far, in the order of its words."""

    def __init__(self, walker: Walker, places: list[str]) -> None:
        self._walker = walker
        self._places = places
        self._patterns: list[str] = []
        self._selected = False
        self._empty = False
        self._or = False

    def walk(self, words: list[str]) -> Flow:
        position = 0
        while position < len(words):
            word = words[position]
            position += 1
            if word in _NARROWS and position < len(words):
                self._patterns.append(plain(words[position]))
            elif word in _SELECTS:
                self._selected = True
            elif word == "-empty":
                self._empty = True
            elif word == "-delete":
                self._remove()
            elif word in _EXECUTES:
                end = next((i for i in range(position, len(words)) if words[i] in (";", "+")), len(words))
                self._execute(word, words[position:end])
                position = end + 1
            if word in _WITH_VALUE:
                position += 1
        return NONE.of(text="\n".join(self.found()) + "\n", origin=f"find {' '.join(map(plain, self._places))}")

    def found(self) -> list[str]:
        """Return paths that stand for what has been found so far."""
        tails = list(dict.fromkeys(pattern.removeprefix("./").removeprefix("*/") or "*" for pattern in self._patterns))
        if not tails:
            tails = [UNKNOWN] if self._selected else [""]
        return [
            f"{place.rstrip('/') if place != '/' else ''}/**/{tail}".rstrip("/")
            for place in self._places
            for tail in tails
        ]

    def _remove(self) -> None:
        if self._empty:
            self._walker.report.effect("DELETE")
            return
        self._walker.run(["rm", "-r", *self.found()])

    def _execute(self, action: str, words: list[str]) -> None:
        found = self.found()
        if action.startswith("-ok"):
            self._walker.report.effect("READ")
            return
        filled = [each for word in words for each in (found if word == "{}" else [plain(word).replace("{}", found[0])
                  if "{}" in plain(word) else word])]  # fmt: skip
        self._walker.run(filled)


def _fd(walker: Walker, words: list[str]) -> Flow:
    command: list[str] = []
    operands, position = [], 0
    pattern = ""
    while position < len(words):
        word = words[position]
        position += 1
        if word in ("-x", "-X", "--exec", "--exec-batch"):
            command = [each for each in words[position:] if each not in (";", "\\;")]
            break
        if word in ("-e", "--extension") and position < len(words):
            pattern = f"*.{words[position]}"
        if word in _FD_VALUES:
            position += 1
        elif word[:1] != "-":
            operands.append(word)
    name = pattern or (operands[0] if operands else "")
    base = operands[1] if len(operands) > 1 else "."
    found = posixpath.join(
        base, "**", name if re.fullmatch(r"[\w.*-]+", name) else f"{UNKNOWN}" if name else ""
    ).rstrip("/")
    if not command:
        return NONE.of(text=f"{found}\n", origin="fd")
    slotted = any("{" in word for word in command)
    return walker.run([found if word in ("{}", "{/}") else word for word in command] + ([] if slotted else [found]))
