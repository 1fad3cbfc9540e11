"""`assistant guard`: verdicts, modes, rules, permissions, corrections, the log and the replay."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from program import record, run

from assistant_core.guard.policy import Judged, Policy
from assistant_core.records import Command, Verdict
from assistant_core.settings import Paths

Environ = dict[str, str]

OWN = """\
# mine
[[rule]]
name = "deploy-production"
program = ["deploy"]
arg1 = "^prod"
verdict = "block"
reason = "deploys {args}"
positive = ["deploy prod"]
negative = ["deploy staging"]
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository, and the current directory."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def own(paths: Paths, text: str) -> None:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.guard_rules.write_text(text)


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (["ls", "-la"], 0, "allow, READ"),
        (["rm", "-rf", "/"], 1, "block, DELETE"),
        (["git push --force"], 1, "warn, UPDATE"),
        (["--", "rm", "-rf", "~"], 1, "block, DELETE"),
    ],
)
def test_explain(words: list[str], code: int, shown: str, environ: Environ) -> None:
    plain = run(environ, "guard", "explain", *words)
    assert (plain.code, plain.out.splitlines()[0], plain.err) == (code, shown, "")
    found = run(environ, "guard", "explain", "--json", *words).json
    assert f"{found['decision']}, {found['crud']}" == shown
    assert found["micros"] >= 0
    assert run(environ, "guard", "explain").code == 2


def test_explain_says_all(environ: Environ, paths: Paths, repo: Path) -> None:
    own(paths, "disabled = 3")
    found = run(environ, "guard", "explain", "rm", "-rf", "docs")
    assert [line.split("  ")[0] or line.split()[0] for line in found.out.splitlines()][1:] == [
        "warn, DELETE", "why", "target", "safer", "rule", "judged",
    ]  # fmt: skip
    assert f"target  {repo}/docs" in found.out
    assert f"{paths.guard_rules}: " in found.out.splitlines()[0]


def test_the_lines_of_a_file(environ: Environ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"ls\n\nrm -rf /\necho \xff\n")
    shown = run(environ, "guard", "test", str(file))
    assert shown.code == 1
    assert shown.out.splitlines() == [
        "allow  READ    ls",
        "block  DELETE  rm -rf /  # rm-recursive-wide",
        "allow  READ    echo \\xff",
        "3 lines, 1 would be asked about",
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("ls\n"))
    found = run(environ, "guard", "test", "-", "--json")
    assert (found.code, found.json["asked"], found.json["lines"][0]["decision"]) == (0, 0, "allow")
    missing = run(environ, "guard", "test", str(tmp_path / "none"))
    assert (missing.code, str(tmp_path / "none") in missing.err) == (2, True)


def test_modes(environ: Environ, paths: Paths) -> None:
    def mode() -> str:
        return run(environ, "guard", "mode").out.strip()

    assert mode() == "ask"
    assert run(environ, "guard", "off") == (0, "the guard is off in all shells\n", "")
    assert mode() == "off"
    assert run(environ, "guard", "on", "--json").json["mode"] == "ask"
    assert mode() == "ask"
    assert run(environ, "guard", "mode", "strict").code == 0
    assert run(environ, "guard", "on").code == 0
    assert mode() == "strict"
    assert run(environ, "config", "set", "guard.enabled", "no").code == 0
    assert mode() == "off"
    assert run(environ, "guard", "on").code == 0
    assert mode() == "strict"
    assert run(environ, "guard", "mode", "lax").code == 2
    wrong = run(environ, "config", "set", "guard.mode", "lax")
    assert (wrong.code, "expected off or warn or ask or strict" in wrong.err) == (2, True)
    environ["XONTRIB_ASSISTANT_GUARD_MODE"] = "warn"
    assert "goes first: warn" in run(environ, "guard", "off").out
    assert 'mode = "off"' in paths.settings.read_text()


