"""Lines → commands and signs, bash's and xonsh's."""

from __future__ import annotations

import pytest

from assistant_core.knowledge.parse import MAX_DEPTH, MAX_LINE, MAX_PIECES, parse
from assistant_core.knowledge.pieces import Command, Sign
from assistant_core.knowledge.xonsh import mask


def commands(line: str) -> list[list[str]]:
    return [[word.value for word in piece.words] for piece in parse(line).pieces if isinstance(piece, Command)]


def signs(line: str) -> list[tuple[str, str]]:
    return [(piece.key, line[piece.start : piece.end]) for piece in parse(line).pieces if isinstance(piece, Sign)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tar -x 'a b' \"c d\" e\\ f", [["tar", "-x", "a b", "c d", "e f"]]),
        ("a | b && c; d &", [["a"], ["b"], ["c"], ["d"]]),
        ("A=1 b c", [["b", "c"]]),
        ("a > b 2>&1 c", [["a", "c"]]),
        (">f a", [["a"]]),
        ("if [ -f x ]; then a; else b; fi", [["[", "-f", "x", "]"], ["a"], ["b"]]),
        ("[[ -n $x ]] && a", [["[[", "-n", "$x", "]]"], ["a"]]),
        ("for f in *; do a $f; done", [["a", "$f"]]),
        ("f() { a; }; (b)", [["a"], ["b"]]),
        ("export A=b", [["export", "A=b"]]),
        ("cat <<E | wc -l\nx y\nE", [["cat"], ["wc", "-l"]]),
        ("echo x`date`y $(b c)", [["echo", "x`date`y", "$(b c)"], ["date"], ["b", "c"]]),
        ("echo # rm x", [["echo"]]),
        ("tar -x 'a b", [["tar", "-x", "a b"]]),
        ("$(a $(b $(c", [["$(a $(b $(c"], ["a", "$(b $(c"], ["b", "$(c"], ["c"]]),
        ("ls &&", [["ls"]]),
        ("ls ) -x", [["ls", "-x"]]),
        ("ls > out -l 2>&1 x | wc", [["ls", "-l", "x"], ["wc"]]),
        ("> out ls -l", [["ls", "-l"]]),
        ("größe -ä 'ß'", [["größe", "-ä", "ß"]]),
        ("$[ls -l] and ![cat x] or b", [["$[ls -l]"], ["ls", "-l"], ["![cat x]"], ["cat", "x"], ["b"]]),
        ("x = !(ls -l)", [["!(ls -l)"], ["ls", "-l"]]),
        ("ls e>o all>> f", [["ls"]]),
        ("$A=1 ls", [["ls"]]),
        ("import os", []),
        ("for x in range(3): print(x)", []),
        ("", []),
    ],
)
def test_commands(line: str, expected: list[list[str]]) -> None:
    assert commands(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a | b |& c && d || e; f &", [(key, key) for key in ("|", "|&", "&&", "||", ";", "&")]),
        ("a > x 2>> y < z", [(">", "> x"), ("2>>", "2>> y"), ("<", "< z")]),
        ("a 2>&1 &> x <<< w", [("2>&1", "2>&1"), ("&>", "&> x"), ("<<<", "<<< w")]),
        ("a $x ${y:-z} $((1+2)) $[1+2]", [("$VAR", "$x"), ("${", "${y:-z}"), ("$((", "$((1+2))"), ("$((", "$[1+2]")]),
        ("a *.c '*' \"?\" [ab] x{1,2} ~/d", [("glob", "*.c"), ("glob", "[ab]"), ("{,}", "x{1,2}"), ("~", "~/d")]),
        ("! a", [("!", "!")]),
        ("diff <(a) >(b)", [("<(", "<(a)"), (">(", ">(b)")]),
        ("A=1 b", [("prefix=", "A=1")]),
        ("A=1", [("=", "A=1")]),
        ("a # b", [("#", "# b")]),
        ("a e> x all>> y err>out", [("2>", "e> x"), ("&>>", "all>> y"), ("2>&1", "err>out")]),
        ("a and b or c", [("and", "and"), ("or", "or")]),
        ("a @(b + 1) g`*.c` r`.*` @f`x`", [("@(", "@(b + 1)"), ("g`", "g`*.c`"), ("r`", "r`.*`"), ("@`", "@f`x`")]),
        ("a @(b|c) !(d)", [("glob", "@(b|c)"), ("glob", "!(d)")]),
        ("a 'x and y e> z $[b]'", []),
        ("a @$(b)", [("@$(", "@$(b)")]),
        ("$A = 1", [("$=", "$A =")]),
        ("import os", [("python", "import os")]),
        ("f() { a; }", [("function", "f() "), ("{", "{"), (";", ";")]),
    ],
)
def test_signs(line: str, expected: list[tuple[str, str]]) -> None:
    assert signs(line) == expected


def test_depth_follows_nesting() -> None:
    found = {piece.words[0].value: piece.depth for piece in parse("a $(b `c`); (d); for x in y; do e; done").pieces
             if isinstance(piece, Command)}  # fmt: skip
    assert found == {"a": 0, "b": 2, "c": 4, "d": 1, "e": 1}


@pytest.mark.parametrize(
    "line", ["ls $[x] é and b", "a @(1) ![b] e>o", "x = $(y)", "$X=1 a", "import os", "\x00\n\t", ""]
)
def test_masking_keeps_every_offset(line: str) -> None:
    masked = mask(line).text
    assert len(masked) == len(line)
    assert masked.isascii()


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "$(",
        '"$(',
        "a&&",
        "{ ",
        "$[ ",
        "`",
        "<<a ",
        "a|",
        "${a:-",
        "[[ ",
        "![",
        "@(",
        "'",
        "x > ",
        "a ",
        "\\",
        "é\x00",
    ],
)
def test_hostile_lines_are_bounded(unit: str) -> None:
    parsed = parse((unit * 100_000)[:100_000])
    assert len(parsed.pieces) <= MAX_PIECES + 2 * MAX_LINE
    assert not parsed.complete
    assert max((piece.depth for piece in parsed.pieces), default=0) <= 2 * MAX_DEPTH + 2
