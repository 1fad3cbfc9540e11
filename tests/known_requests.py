"""Requests that are known, put to use as a version of the user's own in the place of those that ship."""

from __future__ import annotations

import msgspec

from assistant_core.engine import pairs, registry
from assistant_core.engine.pairs import Pair
from assistant_core.settings import Paths, private_directory

PAIRS = (
    Pair("find files larger than 1 GB", "find . -size +1G", "test"),
    Pair("find files larger than 1 GB in the home folder", "find ~ -size +1G -type f", "test"),
    Pair("find large files", "du -ah . | sort -rh | head -n 5", "test"),
    Pair("count the lines of all python files", "find . -name '*.py' -exec wc -l {} \\;", "test"),
    Pair("delete the folder with the photos", "rm -rf /srv/photos", "test"),
    Pair("make a file called ran", "touch ran", "test"),
    Pair("show the status of the frobnicator", "frobnicator --status", "test"),
    Pair("print the name of each file", 'for f in *; do echo "$f"; done', "test"),
    Pair("unpack 'a.tgz'", "tar -xzf a.tgz", "test"),
    Pair("list files with a bogus option", "ls --bogus", "test"),
)


def install(paths: Paths, known: tuple[Pair, ...] = PAIRS) -> None:
    """Put `known` to use."""
    folder = private_directory(paths.models / "pairs" / "v1")
    pairs.write(known, folder / pairs.FILE)
    card = registry.Card(
        kind="pairs",
        version="v1",
        created="2026-01-01T02:00:00Z",
        files={pairs.FILE: registry.described(folder / pairs.FILE)},
        data=(),
        scores={},
        command="a test",
        base=None,
        trained_on="nothing",
    )
    (folder / registry.CARD).write_bytes(msgspec.json.encode(card))
    registry.use("pairs", "v1", paths)
