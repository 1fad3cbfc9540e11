"""Bytes of history files in, commands out: tables of what the real shells write, and random lines there and back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import histories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant_core.importers import bash, fish, zsh
from assistant_core.importers.source import Broken, Entry
from assistant_core.importers.text import Parser
from assistant_core.store import Store

S = 10**9

BASH = [
    (b"", []),
    (b"ls\n\n  \ncd a\nls\n", [("ls", None), ("cd a", None), ("ls", None)]),
    (b"no newline at the end", [("no newline at the end", None)]),
    (b"#1700000000\nls -l\n#1700000005\ncd a\n", [("ls -l", 1700000000 * S), ("cd a", 1700000005 * S)]),
    (b"#1\nfor i in 1\ndo\n\necho $i\ndone\n#2\nls\n", [("for i in 1\ndo\n\necho $i\ndone", S), ("ls", 2 * S)]),
    (b"#1\ncat <<E\nE\n\n#2\nls\n", [("cat <<E\nE", S), ("ls", 2 * S)]),
    (b"#1\n#2\nls\n#3\n", [("ls", 2 * S)]),
    (b"#1 note\n#x\nls\n", [("#1 note", None), ("#x", None), ("ls", None)]),
    (b"old\n#123\n#1700000000\nnew\nlines\n", [("old", None), ("#123", None), ("new\nlines", 1700000000 * S)]),
    (b"#1700000000\r\nls\r\ncd\r\n", [("ls\ncd", 1700000000 * S)]),
    (b"  leading and trailing  \n", [("  leading and trailing  ", None)]),
    (b"#0\nls\n", [("ls", None)]),
    ("echo Ünïcödé ƒ 🎉\n".encode(), [("echo Ünïcödé ƒ 🎉", None)]),
    (b"echo \xff\xfe x\n", [("echo \ufffd\ufffd x", None)]),
]
ZSH = [
    (b"ls\n\\: colon 'x'\n: no header\n", [("ls", None), (": colon 'x'", None), (": no header", None)]),
    (b": 1700000000:5;ls -l\n: 1700000005:0;cd\n", [("ls -l", 1700000000 * S), ("cd", 1700000005 * S)]),
    (b": 1:0;for i in 1\\\ndo\\\n\\\necho\\\ndone\nls\n", [("for i in 1\ndo\n\necho\ndone", S), ("ls", None)]),
    (b": 1:0;echo a \\\\\nb\n", [("echo a \\\nb", S)]),
    (b": 1:0;echo back\\\\ \n: 2:0;echo tail\\  \n", [("echo back\\\\", S), ("echo tail\\ ", 2 * S)]),
    (b": 1:0;echo blanks  \n", [("echo blanks  ", S)]),
    (b": 1:0;cut off\\", [("cut off\\", S)]),
    (b": 1:0;a;b : c\n", [("a;b : c", S)]),
    (
        b": 1:0;echo \xc3\x83\xbcn\xc3\xafc\xc3\xb6d\xc3\xa9 \xc6\x83\xb2 \xf0\x83\xbf\x83\xae\x83\xa9\n",
        [("echo Ünïcödé ƒ 🎉", S)],
    ),
]
FISH = [
    (b"- cmd: ls\n  when: 5\n- cmd: cd a: b\n  when: 6\n", [("ls", 5 * S), ("cd a: b", 6 * S)]),
    (b"- cmd: cat x\n  when: 5\n  paths:\n    - x\n    - when: 7\n- cmd: ls\n", [("cat x", 5 * S), ("ls", None)]),
    (b"- cmd: echo 'a\\nb'\n  when: 5\n", [("echo 'a\nb'", 5 * S)]),
    (b"- cmd: echo 'c:\\\\\\\\new\\\\n' \\\\\\n x\n  when: 5\n", [("echo 'c:\\\\new\\n' \\\n x", 5 * S)]),
    (b"- cmd: echo - cmd: \\t\n  when: 5\n", [("echo - cmd: \\t", 5 * S)]),
    (b"- cmd:   lead\n  when: 5\n", [("  lead", 5 * S)]),
    ("- cmd: echo Ünïcödé ƒ 🎉\n  when: 5\n".encode(), [("echo Ünïcödé ƒ 🎉", 5 * S)]),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "history.db")


@pytest.mark.parametrize(
    ("shell", "content", "expected"),
    [(shell, *row) for shell, rows in (("bash", BASH), ("zsh", ZSH), ("fish", FISH)) for row in rows],
)
def test_a_file_gives_the_lines_that_the_shell_had(
    store: Store, tmp_path: Path, shell: str, content: bytes, expected: list[tuple[str, int | None]]
) -> None:
    file = tmp_path / "hist"
    file.write_bytes(content)
    report = histories.run(store, shell, file)
    assert [(command.line, command.started_ns) for command in histories.stored(store)] == expected
    assert (report.read, report.added, report.broken_count) == (len(expected), len(expected), 0)
    assert {command.session for command in histories.stored(store)} <= {f"{shell}:{file}"}


def test_zsh_tells_how_long_a_command_ran(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "hist"
    file.write_bytes(b": 1:7;sleep 7\n: 9:0;ls\n")
    histories.run(store, "zsh", file)
    assert [command.duration_ns for command in histories.stored(store)] == [7 * S, None]


BROKEN = [
    ("zsh", b": 1:0;ls\n: 1700\n: 17:x;cd\n", ["ls"], (2, 3)),
    ("zsh", b": 1:0;nul \x83 here\nls\n", ["ls"], (1,)),
    ("fish", b"stray\n- cmd: ls\n  when: 5\nxx\n- cmd: cd\n  when: soon\n", ["ls", "cd"], (1, 4, 6)),
    ("bash", b"ls\nholes \0\0\0 here\ncd\n", ["ls", "cd"], (2,)),
    ("bash", b"ls\n" + b"x" * (1 << 20) + b"yz\ncd\n", ["ls", "cd"], (2,)),
    ("bash", b"#99999999999\nls\n", ["ls"], (2,)),
]


@pytest.mark.parametrize(("shell", "content", "kept", "broken"), BROKEN)
def test_what_is_broken_is_told_by_its_place_and_the_rest_is_kept(
    tmp_path: Path, shell: str, content: bytes, kept: list[str], broken: tuple[int, ...]
) -> None:
    file, store = tmp_path / "hist", Store(tmp_path / "data" / "history.db")
    file.write_bytes(content)
    report = histories.run(store, shell, file)
    assert histories.lines(store) == kept
    assert [place.position for place in report.broken] == [f"line {number}" for number in broken]
    assert all(place.reason for place in report.broken)


def test_a_line_that_is_not_utf8_is_counted(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "hist"
    file.write_bytes(b"echo \xe9\necho \xef\xbf\xbd\necho \xe9\n")  # Latin-1, a real U+FFFD, and Latin-1 again
    assert histories.run(store, "bash", file).undecodable == 2


@settings(deadline=None)  # other work on the machine is no failure
@given(st.binary())
def test_zsh_means_every_byte(data: bytes) -> None:
    special = (0, *range(0x83, 0xA3))
    meta = b"".join(bytes([0x83, byte ^ 0x20]) if byte in special else bytes([byte]) for byte in data)
    assert zsh.unmetafied(meta) == data


LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t\\ :;'#\x1b")).filter(str.strip),
    max_size=8,
)


def parsed(parse: Parser, content: bytes) -> list[tuple[str, int | None]]:
    entries = list(parse(io.BytesIO(content)))
    assert not any(isinstance(entry, Broken) for entry in entries)
    return [(entry.line.decode(), entry.started_ns) for entry in entries if isinstance(entry, Entry)]


@pytest.mark.parametrize(
    ("write", "parse"), [(histories.zsh, zsh.parse), (histories.fish, fish.parse), (histories.bash, bash.parse)]
)
@settings(deadline=None)  # other work on the machine is no failure
@given(texts=LINES)
def test_random_lines_come_back(
    write: Callable[[list[histories.Timed]], bytes], parse: Parser, texts: list[str]
) -> None:
    end = "\n" if parse is bash.parse else ""
    timed = [(text.replace("\n#", "\n;") if end else text, 1_700_000_000 + i) for i, text in enumerate(texts)]
    assert parsed(parse, write(timed)) == [(text + end, time * S) for text, time in timed]


@settings(deadline=None)  # other work on the machine is no failure
@given(texts=LINES)
def test_random_lines_come_back_from_a_zsh_without_times(texts: list[str]) -> None:
    assert parsed(zsh.parse, histories.zsh_plain(texts)) == [(text, None) for text in texts]
