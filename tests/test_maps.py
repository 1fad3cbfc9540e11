"""The docstring of a package is the map of its modules: each stands there once, with a line of its own."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("package", ["assistant_core/engine", "training", "training/evaluate"])
def test_every_module_stands_in_the_map(package: str) -> None:
    folder = ROOT / package
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    told = Counter(re.findall(r"^(\w+)  +\S", text, re.MULTILINE))
    modules = [file.stem for file in folder.glob("*.py")] + [file.parent.name for file in folder.glob("*/__init__.py")]
    assert told == Counter(modules) - Counter(["__init__"])
