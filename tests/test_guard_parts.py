"""The guard's parts: both parsers, words, what commands print, places, calls and SQL, each by a table."""

from __future__ import annotations

import pytest

from assistant_core.guard import Context, calls, flows, paths, rules, sql, syntax, tokens, words
from assistant_core.guard.evaluate import Evaluator
from assistant_core.guard.report import Report
from assistant_core.guard.rulefile import Options, Payload, RuleFile
from assistant_core.guard.tree import Background, Command, Group, Pipeline, Redirect, Sequence

HERE = Context({"HOME": "/home/ada", "D": "/srv", "WORDS": "a b"}, "/home/ada/work/app", "/home/ada")
PLACE = paths.Place("/home/ada", "/home/ada/work/app", told=False)


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("ls -la", Command(("ls", "-la"))),
        ("A=1 b 'c d'", Command(("b", "'c d'"), (("A", "1"),))),
        ("a | b|c", Pipeline((Command(("a",)), Command(("b",)), Command(("c",))))),
        ("a && b; c", Sequence((Sequence((Command(("a",)), Command(("b",)))), Command(("c",))))),
        ("a >f 2>&1", Command(("a",), (), (Redirect(">", "", "f"), Redirect(">&", "2", "1")))),
        ("rm -r $1/$2", Command(("rm", "-r", "$1/$2"))),
        ("a > f b", Command(("a", "b"), (), (Redirect(">", "", "f"),))),
        ("(a; b)", Group(Sequence((Command(("a",)), Command(("b",)))), (), subshell=True)),
        ("a &", Background(Command(("a",)))),
        ("cat <<E\nx $y\nE\n", Command(("cat",), (), (Redirect("<<", "", "x $y\n"),))),
        ("cat <<'E'\nx\nE\n", Command(("cat",), (), (Redirect("<<", "", "x\n", quoted=True),))),
    ],
)
def test_the_grammar_gives_the_parts(line: str, tree: object) -> None:
    assert syntax.parse(line) == tree


@pytest.mark.parametrize(
    "line",
    [
        "ls -la",
        "A=1 b 'c d'",
        "a | b|c",
        "a >f 2>&1",
        "rm -r $1/$2",
        "a > f b",
        "a &",
        "cat <<E\nx $y\nE\n",
        "cat <<'E' | sh\nx\nE\n",
        'echo "$(a "b" c)" `d e`',
        "a <(b c) <<< 'd'",
    ],
)
def test_the_tolerant_parser_agrees_on_plain_lines(line: str) -> None:
    assert tokens.parse(line) == syntax.parse(line)


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("a", ["a"]),
        ("'a b'\"c\"d", ["a bc" + "d"]),
        (r"a\ b", ["a b"]),
        (r"$'\x41\t\102'", ["A\tB"]),
        ("~/x", ["/home/ada/x"]),
        ("~bob", ["/home/bob"]),
        ("$D/x", ["/srv/x"]),
        ("$WORDS", ["a", "b"]),
        ('"$WORDS"', ["a b"]),
        ("${NONE:-y}", ["y"]),
        ("${D:0:2}", ["/s"]),
        ("x{a,b{c,d}}", ["xa", "xbc", "xbd"]),
        ("{1..3}", ["1", "2", "3"]),
        ("$(echo /etc)", ["/etc"]),
        ("`printf %s /etc`", ["/etc"]),
        ("a$IFS-b", ["a", "-b"]),
        ("of=~/x", ["of=/home/ada/x"]),
        ("@('a b')", ["a b"]),
    ],
)
def test_words_are_resolved(word: str, fields: list[str]) -> None:
    assert words.fields(word, Evaluator(HERE, Report())) == fields


def test_braces_without_bound_end_in_an_unknown_word() -> None:
    found = words.braces("{a,b}" * 30)
    assert len(found) <= words.MOST_FIELDS + 1
    assert found[-1] == paths.UNKNOWN


