"""A store with commands of several days, and where its shards go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from assistant_core.records import Command
from assistant_core.store import Store
from training import shards, tokens
from training.manifest import Report
from training.records import Row

KEY = bytes(range(32))
DAY_NS = 86_400 * 10**9
NOW = 20_000 * DAY_NS + DAY_NS // 2  # 2024-10-04, noon
HOME = "/home/alice"
DAYS = ["2024-09-29", "2024-10-02", "2024-10-03", "undated"]
MONTHS = ["2024-09", "2024-10", "undated"]
BOS, EOS = 1, 2


def command(line: str, days_ago: float | None, session: str = "s1", exit_code: int | None = 0) -> Command:
    started = None if days_ago is None else int(NOW - days_ago * DAY_NS)
    return Command(
        line=line, session=session, cwd=f"{HOME}/src", host="box", user="alice", started_ns=started, exit_code=exit_code
    )


COMMANDS = [
    command("cd ~/src", 5),
    command("git status", 4.9),
    command("vim /home/alice/notes.txt", 2, "s2"),
    command("ssh alice@box uptime", 1.99, "s2", 255),
    Command(line="ls", session="s2", started_ns=int(NOW - 1.8 * DAY_NS)),
    msgspec.structs.replace(command("git status", 1.2, "s3"), duration_ns=12),
    msgspec.structs.replace(command("make test", 1.1, "s3"), author="program"),
    command("echo today", 0.0),
    command("history -c", None, "bash:/home/alice/.bash_history"),
]


def encode(row: Row) -> Iterator[tuple[list[int], list[bool]]]:
    """Bytes as tokens, one example for each line."""
    for text in row.texts:
        yield [BOS, *(10 + byte for byte in text.encode()), EOS], [False, *(True for _ in text.encode()), True]


def decoded(month: tokens.Month) -> list[str]:
    return [bytes(int(token) - 10 for token in numbers[1:-1]).decode() for _, numbers, _ in month.examples()]


class Place:
    """A store with COMMANDS, and where its shards go."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "history.db")
        self.raw, self.processed = folder / "training/raw", folder / "training/processed"
        self.vocabulary = folder / "tokenizer.model"
        self.vocabulary.write_bytes(b"one")
        self.damage: list[str] = []

    def days(self, *, key: bytes | None = None, now_ns: int = NOW) -> Report:
        return shards.update(self.store, self.raw, home=HOME, key=key, now_ns=now_ns)

    def months(self, *, key: bytes | None = None) -> Report:
        return tokens.update(self.raw, self.processed, encode, self.vocabulary, key=key, on_damage=self.damage.append)

    def read_days(self, key: bytes | None = None) -> dict[str, list[str]]:
        found = shards.read(self.raw, key=key, on_damage=self.damage.append)
        return {day.day: day.table.column("line").to_pylist() for day in found}

    def read_months(self, key: bytes | None = None) -> dict[str, list[str]]:
        found = tokens.read(self.processed, key=key, on_damage=self.damage.append)
        return {month.month: decoded(month) for month in found}

    def files(self) -> list[Path]:
        return sorted(file for file in self.raw.parent.rglob("*") if file.is_file())


LINES = {
    "2024-09-29": ["cd ~/src", "git status"],
    "2024-10-02": ["vim ~/notes.txt", "ssh {user}@{host} uptime", "ls"],
    "2024-10-03": ["git status", "make test"],
    "undated": ["history -c"],
}
