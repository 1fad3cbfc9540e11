"""The arrows between our packages, read from the imports in the source; and what must stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("assistant_core", "completers", "training", "xontrib")

VOCABULARY = {"assistant_core", "assistant_core.records", "assistant_core.errors", "assistant_core.settings"}
ALLOWED: dict[str, set[str]] = {
    "assistant_core.records": set(),
    "assistant_core.errors": set(),
    "assistant_core.settings": {"assistant_core.errors"},
    "assistant_core.redact": VOCABULARY,
    "assistant_core.render": VOCABULARY,
    "assistant_core.normalise": VOCABULARY,
    "assistant_core.schema": set(),
    "assistant_core.store": VOCABULARY | {"assistant_core.schema"},
    "assistant_core.importers": VOCABULARY | {"assistant_core.store", "assistant_core.redact"},
    "assistant_core.guard": VOCABULARY | {"assistant_core.redact"},
    "assistant_core.knowledge": VOCABULARY,
    "completers": VOCABULARY,
    "xontrib": {"assistant_core.shell"},
}
ONLY_THERE = {"completers": {"assistant_core.service.__main__"}, "training": set[str]()}


def modules() -> dict[str, Path]:
    files = (file for package in OURS for file in (ROOT / package).rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OURS}


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_imports_go_one_way() -> None:
    wrong = []
    for module, file in modules().items():
        for package, allowed in ALLOWED.items():
            if below(module, package):
                wrong += [
                    f"{module} imports {name}"
                    for name in imports(file)
                    if not below(name, package)
                    and not any(below(name, target) for target in allowed - {"assistant_core"})
                ]
    assert wrong == []


def test_the_composition_root_alone_joins_the_halves() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, file in modules().items()
        for package, places in ONLY_THERE.items()
        if not below(module, package) and module not in places
        for name in imports(file)
        if below(name, package)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["xontrib.assistant", "assistant_core.settings", "assistant_core.redact"])
def test_what_the_shell_loads_first_needs_the_standard_library_alone(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "heads = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(heads - set(sys.stdlib_module_names)))"
    )
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = [{str(ROOT)!r}, *sys.path]\n{code}"]
    found = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert {name for name in found if not name.startswith("_")} == {"xontrib", "assistant_core"} & found
