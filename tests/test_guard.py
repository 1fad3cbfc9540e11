"""The guard's one rule, as a table: which spellings are stopped and which are not."""

from __future__ import annotations

import pytest

from assistant_core.guard import Context, classify
from assistant_core.guard.words import commands

HERE = Context({"HOME": "/home/ada", "EMPTY": "", "BUILD": "/var/build", "SLASH": "/"}, "/home/ada/src", "/home/ada")
AT_HOME = HERE._replace(cwd="/home/ada")


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf /",
        "rm -rf /*",
        "rm -r ~",
        "rm -R ~/",
        "rm --recursive ~/*",
        "rm --rec --force /",
        "rm -fr $HOME",
        'rm -rf "$HOME"',
        "rm -rf '$HOME'",  # xonsh expands within single quotes
        "rm -rf ${HOME}",
        "rm -rf ${'HOME'}/",
        "rm / -rf",
        "rm -v -f -r -- /",
        "rm -rf //",
        "rm -rf /./",
        "rm -rf /tmp/../",
        "rm -rf ./build /",
        "rm -rf /home",
        "rm -rf ../../ada",
        "rm -rf ~/.*",
        "rm -rf $UNSET/*",
        'rm -rf "$UNSET"/',
        "rm -rf $EMPTY/lib",
        "rm -rf /$EMPTY",
        "rm -rf ~/$EMPTY",
        "rm -rf $SLASH",
        r"\rm -rf /",
        '"rm" -rf /',
        "'r'm -rf /",
        "/bin/rm -rf /",
        "../../../bin/rm -rf /",
        "sudo rm -rf /",
        "sudo -u root -n rm -rf /",
        "sudo -- rm -rf /",
        "env LANG=C rm -rf /",
        "env -u PATH rm -rf /",
        "LANG=C rm -rf /",
        "$LANG='C' rm -rf /",
        "nohup rm -rf / &",
        "command rm -rf /",
        "sudo nice -n 10 env A=b nohup rm -rf /",
        "busybox rm -rf /",
        "@thread rm -rf /",
        "true; rm -rf /",
        "true;rm -rf /;true",
        "cd /tmp && rm -rf /",
        "false || rm -rf /",
        "echo a and rm -rf /",
        "yes | rm -rf /",
        "ls\nrm -rf /\nls",
        "rm -rf \\\n/",
        "(rm -rf /)",
        "{ rm -rf /; }",
        "if true; then rm -rf /; fi",
        "! rm -rf /",
        "echo $(rm -rf /)",
        'echo "$(rm -rf /)"',
        "echo `rm -rf /`",
        "![rm -rf /]",
        "$[rm -rf /]",
        "x = !(rm -rf /)",
        "rm -rf / > log 2>&1",
        "> log rm -rf /",
        "rm 2>/dev/null -rf /",
        "rm -rf / # all of it",
        "rm -rf / 'unclosed",
        'rm -rf "/',
    ],
)
def test_stopped(line: str) -> None:
    verdict = classify(line, HERE)
    assert (verdict.decision, verdict.crud, verdict.rules) == ("block", "DELETE", ("recursive-rm",))
    assert verdict.reasons
    assert all(target.startswith("/") for target in verdict.targets)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ls -la",
        "rm file",
        "rm -f /tmp/x",
        "rm /",  # a folder: rm refuses
        "rm -rf ./build",
        "rm -r ~/projects/x",
        "rm -rf ~/projects/*",
        "rm -rf *",
        "rm -rf $BUILD/*",
        "rm -rf ${UNSET:-/tmp/x}/y",
        "rm -rf $UNSET",  # nothing is left of the word
        "$D = '/tmp/x'; rm -rf $D/lib",
        "for d in a b; do rm -rf $d/x; done",
        "rm -rf $(pwd)/",
        "rm -rf @(folder)/",
        r"rm -rf \~",
        r"rm -rf \$HOME",
        'echo "rm -rf /"',
        "echo rm -rf /",
        "sudo echo rm -rf /",
        "# rm -rf /",
        "ls # ; rm -rf /",
        "git commit -m 'rm -rf / is bad'",
        "print('rm -rf /')",
        "grep -r 'rm -rf /' .",
        "man rm",
        "docker run --rm -it x /",
        "farm -r /",
        "rmdir -r /",
        "rm -rf 'it",
        "touch x > rm -rf /",
    ],
)
def test_let_through(line: str) -> None:
    assert classify(line, HERE).decision == "allow"


@pytest.mark.parametrize(
    ("line", "context", "targets"),
    [
        ("rm -rf *", AT_HOME, ("/home/ada",)),
        ("rm -rf .", AT_HOME, ("/home/ada",)),
        ("rm -rf ..", AT_HOME, ("/home",)),
        ("rm -rf / ~ $UNSET/lib", HERE, ("/", "/home/ada", "/lib")),
        ("rm -rf /; sudo rm -rf /", HERE, ("/",)),
    ],
)
def test_targets_are_resolved_where_the_line_would_run(line: str, context: Context, targets: tuple[str, ...]) -> None:
    assert classify(line, context).targets == targets


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("rm -rf ~/", "~/ is your home directory"),
        ("rm -rf $UNSET/*", "$UNSET is empty, so $UNSET/* is everything on this machine"),
        ("rm -rf ${EMPTY}/etc/x", "$EMPTY is empty: ${EMPTY}/etc/x means /etc/x"),
    ],
)
def test_the_reason_says_why(line: str, reason: str) -> None:
    assert classify(line, HERE).reasons == (reason,)


@pytest.mark.parametrize(
    "line",
    [
        piece * 20_000
        for piece in ("rm -r ", "'", '"', "$(", "`", "(", "[", "\\", "$", "1", "a=", "${", "<", "# ", "@", "*/")
    ]
    + [
        "rm -r " + piece * 20_000
        for piece in ("/", "../", "$X", "${X", "1", " ", "a ", "-", "*", "/*", "~", "\x00", "\ud800")
    ],
)
def test_hostile_lines_are_answered(line: str) -> None:
    assert classify(line, HERE).decision in ("allow", "block")


def test_without_a_context_this_process_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/grace")
    assert classify("rm -rf ~").targets == ("/home/grace",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a 'b c' \"d e\"f", [["a", "b c", "d ef"]]),
        ("a ''", [["a", ""]]),
        ("a 2>x b | c", [["a", "b"], ["c"]]),
        ("a `b` c", [["b"], ["a", "\x02", "c"]]),
        ('a "$(b "c d")" e', [["b", "c d"], ["a", "\x02", "e"]]),
    ],
)
def test_words(line: str, words: list[list[str]]) -> None:
    assert list(commands(line)) == words
