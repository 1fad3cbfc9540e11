"""What could work from here, on a real file system; what is plainly destructive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from completers.validate import FRESH_S, GONE, Surroundings, Validator, destructive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for folder in ("bin", "home/work", "cwd/sub"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("bin/tool", "cwd/run.sh", "home/mine"):
        (tmp_path / file).touch(mode=0o755)
    return tmp_path


def _surroundings(root: Path) -> Surroundings:
    return Surroundings("here", (str(root / "bin"), str(root / "missing")), frozenset({"ll"}), str(root / "home"))


@pytest.mark.parametrize(
    ("line", "works"),
    [
        ("tool --help", True),
        ("gone --help", False),
        ("sudo tool", True),
        ("sudo gone", False),
        ("X=1 tool", True),
        ("ll", True),
        ("export A=b", True),
        ("./run.sh", True),
        ("./gone.sh", False),
        ("sub/gone.sh", False),
        ("~/mine", True),
        ("~/gone", False),
        ("/gone/tool", False),
        ("~other/tool", True),
        ("cd sub", True),
        ("cd sub/", True),
        ("cd gone", False),
        ("cd .", False),
        ("cd ..", True),
        ("cd ~/work", True),
        ("cd ~/gone", False),
        ("cd", True),
        ("cd -", True),
        ("cd $HOME", True),
        ("cd 'a b'", True),
        ("cd *", True),
        ("cd gone && tool", False),
        ("cd sub && tool", True),
        ("tool | gone", True),
        ("import json", True),
        ("print(1)", True),
        ("x = 3", True),
        ("gone = 3", True),
        ("gone(3)", True),
        ("$GONE = 3", True),
        ("@(gone)", True),
        ("for i in range(3): gone", True),
    ],
)
def test_trust(line: str, works: bool, here: Path) -> None:  # noqa: FBT001 - a cell of the table
    trust = Validator().trust(line, str(here / "cwd"), _surroundings(here))
    assert trust == (1.0 if works else GONE)


@pytest.mark.parametrize("line", ["cd gone", "./gone.sh"])
def test_without_a_folder_relative_paths_are_trusted(line: str, here: Path) -> None:
    assert Validator().trust(line, None, _surroundings(here)) == 1.0


def test_answers_are_asked_again_after_two_seconds(here: Path) -> None:
    now = [100.0]
    validator = Validator(clock=lambda: now[0])
    surroundings, cwd = _surroundings(here), str(here / "cwd")
    lines = ("new", "cd later", "./later.sh")
    assert [validator.trust(line, cwd, surroundings) for line in lines] == [GONE] * 3
    (here / "bin/new").touch()
    (here / "cwd/later").mkdir()
    (here / "cwd/later.sh").touch()
    assert [validator.trust(line, cwd, surroundings) for line in lines] == [GONE] * 3
    now[0] += FRESH_S
    assert [validator.trust(line, cwd, surroundings) for line in lines] == [1.0] * 3


@pytest.mark.parametrize(
    ("line", "destroys"),
    [
        ("rm -rf build", True),
        ("sudo rm x", True),
        ("sudo -u me rm x", True),
        ("cd x && rm -r y", True),
        ("dd if=a of=/dev/sda", True),
        ("mkfs.ext4 /dev/sda1", True),
        ("git reset --hard", True),
        ("git push --force", True),
        ("git clean -fd", True),
        ("git checkout -- .", True),
        ("find . -name x -delete", True),
        ("docker system prune", True),
        ("kubectl delete pod a", True),
        ("psql -c 'DROP TABLE a'", True),
        ("echo x > /etc/passwd", True),
        ("reboot", True),
        ("git " + "push " * 100_000, True),
        ("ls -l", False),
        ("git push", False),
        ("git checkout main", False),
        ("make 2>/dev/null", False),
        ("make > /dev/null", False),
        ("grep -r rm .", False),
        ("vim rm.txt", False),
        ("docker run --rm alpine", False),
        ("npm install", False),
    ],
)
def test_destructive(line: str, destroys: bool) -> None:  # noqa: FBT001 - a cell of the table
    assert destructive(line) == destroys
