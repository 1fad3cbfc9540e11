"""Notes as rows: text, Markdown, HTML; what is a command and what it is for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from training.corpus import documents
from training.corpus.blocks import purpose
from training.corpus.lines import Said, commands, looks_like_command
from training.corpus.source import PRIVATE, Machine, Skips
from training.records import Row

HERE = Machine("/home/alice", "alice", "box", frozenset({"frobnicate"}))


def read(place: Path, skips: Skips | None = None) -> list[Row]:
    return list(documents.read(place, HERE, skips or Skips()))


def shown(rows: list[Row]) -> list[tuple[str, ...]]:
    """Return the rows but for the explanations, which are requests the other way round."""
    requests = {row.texts for row in rows if row.task == "request"}
    assert requests == {row.texts[::-1] for row in rows if row.task == "explain"}
    return [(row.task, *row.texts) for row in rows if row.task != "explain"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", "To see the log, run:\n\n```sh\njournalctl -f\n```\n", [("request", "See the log", "journalctl -f")]),
        ("a.md", "# Free space\n\n    df -h\n", [("request", "Free space", "df -h")]),
        ("a.md", "Free space\n==========\n\n    df -h\n", [("request", "Free space", "df -h")]),
        ("a.md", "- Open ports: `ss -tln`\n", [("request", "Open ports", "ss -tln")]),
        ("a.md", "Try **this**: `ss -tln`.\n", [("line", "ss -tln")]),
        ("a.md", "```console\n$ cd app\n$ make\ncc -o app\n```\n", [("session", "cd app", "make")]),
        ("a.md", "```bash\n# get it\ngit clone x\n# build it\nmake -C x\n```", [
            ("request", "Get it", "git clone x"), ("request", "Build it", "make -C x"),
            ("session", "git clone x", "make -C x")]),
        ("a.md", "Say hello:\n\n```python\nprint('ls -la')\n```\n", []),
        ("a.md", "Some numbers:\n\n```\nalpha 1\nbeta 2\n```\n", []),
        ("a.md", "Some of ours:\n\n```\nfrobnicate now\n```\n", [("request", "Some of ours", "frobnicate now")]),
        ("a.md", "Loop over them:\n\n```sh\nfor i in *; do\n  echo $i\ndone\n```\n", []),
        ("a.md", "Start it:\n\n~~~\ndocker run \\\n  -d nginx\n~~~", [("request", "Start it", "docker run -d nginx")]),
        ("a.md", "Find the file and\nmake sure to cut the line.\n", []),
        ("n.txt", "open ports\nss -tln\n", [("request", "Open ports", "ss -tln")]),
        ("n.txt", "# deploy the site\n$ rsync -a site/ web:/srv\n", [
            ("request", "Deploy the site", "rsync -a site/ web:/srv")]),
        ("n.txt", "cd /srv/app\ngit pull\n", [("session", "cd /srv/app", "git pull")]),
        ("notes", "restart it\n  sudo systemctl restart nginx\n", [
            ("request", "Restart it", "sudo systemctl restart nginx")]),
        ("a.html", "<h2>Disk &amp; memory</h2><pre>free -h</pre>", [("request", "Disk & memory", "free -h")]),
        ("a.html", "<p>Follow the <b>log</b>:<pre><code class='language-sh'>tail -f x.log</code></pre>", [
            ("request", "Follow the log", "tail -f x.log")]),
        ("a.html", "<p>Show it</p><pre><code class=language-js>ls -la</code></pre>", []),
        ("a.html", "<script>ls -la</script><nav><pre>df -h</pre></nav><p>unfinished <pre>$ uptime", [
            ("line", "uptime")]),
    ],
)  # fmt: skip
def test_documents(tmp_path: Path, name: str, text: str, expected: list[tuple[str, ...]]) -> None:
    (tmp_path / name).write_text(text)
    assert shown(read(tmp_path)) == expected


def test_every_file_that_is_not_read_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Free space:\n\n    df -h\n")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe\x00binary")
    (tmp_path / "c.png").write_bytes(b"x")
    (tmp_path / "d.md").symlink_to(tmp_path / "a.md")
    (tmp_path / "e").write_text("#!/bin/sh\nls -la\n")
    (tmp_path / "f.html").write_text("<a " * 1000)
    (tmp_path / "g.txt").write_bytes(b"x" * (documents.LARGEST + 1))
    (tmp_path / ".hidden").mkdir()
    os.mkfifo(tmp_path / "h.txt")
    skips = Skips()
    assert len(read(tmp_path, skips)) == 2
    assert {reason: count for (_, reason), count in skips.counts.items()} == {
        "not UTF-8 text": 1,
        "not a text, Markdown or HTML file": 1,
        "a link or no plain file": 2,
        "a script": 1,
        "more tags begin than end": 1,
        f"larger than {documents.LARGEST:,} bytes": 1,
    }


def test_rows_are_private_and_grouped_by_document(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("Free space:\n\n    df -h\n")
    here = HERE._replace(home=str(tmp_path))
    assert {(row.licence, row.group) for row in documents.read(file, here, Skips())} == {(PRIVATE, "documents ~/a.md")}


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    skips = Skips()
    assert read(tmp_path / "gone", skips) == []
    assert sum(skips.counts.values()) > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git push origin main", True),
        ("sudo apt install vim", True),
        ("./configure --prefix=/opt", True),
        ("FOO=1 make -j4", True),
        ("find . -name '*.py'", True),
        ("tar xzf a.tgz", True),
        ("cp path/to/file /tmp", True),
        ("git add a.py", True),
        ("git add .", True),
        ("cd ../..", True),
        ("docker pull a/b", True),
        ("docker run -it --with-the x", True),
        ("dd if=a.iso of=/dev/sdb", True),
        ("systemctl is-active nginx", True),
        (r"find . -name x -and -exec ls {} \;", True),
        ("scp a.txt bob@example.com:", True),
        ("git add a file", False),
        ("git works by itself: use it.", False),
        ("git log shows commits (see gitlog);", False),
        ("docker starts containers for you", False),
        ("find the file in the folder", False),
        ("make sure it works", False),
        ("git is a tool", False),
        ("git commit, then push", False),
        ("install git.", False),
        ("Cut the line", False),
        ("/usr/share/doc", False),
        ("frob --all", False),
        ("", False),
    ],
)
def test_what_looks_like_a_command_among_prose(text: str, *, expected: bool) -> None:
    assert looks_like_command(text) is expected


@pytest.mark.parametrize(
    ("block", "shell", "root", "expected"),
    [
        ("$ ls\na b\n$ pwd", None, False, [("ls", ""), ("pwd", "")]),
        ("alice@box:~/src$ ls", None, False, [("ls", "")]),
        ("[alice@box src]$ ls", None, False, [("ls", "")]),
        ("root@box:~# ls", None, False, [("ls", "")]),
        ("(venv) $ pip list", None, False, [("pip list", "")]),
        ("# apt update", None, True, [("apt update", "")]),
        ("# apt update", None, False, []),
        ("# frob enable x", None, True, [("frob enable x", "")]),
        ("# what this is\nkey=1", None, True, []),
        ("# first of all\n# the second", None, True, []),
        ("$ # look\n$ ls", None, False, [("ls", "look")]),
        ("$ cat <<EOF > a\nx\nEOF\n$ ls", None, False, [("cat <<EOF > a\nx\nEOF", ""), ("ls", "")]),
        ("$ a \\\n>  b", None, False, [("a b", "")]),
        ("anything goes", True, False, [("anything goes", "")]),
        ("ls -la", False, False, []),
        ("f() {\n  ls\n}", True, False, []),
        ("> print(1)\n1", True, False, []),
        ("ls " + "x" * 600, True, False, []),
        ("", True, False, []),
    ],
)
def test_commands_of_a_block(block: str, *, shell: bool | None, root: bool, expected: list[tuple[str, str]]) -> None:
    assert commands(block, shell=shell, root=root) == [Said(*each) for each in expected]


@pytest.mark.parametrize(
    ("heading", "prose", "expected"),
    [
        ("", "To list all units, run:", "List all units"),
        ("", "In order to stop it you can use the following:", "Stop it"),
        ("", "It is old. Remove the package with the following command:", "Remove the package"),
        ("", "Remove the package by running", "Remove the package"),
        ("Remove a package", "Run:", "Remove a package"),
        ("Packages", "For example:", ""),
        ("Packages", "Removal", "Packages: Removal"),
        ("", "ok", ""),
        ("", "word " * 100, ""),
    ],
)
def test_what_a_command_is_for(heading: str, prose: str, expected: str) -> None:
    assert purpose(heading, prose) == expected