def test_rules_are_listed_and_shown(environ: Environ, paths: Paths) -> None:
    own(paths, OWN + OWN.replace("deploy-production", "git-push-force").replace('["deploy"]', '["git"]', 1))
    rows = run(environ, "guard", "rules", "list", "--json").json["rules"]
    states = {(row["name"], row["origin"]): row["state"] for row in rows}
    assert states["deploy-production", "own"] == "on"
    assert states["git-push-force", "shipped"] == "replaced"
    assert states["rm-recursive-wide", "shipped"] == "on"
    some = run(environ, "guard", "rules", "list", "--program", "deploy")
    assert some == (0, "on  block  deploy-production  deploy  deploys {args}\n", "")
    assert run(environ, "guard", "rules", "list", "--program", "none").code == 1
    shown = run(environ, "guard", "rules", "show", "deploy-production").out.splitlines()
    assert shown[:4] == ["# own, on", "[[rule]]", 'name = "deploy-production"', 'program = ["deploy"]']
    assert run(environ, "guard", "rules", "show", "rm-recursive-wide", "--json").json["rule"]["targets"] == ["wide"]
    assert "nearest is 'rm-recursive-wide'" in run(environ, "guard", "rules", "show", "rm-recursive-wid").err
    assert run(environ, "guard", "rules", "path") == (0, f"{paths.guard_rules}\n", "")


def test_a_rule_is_switched_off_and_on(environ: Environ, paths: Paths) -> None:
    own(paths, OWN)
    for name, line in (("git-push-force", "git push --force"), ("deploy-production", "deploy prod")):
        assert run(environ, "guard", "explain", line).code == 1
        assert run(environ, "guard", "rules", "off", name).code == 0
        assert run(environ, "guard", "rules", "off", name).code == 1
        assert run(environ, "guard", "explain", line).code == 0
        assert run(environ, "guard", "rules", "on", name).code == 0
        assert run(environ, "guard", "rules", "on", name).code == 1
        assert run(environ, "guard", "explain", line).code == 1
    assert paths.guard_rules.read_text().startswith("# mine\n")
    assert run(environ, "guard", "rules", "off", "nothing").code == 2


@pytest.mark.parametrize(
    ("text", "code", "shown"),
    [
        ("", 0, "there is no rule of your own"),
        (OWN, 0, "deploy-production: as its examples say"),
        (OWN.replace('"deploy prod"', '"deploy it"'), 1, "deploy-production: does not fire"),
        (f'disabled = ["nothing"]\n{OWN}', 1, "disabled: there is no rule 'nothing'"),
        ("[[rule]]\n", 1, "required field `name`"),
        ("[[rule", 1, "Expected"),
    ],
)
def test_examples_are_run(text: str, code: int, shown: str, environ: Environ, paths: Paths) -> None:
    own(paths, text)
    found = run(environ, "guard", "rules", "test")
    assert (found.code, found.err) == (code, "")
    assert shown in found.out
    assert run(environ, "guard", "rules", "test", "--json").code == code


@pytest.mark.usefixtures("repo")
def test_permissions(environ: Environ, paths: Paths) -> None:
    def asks(line: str) -> bool:
        return run(environ, "guard", "explain", line).code == 1

    assert run(environ, "guard", "allow", "list").code == 1
    added = run(environ, "guard", "allow", "add", "rm -rf docs", "--days", "2", "--why", "made anew")
    assert (added.code, added.out) == (0, f"allowed in {Path.cwd()}: rm -rf docs\n")
    assert run(environ, "guard", "allow", "add", "rm -rf a b", "--scope", "always", "--target").code == 0
    assert [asks(line) for line in ("rm -rf docs", "rm -fr docs", "rm -r ./a", "rm -rf c")] == [
        False,
        True,
        False,
        True,
    ]
    listed = run(environ, "guard", "allow", "list", "--json").json["allowed"]
    assert [(row["number"], row["line"], row["why"][:4]) for row in listed] == [
        (1, "rm -rf docs", "made"),
        (2, None, "dele"),
    ]
    assert run(environ, "guard", "allow", "list").out.splitlines()[1].endswith("a, " + str(Path.cwd() / "b"))
    assert run(environ, "guard", "allow", "add", "ls").code == 1
    assert run(environ, "guard", "allow", "remove", "1").code == 0
    assert asks("rm -rf docs")
    assert run(environ, "guard", "allow", "remove", "9").code == 1
    paths.guard_allowed.write_text("[")
    for words in (["add", "rm -rf docs"], ["remove", "1"]):
        broken = run(environ, "guard", "allow", *words)
        assert (broken.code, str(paths.guard_allowed) in broken.err) == (2, True)
    assert run(environ, "guard", "allow", "list").code == 1