@pytest.mark.parametrize(
    ("argv", "given", "text"),
    [
        (["echo", "a", "b"], "", "a b\n"),
        (["echo", "-e", r"\x41"], "", "A\n"),
        (["printf", "%s-%s", "a", "b"], "", "a-b"),
        (["base64", "-d"], "aGk=", "hi"),
        (["rev"], "abc", "cba"),
        (["tr", "a-y", "b-z"], "hal", "ibm"),
        (["xxd", "-r", "-p"], "6869", "hi"),
        (["base64", "-d"], "\N{SNOWMAN}", None),
        (["unheard-of"], "abc", None),
    ],
)
def test_what_commands_print(argv: list[str], given: str, text: str | None) -> None:
    assert flows.printed(argv, flows.NONE.of(text=given)).text == text


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("/", "root"),
        ("//./..", "root"),
        ("/*", "root"),
        ("/usr/lib", "system"),
        ("/etc/passwd", "critical"),
        ("/dev/sda1", "device"),
        ("/dev/null", "null"),
        ("/home/ada", "home"),
        ("/home/bob/*", "home"),
        ("/home/ada/photos", "home-child"),
        ("/home/ada/.ssh", "dotfile"),
        ("/home/ada/.ssh/config", "settings"),
        ("/home/ada/photos/2020", "below-home"),
        ("/home/ada/work/app/node_modules", "artefact"),
        ("/home/ada/work/app", "cwd"),
        ("*", "cwd"),
        ("..", "cwd"),
        ("src", "named"),
        ("src/*", "named"),
        ("*.csv", "glob"),
        ("./**/*.csv", "pattern"),
        ("./**", "tree"),
        ("./**/*.pyc", "artefact"),
        ("/etc/**/*.conf", "system"),
        ("x/.git", "git-dir"),
        ("/tmp/x", "temporary"),  # noqa: S108 - a name, no file
        ("host:x", "remote"),
        ("s3://b/x", "remote"),
        ("/opt/app/x", "below-system"),
        (f"{paths.EMPTY}/*", "collapsed"),
        (f"{paths.EMPTY}/data1", "unknown"),
        (f"{paths.UNKNOWN}/x", "unknown"),
    ],
)
def test_places_have_classes(word: str, kind: str) -> None:
    assert paths.classify(word, PLACE) == kind


FILE = RuleFile(
    program=["x"],
    flags=["-r -R --recursive", "-f --force"],
    values=["-n --name"],
    attached=["-p"],
    sub={"run": Options(values=["-e --env"])},
    payload=[Payload(origin="args", language="argv", sub=("run",), skip=1)],
)


@pytest.mark.parametrize(
    ("line", "options", "args", "payload"),
    [
        ("x -rf a", {"-r": [""], "-f": [""]}, ["a"], []),
        ("x a --rec --name=b", {"-r": [""], "-n": ["b"]}, ["a"], []),
        ("x -n b -nc -fnd", {"-n": ["b", "c", "d"], "-f": [""]}, [], []),
        ("x -psecret a -- -r", {"-p": ["secret"]}, ["a", "-r"], []),
        ("x run -e A=1 image sh -c y", {"-e": ["A=1"]}, ["run", "image"], ["sh", "-c", "y"]),
        ("x --nonsense - a", {"--nonsense": [""]}, ["-", "a"], []),
    ],
)
def test_calls_are_read(line: str, options: dict[str, list[str]], args: list[str], payload: list[str]) -> None:
    call = calls.read(line.split(), "gnu", calls.tables(FILE))
    assert (call.options, call.args, call.payload) == (options, args, payload)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT 1; drop table if exists `a`", [("select", "1", ""), ("drop", "table", "a")]),
        ("DELETE FROM a", [("delete", "all", "a")]),
        ("delete from a where 1=1", [("delete", "all", "a")]),
        ("delete from a where id = 3", [("delete", "where", "a")]),
        ("update a set b = 'where' -- where", [("update", "all", "a")]),
        ("truncate table a", [("truncate", "all", "a")]),
        ("alter table a drop column b", [("alter", "drop", "a")]),
        ("with x as (select 1) delete from a", [("delete", "all", "a")]),
        ("select 'drop table a'", [("select", "''", "")]),
        ("/* drop table a */", []),
    ],
)
def test_sql_is_read(text: str, found: list[tuple[str, str, str]]) -> None:
    assert list(sql.statements(text)) == found


def test_every_data_file_can_be_read() -> None:
    assert rules.plain_programs()["ls"] == "READ"
    assert rules.programs("sudo")
    assert not rules.programs("no-such-program")


@pytest.mark.parametrize("char", ["é", "\u0100", "\u3000", "\ufffd", "\U0001f980", "\U000f0753", "\U0010b3c0"])
def test_any_character_after_a_brace_is_read(char: str) -> None:
    shown = char.encode("utf-8", "replace").decode()
    for number in range(50):
        assert syntax.parse(f"echo a{{{char}{number}; ls {char}") == Sequence(
            (Command(("echo", f"a{{{shown}{number}")), Command(("ls", shown)))
        )
