"""Makes a line say the same on every machine, and the way back.

In: a line, and the home folder, user and host it was typed with. Out: the line with `~`, `{user}` and `{host}` in
their places and without terminal controls. `denormalise` undoes it for the same or for other names; the round
trip is exact unless the line held control characters or a `~` of its own where a path may begin, which comes
back as the home folder that it stands for.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

# Home counts only as a whole path prefix: /home/alice2, /home/alice.old and /mnt/home/alice are other folders.
_BEFORE = r"(?<![^\s=:;,&|()<>\"'`])"
_AFTER = r"(?![^/\s=:;,&|()<>\"'`])"
_MARK = r"\{(?P<escape>=*)(?P<token>user|host)\}"  # "{=user}" stands for a "{user}" that the line had itself
_TILDE = rf"(?P<tilde>{_BEFORE}~{_AFTER})"
# ESC sequences as ECMA-48 5.4 writes them, then single controls but tab and newline, which part words and commands.
_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def normalise(line: str, home: str, user: str, host: str) -> str:
    """Return `line` without the names of this machine; an empty name replaces nothing, nor does "localhost"."""

    def token(found: re.Match[str]) -> str:
        if found["token"]:
            return f"{{={found['escape']}{found['token']}}}"
        return "~" if found["home"] else "{user}" if found["user"] else "{host}"

    return _names(home, user, host).sub(token, without_controls(line))


def without_controls(text: str) -> str:
    """Return `text` without terminal controls; tab and newline stay."""
    return _CONTROLS.sub("", text)


def denormalise(line: str, home: str, user: str, host: str) -> str:
    """Return `line` with these names in the places that `normalise` marked; a mark without a name stays."""
    values: Mapping[str | None, str] = {None: _folder(home), "user": user, "host": host}

    def value(found: re.Match[str]) -> str:
        if found["escape"]:
            return f"{{{found['escape'][1:]}{found['token']}}}"
        return values[found["token"]] or found[0]

    return re.sub(f"{_MARK}|{_TILDE}", value, line)


def _folder(home: str) -> str:
    return home.rstrip("/")


@lru_cache(maxsize=8)
def _names(home: str, user: str, host: str) -> re.Pattern[str]:
    nothing = r"(?!)"
    folder = rf"{_BEFORE}{re.escape(_folder(home))}{_AFTER}" if _folder(home) else nothing
    person, machine = (
        rf"(?<![\w-]){re.escape(name)}(?![\w-])" if name and name != "localhost" else nothing for name in (user, host)
    )
    return re.compile(f"{_MARK}|(?P<home>{folder})|(?P<user>{person})|(?P<host>{machine})")
