r"""A line for bash, told to xonsh: both shells do the same with it, really.

The lines run in a folder with `a.py` (three lines), `b c.txt` (a tab and digits) and `sub/d.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant_core.engine.fit import fitted

ENVIRON = {"HOME": "/home/ada"}
SAME = "the same"

LINES = [  # for bash, and for xonsh
    ("ls *.py", SAME),
    ("ls -d */", SAME),
    ("find . -type f | wc -l", SAME),
    ("echo a > /dev/null; echo b 2>&1", SAME),
    ("ls nosuch 2>/dev/null || echo none", SAME),
    ("test -f a.py && echo yes", SAME),
    ("cat 'b c.txt'", SAME),
    ('cat "b c.txt"', SAME),
    ("grep \"it's\" a.py", SAME),
    ("awk '{ n += NF } END { print n, \"words\" }' a.py", SAME),
    ("echo one two | awk '{print $2; exit}'", SAME),
    ("sed -n '1,2p' a.py", SAME),
    ("grep -E '^(foo|x)' a.py", SAME),
    ("perl -pe 's/\\s+/_/g' a.py", SAME),
    ("echo $(ls sub)", SAME),
    ('echo "$HOME"', SAME),
    ("echo ~", SAME),
    ("cut -d ' ' -f2 a.py", SAME),
    ("find . -name '*.py' -exec grep -l foo {} \\;", "find . -name '*.py' -exec grep -l foo '{}' ';'"),
    (
        "find . \\( -name '*.py' -o -name '*.txt' \\) -print | sort",
        "find . '(' -name '*.py' -o -name '*.txt' ')' -print | sort",
    ),
    ("find . -print0 | xargs -0 -I{} echo x{} | sort", "find . -print0 | xargs -0 '-I{}' echo 'x{}' | sort"),
    ("find . -maxdepth 1 -type f ! -name '*.py'", "find . -maxdepth 1 -type f '!' -name '*.py'"),
    ("grep -c '\\bfoo\\b' a.py", 'grep -c "\\\\bfoo\\\\b" a.py'),
    ("grep --include='*.py' -r foo . | sort", "grep '--include=*.py' -r foo . | sort"),
    ("sed 's/\\(foo\\)/<\\1>/' a.py", 'sed "s/\\\\(foo\\\\)/<\\\\1>/" a.py'),
    ("tr '\\t' '_' < 'b c.txt'", "tr \"\\\\t\" '_' < 'b c.txt'"),
    ("cat b\\ c.txt", "cat 'b c.txt'"),
    ("echo x'y'z", "echo 'xyz'"),
    ("echo 'it'\\''s'", 'echo "it\'s"'),
    ("echo '$HOME'", "echo r'$HOME'"),
    ("echo '~'", "echo r'~'"),
    ('for f in *; do echo "$f"; done', "bash -c 'for f in *; do echo \"$f\"; done'"),
    ("if true; then echo y; fi", "bash -c 'if true; then echo y; fi'"),
    ("[ -f a.py ] && echo yes", "bash -c '[ -f a.py ] && echo yes'"),
    ("! false && echo ok", "bash -c '! false && echo ok'"),
    ("(cd sub; ls)", "bash -c '(cd sub; ls)'"),
    ("cat <(echo hi)", "bash -c 'cat <(echo hi)'"),
    ("WORD=3 printenv WORD", "bash -c 'WORD=3 printenv WORD'"),
    ("echo `ls sub`", "bash -c 'echo `ls sub`'"),
    ("echo {1..3}", "bash -c 'echo {1..3}'"),
    ("echo $((1+2))", "bash -c 'echo $((1+2))'"),
    ("echo x-$(ls sub).tgz", "bash -c 'echo x-$(ls sub).tgz'"),
    ('echo "$(ls sub)"', "bash -c 'echo \"$(ls sub)\"'"),
    ("echo salt and pepper", "bash -c 'echo salt and pepper'"),
    ("sort -t$'\\t' -k2 'b c.txt'", "bash -c \"sort -t$'\\\\t' -k2 'b c.txt'\""),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "sub").mkdir()
    (folder / "a.py").write_text("foo bar\nit's\n x\n")
    (folder / "b c.txt").write_text("b\tc\n1 2 3\n")
    (folder / "sub/d.py").write_text("deep foo\n")
    return folder


def run(folder: Path, *command: str) -> list[str]:
    """Return what each line printed, as `command` runs them: it prints `----` before each."""
    environ = {"HOME": "/home/ada", "PATH": os.environ["PATH"], "LC_ALL": "C"}
    ran = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return ran.stdout.split("----\n")[1:]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_how_a_line_is_told(line: str, expected: str) -> None:
    assert fitted(line, ENVIRON) == (line if expected == SAME else expected)


@pytest.mark.parametrize(
    "line", ["x = 3", "$HOME = '/tmp'", "echo @(1 + 2)", "![ls]", "ls g`*.py`", "echo r'$HOME'", "grep -E '{}' x"]
)
def test_what_is_told_already_stays(line: str) -> None:
    assert fitted(line, ENVIRON) == line


def test_both_shells_do_the_same(folder: Path, tmp_path: Path) -> None:
    bash = "".join(f"echo ----\n{line}\n" for line, _ in LINES)
    (tmp_path / "lines.json").write_text(json.dumps([fitted(line, ENVIRON) for line, _ in LINES]))
    (tmp_path / "lines.xsh").write_text(
        "import json, pathlib\n"
        f"for line in json.loads(pathlib.Path({str(tmp_path / 'lines.json')!r}).read_text()):\n"
        "    print('----', flush=True)\n"
        "    try:\n"
        "        execx(line)\n"
        "    except Exception as error:\n"
        "        print('failed', error, flush=True)\n"
    )
    expected = run(folder, "bash", "-c", bash)
    ours = run(folder, sys.executable, "-m", "xonsh", "--no-rc", str(tmp_path / "lines.xsh"))
    assert len(expected) == len(LINES)
    for (line, _), one, other in zip(LINES, expected, ours, strict=True):
        assert (line, other) == (line, one)
