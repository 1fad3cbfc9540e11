"""What speaks against a line; what a slip of the finger was meant to be. The pages are our own, in tests/manuals."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant_core.engine import checks, spelling
from assistant_core.engine.checks import Shell
from assistant_core.knowledge import Manuals

MANUALS = Manuals(search=[Path(__file__).parent / "manuals"])


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell that can run a few programs, in a folder with a few files."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    for name in ("bash", "echo", "find", "git", "grep", "ls", "sudo", "tar", "wc", "xargs", "sort", "systemctl"):
        (home / "bin" / name).touch(mode=0o755)
    (home / "bin" / "notes").touch(mode=0o644)
    (home / "work").mkdir()
    (home / "work" / "build.sh").touch(mode=0o755)
    (home / "work" / "readme.md").touch()
    (home / "work" / "state").mkdir()
    return Shell((str(home / "bin"),), frozenset(("cd", "ll")), str(home), str(home / "work"))


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("ls -l | wc -l", True),
        ("for f in *; do echo $f; done", True),
        ("find . -exec grep -l a {} \\;", True),
        ("x = ![ls]", True),
        ("ls 'a b' && echo \"$HOME\"", True),
        ("", False),
        ("  ", False),
        ("ls |", False),
        ("ls | | wc", False),
        ("echo 'a", False),
        ("ls )", False),
        ("if true", False),
        ("cat <<EOF", False),
        ("ls\x1b[2J", False),
        ("echo " + "a" * 5000, False),
        ("echo caf\u00e9 \u4e2d", True),
        ("echo \U0009d633", False),
        ("python3 -c 'import sys; sys.exit(3)'", True),
        ("python3 -c 'import sys; print(sys.exit(3)'", False),
        ("ls | sudo python -uc 'print(1'", False),
        ('python3 -c "print($HOME"', True),  # which shows only when it runs
        ("python2 -c 'print 1'", True),  # of which we know nothing
        ("python3 tool.py -c 'a b'", True),  # for the script
        ("python manage.py shell -c 'x y'", True),
        ("python -m timeit -r '5 5'", True),
        ("python -mtool -c 'a b'", True),
        ("python x.py -e '$('", True),
        ("python - -c 'a b' < x.py", True),
        ("python -c 'pass' -c 'a b'", True),
        ("python3 -r 'a b'", True),  # no option of it
        ("python3 -c'print(1)'", True),
        ("python3 -c'print(1'", False),
        ("python3 -Bc'print(1'", False),
        ("python3 -W ignore -Xdev -c 'print(1'", False),
        ("python3 -c", True),
    ],
)
def test_whole_lines(line: str, *, whole: bool) -> None:
    assert checks.parses(line) is whole


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ls -l | grep 'a(b'", ()),
        ("print(undefined_name)", ("print(undefined_name)",)),
        (" x = 1 + 2", ("x = 1 + 2",)),
        ("x = $(ls -l)", ()),
        ("python3 -c 'print(1)' x", ("print(1)",)),
        ("perl -ne 'print if /a/' f | sudo ruby -e 'puts 1'", ("print if /a/", "puts 1")),
        ("python3 -m json.tool -c x", ()),
        ("python3 x.py", ()),
        ("perl x.pl -e 'a b'", ()),
        ("perl -I lib -i.bak -0777pe's/a/b/' -e 'print' f -e x", ("s/a/b/", "print")),
        ("perl -Mstrict -pie 's/a/b/' f", ()),  # the suffix "e", and a script
        ("ruby -rjson -r yaml -lane 'puts 1' f -e 2", ("puts 1",)),
        ("ruby x.rb -e 'a b'", ()),
        ("node -r ./a --eval='f()' x", ("f()",)),
        ("node -pe 'f()' x -e 1", ("f()",)),
        ("node x.js -p 80", ()),
        ("lua5.4 -l a -e 'print(1)' x.lua -e 2", ("print(1)",)),
        ("php -d a=1 -r 'echo 1;' -- -r 2", ("echo 1;",)),
        ("Rscript -e '1 + 1'", ("1 + 1",)),
    ],
)
def test_what_is_for_no_shell(line: str, code: tuple[str, ...]) -> None:
    assert checks.code(line) == code


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("ls -l", []),
        ("cd /tmp && ll", []),
        ("nosuch -x", ["nosuch"]),
        ("notes", ["notes"]),  # no program: nobody may run it
        ("ls | nosuch | other -v", ["nosuch", "other"]),
        ("sudo -u ada nosuch", ["nosuch"]),
        ("find . -name x -exec nosuch {} +", ["nosuch"]),
        ("ls | xargs -n 1 nosuch", ["nosuch"]),
        ("bash -c 'ls; nosuch'", ["nosuch"]),
        ("echo $(nosuch)", ["nosuch"]),
        ("X=1 nosuch", ["nosuch"]),
        ("./build.sh", []),
        ("./readme.md", ["./readme.md"]),
        ("./nothing.sh", ["./nothing.sh"]),
        ("~/work/build.sh", []),
        ("$(echo ls) -l", []),
        ("$PAGER x", []),
        ("export A=1", ["export"]),  # a builtin of other shells
    ],
)
def test_programs_that_are_not_there(bare: Shell, line: str, names: list[str]) -> None:
    assert list(checks.missing(line, bare)) == names


def test_a_shell_that_is_not_known_has_the_builtins_of_all(bare: Shell) -> None:
    assert checks.missing("export A=1; nosuch", bare._replace(aliases=frozenset())) == ("nosuch",)


def test_names(bare: Shell) -> None:
    assert {"cd", "ll", "git", "notes"} <= bare.names()
    assert Shell(("/nowhere",), frozenset(("cd",))).names() == {"cd"}


@pytest.mark.parametrize(
    ("line", "unknown", "pages"),
    [
        ("tar -xzf a.tgz", (), ("tar(1)",)),
        ("tar -xzf a.tgz --bogus", ("--bogus",), ("tar(1)",)),
        ("ls -l | tar --bogus", ("--bogus",), ("ls(1)", "tar(1)")),
        ("tar -xQzQ --bogus --bogus", ("-Q", "--bogus"), ("tar(1)",)),
        ("find . -newermt 2024-01-01 -nobody", ("-nobody",), ("find(1)",)),
        ("ls -5", (), ()),
        ("nosuch --bogus", (), ()),
        ("ls a b", (), ()),
    ],
)
def test_options(line: str, unknown: tuple[str, ...], pages: tuple[str, ...]) -> None:
    found = checks.options(line, MANUALS)
    assert (found.unknown, found.pages) == (unknown, pages)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("gti status", ["git status"]),
        ("sl", ["ls", "ll"]),
        ("grpe x | srot", ["grep x | sort"]),
        ("ls | grpe x && tra -x", ["ls | grep x && tar -x"]),
        ("sudo -u ada systemctl statsu x", ["sudo -u ada systemctl status x"]),
        ("systemctl statsu x", ["systemctl status x"]),
        ("git comit -m x", ["git commit -m x"]),
        ("ls readme.mdd", ["ls readme.md"]),
        ("ls ~/wrok/build.sh", ["ls ~/work/build.sh"]),
        ("ls /nosuchfolder/x", []),
        ("ls stat", ["ls state"]),
        ("echo status", []),  # a bare word that is far from any name
        ("ls", []),
        ("nothinglikeit", []),
        ("./biuld.sh", ["./build.sh"]),
        ("tar --extarct -f a", ["tar --extract -f a"]),
        ("'gti' status", []),
    ],
)
def test_spelling(bare: Shell, line: str, meant: list[str]) -> None:
    assert spelling.corrected(line, bare, MANUALS) == meant


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("ls | grpe x && dokcer ps", ["ls | grep x && docker ps"]),
        ("docker ps", []),
        ("grpe x", ["grep x"]),  # what is here comes first
    ],
)
def test_programs_that_are_known_but_not_here(bare: Shell, line: str, meant: list[str]) -> None:
    assert spelling.corrected(line, bare, MANUALS, {"docker", "grape"}) == meant


@pytest.mark.parametrize(
    ("one", "other", "away"),
    [("git", "git", 0), ("gti", "git", 1), ("gi", "git", 1), ("gitt", "git", 1), ("gut", "git", 1), ("abc", "xyz", 3)],
)
def test_slips(one: str, other: str, away: int) -> None:
    assert spelling.distance(one, other, 2) == away
    assert spelling.distance(other, one, 2) == away
