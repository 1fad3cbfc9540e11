"""What kind of folder somebody works in, told by the files in it: "git python". The same words in training and in use.

In: a folder and its git root. Out: kinds, parted by spaces, in the order of KINDS; "" where nothing tells.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

# Kind -> names of files and folders that show it, as patterns of fnmatch.
KINDS: dict[str, tuple[str, ...]] = {
    "git": (".git",),
    "python": ("pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "tox.ini", "Pipfile", "environment.yml"),
    "node": ("package.json", "deno.json"),
    "rust": ("Cargo.toml",),
    "go": ("go.mod",),
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "cmake": ("CMakeLists.txt",),
    "docker": ("Dockerfile*", "Containerfile", "compose.y*ml", "docker-compose*.y*ml"),
    "java": ("pom.xml", "build.gradle*", "gradlew", "build.xml"),
    "ruby": ("Gemfile", "Rakefile"),
    "php": ("composer.json", "artisan"),
    "terraform": ("*.tf",),
}
MOST = 10_000  # names of a folder that are looked at


def kind(cwd: str | None, git_root: str | None = None) -> str:
    """Return the kinds of the two folders together. A folder that is gone or closed tells nothing."""
    names = {name for folder in {cwd, git_root} if folder for name in _names(folder)}
    names |= {".git"} if git_root else set()
    return " ".join(each for each, patterns in KINDS.items() if any(_shown(pattern, names) for pattern in patterns))


def _shown(pattern: str, names: set[str]) -> bool:
    if "*" not in pattern:
        return pattern in names
    return any(fnmatchcase(name, pattern) for name in names)


def _names(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry, _ in zip(entries, range(MOST), strict=False)}
    except (OSError, ValueError):  # ValueError: a NUL in a recorded path
        return set()
