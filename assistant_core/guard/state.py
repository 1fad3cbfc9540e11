"""What a line has set so far: variables, the directory, files it wrote, functions, and what stands for unknown text.

In: where the line would run. Out: what `words` asks while it resolves a word.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import NamedTuple

from assistant_core.guard import words
from assistant_core.guard.flows import NONE, Flow
from assistant_core.guard.paths import EMPTY, FIRST_SOURCE, LAST_SOURCE, UNKNOWN, Place, is_secret
from assistant_core.guard.report import Report
from assistant_core.guard.tree import Node

_SECRET_NAME = re.compile(r"AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|.*(PASSWORD|PASSPHRASE|PRIVATE_KEY)$")
_KNOWN = {
    "IFS": " ",
    "?": "0",
    "#": "0",
    "SECONDS": "1",
    "LINENO": "1",
    "SHELL": "/bin/sh",
    **dict.fromkeys(("$", "!", "-", "_", "RANDOM", "OLDPWD", "PPID", "UID", "EUID", "HOSTNAME"), UNKNOWN),
}


class Context(NamedTuple):
    """Where the line would run."""

    environ: Mapping[str, str]
    cwd: str
    home: str


class State:
    """Where the line would run, and what it has set so far."""

    def __init__(self, context: Context, report: Report) -> None:
        self._context = context
        self.report = report
        self.place = Place(context.home or "/nonexistent", context.cwd, told=False, start=context.cwd)
        self.top = True  # typed in xonsh, not handed to another shell
        self.local = True  # in a process that has the live environment
        self.elevated = False  # below sudo or the like
        self.depth = 0  # of code within code
        self.variables: dict[str, str] = {}
        self.functions: dict[str, Node] = {}
        self.files: dict[str, Flow] = {}
        self.sources: dict[str, Flow] = {}  # mark → what it stands for

    def variable(self, name: str) -> str:
        """Return the value of a variable, with marks."""
        value = self.variables.get(name)
        if value is not None:
            return value or EMPTY
        if name in _KNOWN:
            return _KNOWN[name]
        if name in ("HOME", "PWD"):
            return self.place.home if name == "HOME" else self.place.cwd or UNKNOWN
        if _SECRET_NAME.fullmatch(name):
            return self.source(Flow(frozenset(("secret", "unknown")), None, f"${name}"))
        value = self._context.environ.get(name) if self.local else None
        return str(value) if value else self._usual(name)

    def _usual(self, name: str) -> str:
        """Return what programs fall back on where a variable is unset."""
        if name in ("TMPDIR", "TMP", "TEMP"):
            return "/tmp"  # noqa: S108 - the fall-back itself
        return posixpath.basename(self.place.home) if name in ("USER", "LOGNAME") else EMPTY

    def split(self, value: str) -> str:
        """Return an unquoted value with marks where it falls into fields."""
        apart = self.variables.get("IFS") or " \t\n"
        return re.sub(f"[{re.escape(apart)}]+", words.SPLIT, value) if any(char in value for char in apart) else value

    def home_of(self, user: str) -> str:
        """Return a home directory; of the user's own for ""."""
        return self.place.home if not user else f"/home/{user}" if user[0] not in "+-" else UNKNOWN

    def source(self, flow: Flow) -> str:
        """Return a mark that stands for what a command prints."""
        mark = chr(min(FIRST_SOURCE + len(self.sources), LAST_SOURCE))
        self.sources[mark] = flow
        return mark

    def file(self, path: str) -> Flow:
        """Return what is in a file: what this line wrote there, if anything."""
        if path in self.sources:
            return self.sources[path]
        if path == "/dev/null":
            return NONE.of(text="")
        written = self.files.get(path) or self.files.get(path.removeprefix("./"))
        return written or NONE.of("unknown", *(("secret",) if is_secret(path) else ()), origin=f"< {path}")

    def change_directory(self, target: str) -> None:
        """Take up that the line itself goes to `target`, "-" for where it was before."""
        unknown = target == "-" or EMPTY in target
        base = self.place.cwd if self.place.told else ""
        cwd = UNKNOWN if unknown else posixpath.normpath(posixpath.join(base, target))
        self.place = self.place._replace(cwd=cwd, told=True)
