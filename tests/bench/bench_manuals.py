"""How much of `PROGRAM --help` the manual reader finds, and how long a page and an explanation take. Prints JSON.

Run: `python tests/bench/bench_manuals.py [PROGRAM ...]`. Only the programs named here are ever started, with `--help`
alone; those that are not installed, or have no manual page, are left out and listed. Times are medians in
milliseconds.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from assistant_core.knowledge import Manuals, explain
from assistant_core.knowledge.lookup import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAMS = (
    "apt", "apt-get", "awk", "bash", "bzip2", "cat", "chmod", "chown", "comm", "cp", "curl", "cut", "date", "dd",
    "df", "diff", "docker", "dpkg", "du", "env", "expand", "file", "find", "fish", "free", "git-commit", "git-log",
    "git-clone", "git-push", "gpg", "grep", "gzip", "head", "id", "install", "jq", "journalctl", "ln", "ls",
    "lsblk", "make", "mkdir", "mktemp", "mount", "mv", "nice", "nl", "npm", "patch", "pgrep", "ps", "python3", "rm",
    "rsync", "sed", "seq", "shuf", "sort", "split", "ssh", "stat", "strace", "stty", "systemctl", "tac", "tail",
    "tar", "tee", "time", "timeout", "top", "touch", "tr", "truncate", "tty", "umount", "uniq", "unzip", "useradd",
    "vim", "watch", "wc", "wget", "who", "xargs", "xz", "zip",
)  # fmt: skip
LINES = (
    "tar -xzf a.tgz -C /tmp",
    "git commit -am message --no-verify",
    "find . -name '*.py' -exec grep -l TODO {} \\; | xargs -0 rm -f",
    "for f in *.txt; do mv $f $f.bak 2>/dev/null; done",
    "curl -fsSL https://example.org | sudo tee /etc/x > /dev/null",
)
_NAME = r"--?(?:\[no-\])?[A-Za-z0-9?#][\w-]*"
_LISTED = re.compile(rf"^[ \t]{{0,10}}({_NAME}(?:[^\n-]{{0,24}}?(?:, ?| \| | or |/){_NAME})*)", re.MULTILINE)
_OPTION = re.compile(rf"(?<![\w-]){_NAME}")


def listed(program: str) -> set[str]:
    """Return the options that stand at the beginning of a line of the program's own help."""
    command = [*program.split("-", 1), "-h"] if program.startswith("git-") else [program, "--help"]
    if shutil.which(command[0]) is None:
        return set()
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=20, check=False
    )
    options: set[str] = set()
    for line in _LISTED.findall(re.sub(r".\x08", "", done.stdout + done.stderr)):
        for option in _OPTION.findall(line):
            options |= {option.replace("[no-]", ""), option.replace("[no-]", "no-")}
    return options


def milliseconds(work: Callable[[], object], repeat: int) -> float:
    """Return the median time of `work`."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


class Row(NamedTuple):
    """One program: what its help lists, and which of it the page has not."""

    program: str
    listed: int
    missing: list[str]
    cold_ms: float


def measure(program: str) -> Row | None:
    """Compare one program's help with its page; None if it has no page or lists no option."""
    page = Manuals().page(program)
    options = listed(program) if page else set()
    if page is None or not options:
        return None
    index = Index(page)
    missing = sorted(option for option in options if index.entry(option) is None)
    return Row(program, len(options), missing, round(milliseconds(lambda: Manuals().page(program), 3), 1))


def warm(line: str, manuals: Manuals) -> float:
    """Return the time that explaining a line takes once its pages are in memory."""
    explain(line, manuals)
    return round(milliseconds(lambda: explain(line, manuals), 20), 2)


def main(programs: Sequence[str]) -> None:
    """Measure and print."""
    rows = [row for program in programs if (row := measure(program))]
    manuals = Manuals()
    total = sum(row.listed for row in rows)
    result = {
        "programs": len(rows),
        "listed": total,
        "found": total - sum(len(row.missing) for row in rows),
        "share": round(1 - sum(len(row.missing) for row in rows) / total, 4) if total else None,
        "cold_page_ms": statistics.median(row.cold_ms for row in rows) if rows else None,
        "slowest_page_ms": max((row.cold_ms for row in rows), default=None),
        "warm_explain_ms": {line: warm(line, manuals) for line in LINES},
        "left_out": sorted(set(programs) - {row.program for row in rows}),
        "rows": [row._asdict() for row in rows],
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:] or PROGRAMS)