def test_what_cannot_be_allowed(environ: Environ, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targetless = run(environ, "guard", "allow", "add", "git push --force", "--target")
    assert (targetless.code, "without --target" in targetless.err) == (2, True)
    (repo / ".assistant").mkdir()
    (repo / ".assistant" / "guard.toml").write_text(OWN)
    assert "a rule of the project stops this line" in run(environ, "guard", "allow", "add", "deploy prod").out
    assert run(environ, "guard", "explain", "deploy prod").code == 1
    monkeypatch.chdir(repo.parent)
    outside = run(environ, "guard", "allow", "add", "git push --force")
    assert (outside.code, "--scope always" in outside.err) == (2, True)


def test_corrections(environ: Environ, paths: Paths) -> None:
    assert run(environ, "guard", "corrections").code == 1
    said = run(environ, "guard", "correct", "git reset --hard", "--expected", "READ")
    assert said == (0, "warn, DELETE -> allow, READ: git reset --hard\n", "")
    assert run(environ, "guard", "explain", "git reset --hard").out.startswith("allow, READ; let pass: correction\n")
    assert run(environ, "guard", "correct", "make x", "--expected", "DELETE", "--decision", "block").code == 0
    assert run(environ, "guard", "explain", "make x").out.startswith("block, DELETE\n")
    exported = [json.loads(line) for line in run(environ, "guard", "corrections").out.splitlines()]
    assert [(row["line"], row["judged_decision"], row["crud"]) for row in exported] == [
        ("git reset --hard", "warn", "READ"),
        ("make x", "allow", "DELETE"),
    ]
    assert run(environ, "guard", "corrections", "--json").json["corrections"] == exported
    assert run(environ, "guard", "correct", " ", "--expected", "READ").code == 2
    paths.guard_corrections.write_text("{}\n")
    broken = run(environ, "guard", "corrections")
    assert (broken.code, "line 1" in broken.err) == (2, True)


def test_the_log_and_its_counts(environ: Environ, paths: Paths) -> None:
    assert run(environ, "guard", "log").code == 1
    assert run(environ, "guard", "stats").code == 1
    policy = Policy(paths, lambda: "ask")
    verdict = Verdict(decision="block", crud="DELETE", rules=("rm-recursive-wide",))
    for number, answer in enumerate(("yes", "stopped", "stopped", "")):
        policy.audit(f"rm -rf /{number}", Judged(verdict, "" if answer else "always"), answer, 10 * number)
    shown = run(environ, "guard", "log", "-n", "2").out.splitlines()
    assert [line.split("  ")[2:] for line in shown] == [["stopped", "rm -rf /2"], ["always", " rm -rf /3"]]
    assert len(run(environ, "guard", "log", "--json").json["events"]) == 4
    found = run(environ, "guard", "stats")
    assert found.out.splitlines()[:3] == [
        "4 lines judged, 3 asked about",
        "1 run anyway, 2 stopped, 1 let pass unasked",
        "judged in 10 µs (half of them), 30 µs (99 of 100)",
    ]
    assert found.out.splitlines()[-1].split() == ["rm-recursive-wide", "4", "3", "1", "2"]


def test_replay(environ: Environ, paths: Paths, repo: Path) -> None:
    assert run(environ, "guard", "replay").code == 1
    lines = ["ls", "rm -rf docs", "rm -rf docs", "rm -rf /", "git push --force"]
    record(paths.history, [Command(line=line, session="s", cwd=str(repo)) for line in lines])
    record(paths.history, [Command(line="rm -rf /", session="p", author="program")])
    assert run(environ, "guard", "allow", "add", "git push --force").code == 0
    found = run(environ, "guard", "replay", "--json").json
    assert [found[name] for name in ("commands", "asked", "warned", "blocked", "share")] == [5, 3, 2, 1, 0.6]
    assert found["rules"] == [{"rule": "rm-recursive-scoped", "count": 2}, {"rule": "rm-recursive-wide", "count": 1}]
    assert found["reasons"][0]["line"] == "rm -rf docs"
    assert run(environ, "guard", "replay", "--limit", "2", "--json").json["commands"] == 1
    assert "5 commands, 3 would have been asked about (60.00%)" in run(environ, "guard", "replay").out
