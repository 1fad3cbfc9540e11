"""Our corpora: JSON lines of requests, explanations, options, lines and sequences, each row with source and licence.

In: a folder with the files that TABLE names, plain or as .zst. Out: rows. What a file holds is said by its name.
"""

from __future__ import annotations

import io
import json
import math
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from assistant_core.errors import TrainingError
from training.records import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Fields = dict[str, Any]

FOREIGN = {"windows", "dos", "cisco-ios"}  # platforms of tldr pages where no xonsh user types such lines
# Generated reference documentation says little per row and is a quarter of the requests.
# What people ask of find, grep and their like in their own words is worth more than one look.
WEIGHTS = {"MicrosoftDocs/azure-docs-cli": 0.25, "aws/aws-cli": 0.25, "TellinaTool/nl2bash": 2.0}
LONGEST = 600  # characters of a line; more is a script

# Directory kind -> programs that are used where it is. A document's kind is told by what is run in it; a person's by
# the files there (store.py), with the same words.
KINDS: dict[str, frozenset[str]] = {
    "git": frozenset({"git", "gh", "hub"}),
    "python": frozenset({"pip", "pip3", "pytest", "poetry", "tox", "uv", "pipenv", "ruff", "mypy"}),
    "node": frozenset({"npm", "npx", "yarn", "pnpm", "bun", "node"}),
    "rust": frozenset({"cargo", "rustup", "rustc"}),
    "go": frozenset({"go", "gofmt"}),
    "make": frozenset({"make", "gmake"}),
    "cmake": frozenset({"cmake", "ctest"}),
    "docker": frozenset({"docker", "docker-compose", "podman"}),
    "java": frozenset({"mvn", "gradle", "./gradlew", "./mvnw", "javac"}),
    "ruby": frozenset({"bundle", "gem", "rake", "rails"}),
    "php": frozenset({"composer", "php", "artisan"}),
    "terraform": frozenset({"terraform", "tofu"}),
}


class Reader(NamedTuple):
    """A file of the corpora: its name without .jsonl, and what one of its lines becomes."""

    name: str
    rows: Callable[[Fields], Iterator[Row]]


def _row(fields: Fields, task: Any, *texts: str, group: str = "", weight: float = 1.0) -> Row:  # noqa: ANN401 - a Task
    source = fields["source"]
    return Row(
        task=task,
        texts=texts,
        source=source,
        licence=fields["licence"],
        group=f"{source} {group or texts[-1]}",
        weight=weight * WEIGHTS.get(source, 1.0),
    )


def _page(fields: Fields) -> str:
    return str(fields.get("page", ""))


def _requests(fields: Fields) -> Iterator[Row]:
    if fields.get("platform") in FOREIGN or len(fields["cmd"]) > LONGEST:
        return
    for line in dict.fromkeys((fields["cmd"], fields.get("cmd_alt"))):
        if line:
            yield _row(fields, "request", fields["nl"], line, group=_page(fields) or fields["cmd"])


def _explanations(fields: Fields) -> Iterator[Row]:
    if fields.get("platform") not in FOREIGN and len(fields["cmd"]) <= LONGEST:
        group = _page(fields) or fields["cmd"]
        yield _row(fields, "explain", fields["cmd"], fields["explanation"], group=group, weight=0.4)


def _flags(fields: Fields) -> Iterator[Row]:
    program = f"{fields['command']} {fields['subcommand']}".strip()
    if fields["description"] and fields["flag"]:
        longest = max(fields["flag"], key=len)
        line = f"{program} {longest}"
        yield _row(fields, "explain", line, fields["description"], group=fields["command"], weight=0.15)


def _subcommands(fields: Fields) -> Iterator[Row]:
    line = f"{fields['command']} {fields['subcommand']}".strip()
    if fields["description"]:
        yield _row(fields, "explain", line, fields["description"], group=fields["command"], weight=0.3)
        yield _row(fields, "request", fields["description"], line, group=fields["command"], weight=0.5)


def _lines(fields: Fields) -> Iterator[Row]:
    if not fields.get("danger") and len(fields["cmd"]) <= LONGEST:
        often = 1 + math.log2(fields["n"]) / 2
        yield _row(fields, "line", fields["cmd"], group="project", weight=often)


def _sequences(fields: Fields) -> Iterator[Row]:
    lines = tuple(line for line in fields["cmds"] if len(line) <= LONGEST)
    if lines:
        row = _row(fields, "session", *lines, group="project")
        yield Row(**{name: getattr(row, name) for name in row.__struct_fields__} | {"directory": _directory(lines)})


def _corrections(fields: Fields) -> Iterator[Row]:
    if max(len(fields["wrong"]), len(fields["fix"])) <= LONGEST:
        yield _row(fields, "fix", fields["wrong"], fields["fix"], group=fields["rule"], weight=4.0)


TABLE = (
    Reader("nl2cmd_train", _requests),
    Reader("nl2cmd_weak", _requests),
    Reader("explain", _explanations),
    Reader("flags", _flags),
    Reader("subcommands", _subcommands),
    Reader("cmdlines", _lines),
    Reader("sequences", _sequences),
    Reader("corrections", _corrections),
)


def read(folder: Path) -> Iterator[Row]:
    """Yield the rows of every file of TABLE that is there.

    Raises TrainingError for a folder without any, and naming file and line of a bad row.
    """
    found = [
        (file, reader)
        for reader in TABLE
        for ending in ("jsonl", "jsonl.zst")
        if (file := folder / f"{reader.name}.{ending}").exists()
    ]
    if not found:
        state = "holds none of our corpora" if folder.is_dir() else "is no folder"
        names = ", ".join(reader.name for reader in TABLE)
        raise TrainingError(f"{folder} {state}: expected .jsonl or .jsonl.zst files, one or more of {names}")
    for file, reader in found:
        yield from _file(file, reader)


def _file(file: Path, reader: Reader) -> Iterator[Row]:
    for at, text in enumerate(_packed(file), 1):
        try:
            yield from reader.rows(json.loads(text.decode("utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            reason = f"not a row of {reader.name} ({error!r}); mend or remove it"
            raise TrainingError(f"{file}, line {at}: {reason}") from error


def _packed(file: Path) -> Iterator[bytes]:
    try:
        with pa.OSFile(str(file)) as plain:
            yield from io.BufferedReader(pa.CompressedInputStream(plain, "zstd") if file.suffix == ".zst" else plain)
    except OSError as error:
        raise TrainingError(f"{file} cannot be read: {error}; fetch it anew") from error


def _directory(lines: tuple[str, ...]) -> str:
    """Return the kinds told by the programs; nothing for every other document, so that both are learnt."""
    if zlib.crc32("\n".join(lines).encode()) % 2:
        return ""
    programs = {line.split()[0] for line in lines if line.split()}
    return " ".join(kind for kind, users in KINDS.items() if users & programs)
