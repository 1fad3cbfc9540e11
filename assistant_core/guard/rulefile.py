"""A rule file, checked: TOML → `RuleFile`, as rules/RULES.md describes it.

In: the text of one file. Out: its fields with their types. Raises `errors.ConfigError`-like `ValueError` naming the
file and the field where something is missing, misspelt or of the wrong type.
"""

import threading
import tomllib
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from assistant_core.records import Crud, Decision

T = TypeVar("T")

_converting = threading.Lock()  # msgspec prepares a type when it is first used; two threads at once end the process

Language = Literal[
    "argv", "shell", "xonsh", "xargs", "parallel", "find", "python", "js", "perl", "ruby", "php", "lua", "awk", "tcl",
    "osascript", "elisp", "vim", "sed", "sql", "mongo", "redis", "crontab",
]  # fmt: skip


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the options of one subcommand are read; each entry lists the spellings of one option."""

    flags: list[str] = []
    values: list[str] = []
    attached: list[str] = []
    harmless: list[str] = []


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where code or another command stands in the arguments of a call."""

    origin: str = msgspec.field(name="from")
    language: Language
    sub: tuple[str, ...] = ("",)
    skip: int = 0
    unless: list[str] = []
    after: str | None = None
    local: bool = True
    mounts: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions on a call, and what it means if all of them hold. A field left empty says nothing."""

    name: str
    verdict: Decision
    program: list[str] = []
    sub: list[str] = []
    options: list[str] = []
    unless: list[str] = []
    args: str | None = None
    no_args: str | None = None
    arg1: str | None = None
    arg2: str | None = None
    arg3: str | None = None
    last: str | None = None
    count: str | None = None
    targets: list[str] = []
    of: str = "args"
    source: str | None = None
    stdin: list[str] = []
    fed_by: str | None = None
    text: str | None = None
    elevated: bool = False
    crud: Crud | None = None
    reason: str = ""
    safer: str | None = None
    positive: list[str] = []
    negative: list[str] = []


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one program."""

    program: list[str]
    style: Literal["gnu", "single", "operands"] = "gnu"
    crud: Crud = "EXEC"
    reads: list[str] = []
    creates: list[str] = []
    executes: list[str] = []
    updates: list[str] = []
    deletes: list[str] = []
    flags: list[str] = []
    values: list[str] = []
    attached: list[str] = []
    harmless: list[str] = []
    allowed: list[str] = []
    sub: dict[str, Options] = {}
    payload: list[Payload] = []
    rule: list[Rule] = []


def load(path: Path) -> RuleFile:
    """Return the rules in the file at `path`. Raises ValueError that names file and field."""
    return read(path, RuleFile)


def load_many(path: Path) -> list[RuleFile]:
    """Return the wrappers in the file at `path`. Raises ValueError that names file and field."""
    return read(path, _Wrappers).wrapper


class _Wrappers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wrapper: list[RuleFile]


def read(path: Path, kind: type[T]) -> T:
    """Return the file at `path` as `kind`. Raises ValueError that names file and field, and OSError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        with _converting:
            return msgspec.convert(found, kind)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}. The fields are described in rules/RULES.md.") from error
