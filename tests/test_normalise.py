"""Lines that say the same on every machine, and the way back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_core.normalise import denormalise, normalise

ALICE = ("/home/alice", "alice", "box")


@pytest.mark.parametrize(
    ("line", "normal"),
    [
        ("cd /home/alice", "cd ~"),
        ("cd /home/alice/src", "cd ~/src"),
        ("cat '/home/alice/a b'", "cat '~/a b'"),
        ("PATH=/home/alice/bin:/bin", "PATH=~/bin:/bin"),
        ("cd /home/alice2", "cd /home/alice2"),
        ("cd /home/alice.old", "cd /home/{user}.old"),
        ("ls /mnt/home/alice/x", "ls /mnt/home/{user}/x"),
        ("ls /home/alice-old", "ls /home/alice-old"),
        ("ssh alice@box", "ssh {user}@{host}"),
        ("ssh bob@box2 malice", "ssh bob@box2 malice"),
        ("scp box:/home/alice/x .", "scp {host}:~/x ."),
        ("echo {user}", "echo {=user}"),
        ("echo {=host}", "echo {==host}"),
        ("cp {alice,bob} .", "cp {{user},bob} ."),
        ("for x in a\n\tdo ls", "for x in a\n\tdo ls"),
        ("ls\x1b[31m \x1b[200~x\x00\x7f\x9b", "ls x"),
        ("/home/ali\x07ce", "~"),
        ("", ""),
    ],
)
def test_normalise(line: str, normal: str) -> None:
    assert normalise(line, *ALICE) == normal


@pytest.mark.parametrize(
    ("normal", "names", "line"),
    [
        ("cd ~/src", ALICE, "cd /home/alice/src"),
        ("ssh {user}@{host}", ALICE, "ssh alice@box"),
        ("ssh {user}@{host}", ("/root", "root", "two"), "ssh root@two"),
        ("echo {=user} {==host}", ALICE, "echo {user} {=host}"),
        ("ls ~bob a~ ~~ x/~", ALICE, "ls ~bob a~ ~~ x/~"),
        ("ssh {user}@{host}", ("/home/alice", "", ""), "ssh {user}@{host}"),
        ("cd ~", ("/", "root", "box"), "cd ~"),
    ],
)
def test_denormalise(normal: str, names: tuple[str, str, str], line: str) -> None:
    assert denormalise(normal, *names) == line


@pytest.mark.parametrize("names", [("", "", ""), ("/", "", "localhost")])
def test_names_that_name_nothing_replace_nothing(names: tuple[str, str, str]) -> None:
    line = "ls / /home/alice localhost alice@box"
    assert normalise(line, *names) == line


PIECES = ["/home/alice", "/home/alice2", "alice", "box", "{user}", "{=host}", "{", "}", "=", "~", "/", " ", "'", "user"]
LINES = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)
NAMES = st.sampled_from([ALICE, ("/root", "root", "box.example.org"), ("/home/user", "user", "host"), ("/h", "h", "h")])
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@given(LINES, NAMES)
def test_the_way_back_is_exact(line: str, names: tuple[str, str, str]) -> None:
    line = CONTROLS.sub("", line).replace("~", "")
    assert denormalise(normalise(line, *names), *names) == line


@given(LINES, NAMES)
def test_going_twice_changes_nothing_and_leaves_no_control(line: str, names: tuple[str, str, str]) -> None:
    once = normalise(line, *names)
    assert normalise(denormalise(once, *names), *names) == once
    assert not CONTROLS.search(once)
