"""What is installed is what lies here: every file of our packages is in the wheel, the models among them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import msgspec
import pytest

from assistant_core.engine import registry
from assistant_core.engine.registry import Card

ROOT = Path(__file__).parent.parent
PACKAGES = ("assistant_core", "completers", "training", "xontrib")
PAPERS = ("LICENSE", "NOTICE", "README.md", "pyproject.toml")


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for paper in PAPERS:
        shutil.copy(ROOT / paper, source)
    files = {str(file.relative_to(source)) for package in PACKAGES for file in (source / package).rglob("*")}
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    made = subprocess.run([*command, "--wheel-dir", tmp_path, source], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {name for name in files if (source / name).is_file()}


@pytest.mark.parametrize("card", sorted(registry.SHIPPED.glob("*/card.json")), ids=lambda card: card.parent.name)
def test_the_card_of_a_model_is_of_the_files_beside_it(card: Path) -> None:
    found = msgspec.json.decode(card.read_bytes(), type=Card).files
    assert {file.name for file in card.parent.iterdir()} == {registry.CARD, *found}
    assert found == {name: registry.described(card.parent / name) for name in found}


def test_every_package_is_named() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = {file.parent.relative_to(ROOT) for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    assert sorted(named) == sorted(".".join(folder.parts) for folder in found)
