"""Lines never typed before."""

from __future__ import annotations

import pytest

from completers.memory import Memory
from completers.source import Moment
from completers.words import compose, next_words


@pytest.mark.parametrize(
    ("lines", "typed", "expected"),
    [
        (["ssh root@10.0.0.7", "ping 10.0.0.8"], "ssh ", "ssh root@10.0.0.7"),
        (["nmap 10.0.0.8"], "ssh 10", "ssh 10.0.0.8"),
        (["vim notes.txt"], "cat n", "cat notes.txt"),
        (["git commit -m wip", "git add a.py"], "git commit ", "git commit -m wip"),
        (["docker run -it alpine sh"], "docker run -d al", "docker run -d alpine sh"),
        (["make build", "make test"], "cd x && make b", "cd x && make build"),
        (["sudo apt install vim"], "sudo apt remove v", "sudo apt remove vim"),
        (["cat a.txt | grep x"], "tac b | grep ", "tac b | grep x"),
    ],
)
def test_a_line_is_put_together(lines: list[str], typed: str, expected: str) -> None:
    memory = Memory((line, "s", None, 0, None) for line in lines)
    head, space, start = typed.rpartition(" ")
    composed = dict(compose(next_words(memory, Moment(len(memory) - 1), head + space), head + space, start))
    assert expected in composed
    assert sum(composed.values()) <= 1
    assert all(line.startswith(typed) and line != typed for line in composed)


@pytest.mark.parametrize(
    ("lines", "typed", "better", "worse"),
    [
        (["scp a host", "ls b"], "scp ", "scp a host", "scp b"),
        (["tar -f a.tar", "tar -C b.dir"], "tar -x -f ", "tar -x -f a.tar", "tar -x -f b.dir"),
        (["cat old.txt", "cat new.txt"], "vim ", "vim new.txt", "vim old.txt"),
        (["cp a b", "cp b c"], "cp a ", "cp a b", "cp a a"),
    ],
)
def test_nearer_words_come_first(lines: list[str], typed: str, better: str, worse: str) -> None:
    memory = Memory((line, "s", None, 0, None) for line in lines)
    composed = dict(compose(next_words(memory, Moment(len(memory) - 1), typed), typed, ""))
    assert composed[better] > composed.get(worse, 0.0)


def test_options_of_other_programs_are_not_taken() -> None:
    memory = Memory([("ls --color", "s", None, 0, None)])
    assert compose(next_words(memory, Moment(0), "vim "), "vim ", "--") == []
