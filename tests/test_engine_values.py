"""What a request is about, and how its values come into a line that was written for another."""

from __future__ import annotations

import pytest

from assistant_core.engine.filling import complete, fill
from assistant_core.engine.values import missing, values


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("delete *.tmp files", [("extension", "tmp")]),
        ("all .java files of /usr/src.", [("extension", "java"), ("path", "/usr/src")]),
        ("python files and C source files", [("extension", "py"), ("extension", "c")]),
        ("log files newer than .profile", [("extension", "log"), ("pattern", ".profile")]),
        ("large files named core", [("name", "core")]),
        ("kill the process named in x.pid", [("path", "x.pid")]),
        ("add user bob to group docker", [("name", "bob"), ("name", "docker")]),
        ("list users and the user names of a group", []),
        ("search for TODO in all files", [("name", "TODO")]),
        ("search for files in a folder", []),
        ("replace foo with bar in a.txt", [("name", "foo"), ("name", "bar"), ("path", "a.txt")]),
        ("bigger than 10 MB or 5k", [("number", "10"), ("number", "5")]),
        ('find "a b" in `~/x`', [("name", "a b"), ("path", "~/x")]),
        ("""'*.c' and "7" and "a*" """, [("extension", "c"), ("number", "7"), ("pattern", "a*")]),
        ("copy README.txt to $HOME", [("path", "README.txt"), ("path", "$HOME")]),
        ("the 3rd line of version 1.5", []),
        ("over 1.5 GB, 800x600", []),
        ("2 weeks, 3 hours, 5 minutes", [("days", "14"), ("minutes", "180"), ("minutes", "5")]),
        ("delete all .tmp files in build", [("extension", "tmp"), ("path", "build")]),
        ("search for the word password in /etc", [("name", "password"), ("path", "/etc")]),
        ("nothing here", []),
    ],
)  # fmt: skip
def test_values(request_: str, expected: list[tuple[str, str]]) -> None:
    assert [(value.kind, value.text) for value in values(request_)] == expected


@pytest.mark.parametrize(
    ("request_", "known", "line", "expected"),
    [
        ("over 20 megabytes in /var", "files over 10 kB in /home", "find /home -size +10k", "find /var -size +20M"),
        ("files over 20 in /var", "files over 10 kB in /home", "find /home -size +10k", "find /var -size +20k"),
        ("remove *.o files", 'remove "*.mp3" files', "find . -name '*.mp3' -delete", "find . -name '*.o' -delete"),
        ("rename a.txt to b.txt", "rename b.txt to a.txt", "mv b.txt a.txt", "mv a.txt b.txt"),
        ("lines 3 to 7 of x.csv", "lines 10 to 20 of y.csv", "sed -n 10,20p y.csv", "sed -n 3,7p x.csv"),
        ('search "a b" here', 'search "c" here', "grep -r c .", "grep -r 'a b' ."),
        ('search "a b" here', 'search "c" here', 'grep -r "c" .', 'grep -r "a b" .'),
        ("directories of /usr", "directories here", "find . -type d", "find /usr -type d"),
        ("files in /var/log", "files/folders in the home folder", "find /home/ -ls", "find /var/log -ls"),
        ("compress notes.txt", "compress a file", "gzip path/to/file", "gzip notes.txt"),
        ("compress a file", "compress x.txt", "gzip x.txt", "gzip x.txt"),
        ("count all python files", "count *.rb files", r"find . -name \*.rb | wc -l", r"find . -name \*.py | wc -l"),
        ("delete *.tmp", "delete .svn folders", "find . -name .svn -delete", "find . -name .svn -delete"),
        ("kill the process named cat", "kill a process by name", "pkill process-name", "pkill cat"),
        ("files older than 2 weeks", "files older than 7 days", "find . -mtime +7 -ls", "find . -mtime +14 -ls"),
        ("the last 2 hours", "the last 7 days", "find . -mtime -7", "find . -mtime -7"),
        ("the last 2 hours", "the last 10 minutes", "find . -mmin -10", "find . -mmin -120"),
        ("let 2 users read /srv", "set mode 755 of /a", "chmod 755 /a", "chmod 755 /srv"),
        ("set mode 700 of /srv", "set mode 755 of /a", "chmod 755 /a", "chmod 700 /srv"),
        ("folders of 'a b/c'", "folders here", "find . -type d", "find 'a b/c' -type d"),
        ("compress 'a b/x.txt'", "compress a file", "gzip path/to/file", "gzip 'a b/x.txt'"),
        ("replace x in a.yaml", "replace it in files", "find . -name x", "find . -name x"),  # no folder
        ("last 3 lines", "last 2 lines of two", "tail -n 2 x 2> e", "tail -n 3 x 2> e"),
        ("replace a with b", 'replace "x" with "y"', "sed s/x/y/ f", "sed s/a/b/ f"),
        ("files over 2 GB", "files over a size", "find / -size +5000000c 2> e", "find / -size +2G 2> e"),
        ("the last 2 lines", "the last 9 lines of 90", "tail -n 9 x90", "tail -n 2 x90"),
        ("show it", "show that", "cat that", "cat that"),
    ],
)  # fmt: skip
def test_values_take_the_place_of_others(request_: str, known: str, line: str, expected: str) -> None:
    assert fill(request_, known, line) == expected


@pytest.mark.parametrize(
    ("request_", "line", "expected"),
    [
        ("files over 1 GB", "find / -size +100M", "find / -size +1G"),
        ("files over 1 GB", "find / -size +1024M", "find / -size +1024M"),
        ("files over 1 GB", "find / -size +5k -size -9k", "find / -size +5k -size -9k"),  # which of them?
        ("the last 50 lines", "tail -n 10 x | awk '{print $2}'", "tail -n 50 x | awk '{print $2}'"),
        ("the last 50 lines", "tail -n 10 x 2>&1", "tail -n 50 x 2>&1"),
        ("pdf files of 7 days", "find . -mtime -7 -name '*.html'", "find . -mtime -7 -name '*.pdf'"),
        ("files", "ls -1 *.c", "ls -1 *.c"),
        ("make a 500 MB file", "dd if=/dev/zero of=x bs=1M count=500", "dd if=/dev/zero of=x bs=1M count=500"),
        ("make a 10 MB file", "truncate -s 5M x", "truncate -s 10M x"),
        ("make 3 files readable", "chmod 444 x", "chmod 444 x"),
        ("newer than 2 weeks", "find . -mtime -30", "find . -mtime -14"),
        ("newer than 2 hours", "find . -mtime -30", "find . -mtime -30"),
        ("smaller than 5 MB", "find . -size +5M", "find . -size -5M"),
        ("larger than 5 MB", "find . -size -5M", "find . -size +5M"),
        ("files of 5 MB", "find . -size -5M", "find . -size -5M"),
    ],
)
def test_what_a_made_up_line_means_by_a_value_of_its_own(request_: str, line: str, expected: str) -> None:
    assert complete(request_, line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("find /var -size +10M", 0),
        ("find /var -size +10485760c", 0),
        ("find /var -size +1M 10> x", 1),
        ("find /var -size +10000k", 0),
        ("find /var -size +5M", 1),
        ("find . -size +5M", 2),
    ],
)
def test_values_that_a_line_does_not_hold(line: str, expected: int) -> None:
    assert missing("files over 10 MB in /var", line) == expected
