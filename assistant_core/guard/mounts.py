"""Paths within a container → what they are on this machine, where a command mounts some of it.

In: the words that run in a container, and the values of its `--volume` and `--mount` options. Out: the words with the
paths outside. Volumes that are read-only or have a name stay as they are: nothing of this machine's can be lost there.
"""

import re
from collections.abc import Iterable

_OURS = ("/", "~", ".")  # how a path of this machine begins; a name is docker's own volume
_READ_ONLY = frozenset(("ro", "readonly", "readonly=true", "ro=true"))
_SOURCES, _TARGETS = ("source", "src"), ("target", "dst", "destination")


def outside(words: list[str], volumes: Iterable[str]) -> list[str]:
    """Return `words` with the paths that they have on this machine, also where they stand in text for a shell."""
    for source, target in filter(None, map(_bound, volumes)):
        words = [_put(source, target, word) for word in words]
    return words


def _put(source: str, target: str, word: str) -> str:
    return re.sub(rf"(?<![\w./-]){re.escape(target)}(?![\w.-])(/?)", lambda found: source + found[1] or "/", word)


def _bound(volume: str) -> tuple[str, str] | None:
    """Return source and target of a mount without their last slash; None where nothing of ours can be written to."""
    parts = re.split("[:,]", volume)  # source:target:mode,mode or type=bind,source=/a,target=/b
    named = dict(part.split("=", 1) for part in parts if "=" in part)
    source = next((named[name] for name in _SOURCES if name in named), parts[0])
    target = next((named[name] for name in _TARGETS if name in named), parts[1] if len(parts) > 1 else "")
    if not source.startswith(_OURS) or target in ("", "/") or not _READ_ONLY.isdisjoint(parts):
        return None
    return source.rstrip("/"), target.rstrip("/")
