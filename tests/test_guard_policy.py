"""What the user decides about the guard: own rules, a project's, allow-lists, corrections, the log."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from assistant_core.guard import Context, audit, userrules
from assistant_core.guard.allowlist import AllowList
from assistant_core.guard.audit import Audit, Event, summary
from assistant_core.guard.corrections import Corrections
from assistant_core.guard.evaluate import Evaluator
from assistant_core.guard.policy import FAILED, Judged, Policy, Scope, git_root
from assistant_core.records import Crud, Decision, Verdict
from assistant_core.settings import Paths

OWN = """\
disabled = ["git-push-force"]

[[rule]]
name = "deploy-production"
program = ["deploy", "ship"]
arg1 = "^prod"
verdict = "block"
crud = "UPDATE"
reason = "deploys {args} for everybody"
safer = "deploy staging"
positive = ["deploy prod", "sudo ship production"]
negative = ["deploy staging"]

[[rule]]
name = "rm-scratch"
program = ["rm"]
args = "^/scratch/"
verdict = "allow"
positive = ["rm -rf /scratch/x"]

[[rule]]
name = "rm-recursive-scoped"
program = ["rm"]
options = ["--recursive"]
verdict = "block"
reason = "no recursion"
positive = ["rm -r a"]
negative = ["rm a"]
"""
PROJECTS = """\
disabled = ["rm-recursive-wide"]
[[rule]]
name = "make-deploy"
program = ["make"]
args = "^deploy$"
verdict = "block"
reason = "deploys"
safer = "rm -rf /"
[[rule]]
name = "ls-warned"
program = ["ls"]
verdict = "warn"
reason = "lists"
safer = "echo no"
[[rule]]
name = "rm-is-fine"
program = ["rm"]
verdict = "allow"
"""


class Place:
    """A user with a git repository, and a policy that tells what it is told."""

    def __init__(self, paths: Paths, home: Path) -> None:
        self.paths = paths
        self.told: list[str] = []
        self.failures: list[Exception] = []
        self.mode = "ask"
        self.repo = home / "repo"
        (self.repo / ".git").mkdir(parents=True)
        self.here = Context({"HOME": str(home)}, str(self.repo), str(home))
        self.policy = self.new()

    def new(self) -> Policy:
        return Policy(self.paths, lambda: self.mode, tell=self.told.append, failed=self.failures.append)

    def judge(self, line: str, cwd: str = "") -> Judged:
        return self.policy.judge(line, self.here._replace(cwd=cwd or self.here.cwd))

    def decision(self, line: str) -> str:
        return self.judge(line).verdict.decision

    def allow(self, line: str, scope: Scope, days: int | None = None) -> None:
        self.policy.allow(line, self.judge(line).verdict, scope, self.here, days=days)

    def own(self, text: str) -> None:
        write(self.paths.guard_rules, text)

    def project(self, text: str) -> None:
        write(self.repo / ".assistant" / "guard.toml", text)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def place(paths: Paths, tmp_path: Path) -> Place:
    return Place(paths, tmp_path)


@pytest.mark.parametrize(
    ("line", "decision", "rules"),
    [
        ("deploy prod", "block", ("deploy-production",)),
        ("sudo ship production", "block", ("deploy-production",)),
        ("bash -c 'deploy prod'", "block", ("deploy-production",)),
        ("deploy staging", "allow", ()),
        ("git push --force", "allow", ()),
        ("rm -rf /scratch/x", "allow", ()),
        ("rm -rf docs", "block", ("rm-recursive-scoped",)),
        ("rm notes.txt", "allow", ()),
        ("git reset --hard", "warn", ("git-reset-hard",)),
    ],
)
def test_own_rules_go_first(line: str, decision: str, rules: tuple[str, ...], place: Place) -> None:
    place.own(OWN)
    found = place.judge(line).verdict
    assert (found.decision, found.rules, place.told) == (decision, rules, [])


def test_a_changed_file_counts_at_once(place: Place) -> None:
    assert place.decision("deploy prod") == "allow"
    place.own(OWN)
    assert place.decision("deploy prod") == "block"
    place.own(OWN.replace("^prod", "^live"))
    assert place.decision("deploy prod") == "allow"
    place.paths.guard_rules.unlink()
    assert place.decision("git push --force") == "warn"


RULE = '[[rule]]\nname = "x"\nprogram = ["x"]\nverdict = "warn"\nreason = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("disabled = [", "Invalid value"),
        ("disabled = 3", "$.disabled"),
        (RULE.replace("warn", "stop"), "verdict"),
        (RULE.replace('program = ["x"]', ""), "rule 'x': program is missing"),
        (RULE.replace('reason = "x"', ""), "rule 'x': reason is missing"),
        (RULE + 'args = "("', "rule 'x': '(' is no regular expression"),
        (RULE + 'options = ["-a=("]', "is no regular expression"),
        (RULE + 'text = "(a+)+$"', "rule 'x': '(a+)+$' repeats a group"),
        (RULE + 'options = ["-a=(a|a)*b"]', "'(a|a)*b' repeats a group"),
        (RULE + 'args = ".*.*.*x"', "can take too long"),
        (RULE + f'last = "{"a?" * 25}{"a" * 25}"', "can take too long"),
        (RULE + f'no_args = "{"(a|a)" * 25}b"', "can take too long"),
        (RULE + 'fed_by = "(?x)(a+) +"', "unusual kind"),
        (RULE + 'targets = ["everywhere"]', "no target class 'everywhere'"),
        (RULE + 'count = "many"', "count is 'many'"),
        (RULE + 'safer = "x {targt}"', "cannot be filled in"),
        (RULE + 'safer = "x {0}"', "cannot be filled in"),
        (RULE + 'colour = "red"', "colour"),
        (RULE + RULE, "two rules are called 'x'"),
    ],
)
def test_a_broken_file_is_told_once_and_the_shipped_rules_stay(text: str, message: str, place: Place) -> None:
    place.own(text)
    assert [place.decision(line) for line in ("rm -rf /", "git push --force", "ls")] == ["block", "warn", "allow"]
    assert len(place.told) == 1
    assert message in place.told[0]
    assert str(place.paths.guard_rules) in place.told[0]


def test_bytes_that_are_no_text_are_told_of(place: Place) -> None:
    place.paths.config.mkdir(parents=True)
    place.paths.guard_rules.write_bytes(b"\xff")
    assert place.decision("rm -rf /") == "block"
    assert len(place.told) == 1


@pytest.mark.parametrize(
    ("line", "decision", "safer"),
    [
        ("make deploy", "block", None),
        ("ls", "warn", "echo no"),
        ("rm -rf /", "block", "ls -la /"),
        ("rm -rf docs", "warn", "ls -la docs"),
        ("make", "allow", None),
    ],
)
def test_a_project_can_only_raise(line: str, decision: str, safer: str | None, place: Place) -> None:
    place.project(PROJECTS)
    found = place.judge(line).verdict
    assert (found.decision, found.safer) == (decision, safer)
    assert place.policy.judge(line, place.here._replace(cwd="/")).verdict == place.policy.uncorrected(
        line, place.here._replace(cwd="/")
    )


def test_a_project_does_not_undo_what_the_user_switched_off(place: Place) -> None:
    place.own(OWN)
    place.project(PROJECTS)
    assert place.decision("git push --force") == "allow"


def test_a_projects_file_that_is_no_file_is_left_alone(place: Place) -> None:
    (place.repo / ".assistant").mkdir()
    os.mkfifo(place.repo / ".assistant" / "guard.toml")
    assert place.decision("ls") == "allow"
    assert len(place.told) == 1


@pytest.mark.parametrize("scope", ["session", "project", "always"])
def test_an_allowed_line_passes_as_far_as_its_scope(scope: Scope, place: Place, tmp_path: Path) -> None:
    line = "git push --force"
    place.allow(line, scope)
    judged = place.judge(f" {line}\n")
    assert (judged.verdict.decision, judged.allowed_by) == ("warn", scope)
    assert place.judge(f"{line} origin").allowed_by == ""
    assert place.judge(line, str(tmp_path)).allowed_by == ("" if scope == "project" else scope)
    assert place.new().judge(line, place.here).allowed_by == ("" if scope == "session" else scope)


def test_once_is_not_kept(place: Place) -> None:
    place.allow("git push --force", "once")
    assert place.judge("git push --force").allowed_by == ""
    assert not place.paths.guard_allowed.exists()


@pytest.mark.parametrize(
    ("allowed", "line"),
    [("rm -rf docs", "rm -rf docs"), ("rm -rf $OUT", "rm -rf $OUT"), ("cd x; rm -rf docs", "cd x; rm -rf docs")],
)
def test_an_allowed_line_with_other_targets_is_asked_about(allowed: str, line: str, place: Place) -> None:
    place.here.environ["OUT"] = "/srv/a/b"  # type: ignore[index] # a dict of this test's
    place.allow(allowed, "always")
    assert place.judge(line).allowed_by == "always"
    place.here.environ["OUT"] = "/srv/a/c"  # type: ignore[index] # a dict of this test's
    assert place.judge(line, str(place.repo.parent)).allowed_by == ""


def test_permissions_end(place: Place) -> None:
    place.allow("git push --force", "always", days=1)
    entry = json.loads(place.paths.guard_allowed.read_text())[0]
    assert entry["expires"] - entry["at"] == 86_400
    assert entry["why"] == "overwrites the history of the remote branch"
    assert place.paths.guard_allowed.stat().st_mode & 0o777 == 0o600
    entry["expires"] = int(time.time()) - 1
    place.paths.guard_allowed.write_text(json.dumps([entry]))
    assert place.judge("git push --force").allowed_by == ""


def test_nothing_passes_what_a_project_blocks(place: Place) -> None:
    place.project(PROJECTS)
    for line, by in (("make deploy", ""), ("ls", "always")):
        place.allow(line, "always")
        Corrections(place.paths.guard_corrections, place.told.append).add(line, place.judge(line).verdict, "READ", None)
        assert place.judge(line).allowed_by == by


def test_outside_a_repository_project_is_this_session(place: Place, tmp_path: Path) -> None:
    context = place.here._replace(cwd=str(tmp_path))
    place.policy.allow("git push -f", place.policy.judge("git push -f", context).verdict, "project", context)
    assert place.policy.judge("git push -f", context).allowed_by == "session"
    assert "in no git repository" in place.told[0]


def test_secrets_are_cut_and_the_line_still_known(place: Place) -> None:
    line = "mysql -u root --password=hunter2hunter2 -e 'drop database shop'"
    place.allow(line, "always")
    assert place.judge(line).allowed_by == "always"
    assert "hunter2" not in place.paths.guard_allowed.read_text()


def test_a_broken_list_is_told_and_not_written_over(place: Place) -> None:
    write(place.paths.guard_allowed, "[{")
    place.allow("git push --force", "always")
    assert place.judge("git push --force").allowed_by == "session"
    assert place.paths.guard_allowed.read_text() == "[{"
    assert all(str(place.paths.guard_allowed) in said for said in place.told)


def test_permissions_are_taken_back_by_number(place: Place) -> None:
    for line in ("git push --force", "git reset --hard"):
        place.allow(line, "always")
    kept = AllowList(place.paths.guard_allowed, place.told.append)
    assert kept.remove(3) is None
    assert kept.remove(0) is None
    removed = kept.remove(1)
    assert removed is not None
    assert removed.line == "git push --force"
    assert [each.line for each in kept.entries()] == ["git reset --hard"]


@pytest.mark.parametrize(
    ("line", "crud", "decision", "after", "gravest"),
    [
        ("git reset --hard", "READ", None, ("allow", "READ", "correction"), "warn"),
        ("git reset --hard", "UPDATE", None, ("warn", "UPDATE", ""), "warn"),
        ("git reset --hard", "DELETE", "block", ("block", "DELETE", ""), "block"),
        ("make clean-db", "DELETE", None, ("warn", "DELETE", ""), "warn"),
        ("make clean-db", "READ", None, ("allow", "READ", ""), "allow"),
        ("make clean-db", "DELETE", "allow", ("allow", "DELETE", ""), "allow"),
    ],
)
def test_corrections_count_at_once(  # noqa: PLR0913, PLR0917 - a row of the table
    line: str, crud: Crud, decision: Decision | None, after: tuple[str, str, str], gravest: Decision, place: Place
) -> None:
    before = place.judge(line).verdict
    made = Corrections(place.paths.guard_corrections, place.told.append)
    made.add(line, before, crud, decision)
    judged = place.judge(line)
    assert (judged.verdict.decision, judged.verdict.crud, judged.allowed_by) == after
    assert judged.gravest == gravest
    assert place.judge(f"{line} x").verdict == place.policy.uncorrected(f"{line} x", place.here)
    assert [each.judged_crud for each in made.all()] == [before.crud]
    assert place.paths.guard_corrections.stat().st_mode & 0o777 == 0o600


def test_a_correction_does_not_let_other_targets_pass(place: Place, tmp_path: Path) -> None:
    made = Corrections(place.paths.guard_corrections, place.told.append)
    made.add("rm -rf docs", place.judge("rm -rf docs").verdict, "READ", None)
    assert place.decision("rm -rf docs") == "allow"
    assert place.judge("rm -rf docs", str(tmp_path)).verdict.decision == "block"  # of a home


@pytest.mark.parametrize(
    ("mode", "line", "decision", "by"),
    [
        ("off", "rm -rf /", "allow", "mode"),
        ("warn", "rm -rf /", "block", "mode"),
        ("warn", "ls", "allow", ""),
        ("ask", "rm -rf /", "block", ""),
        ("strict", "git push --force", "warn", ""),
    ],
)
def test_modes(mode: str, line: str, decision: str, by: str, place: Place) -> None:
    place.mode = mode
    judged = place.judge(line)
    assert (judged.verdict.decision, judged.allowed_by) == (decision, by)


@pytest.mark.parametrize(
    ("argv", "decision"),
    [
        (["rm", "-rf", "/"], "block"),
        (["rm", "-rf", "*"], "warn"),  # a file of that name: patterns are expanded by now
        (["rm", "-rf", "$UNSET/"], "warn"),
        (["bash", "-c", "rm -rf ~"], "block"),
        (["echo", "rm -rf /; rm -rf ~"], "allow"),
        (["/bin/rm", "-rf", "/usr"], "block"),
        (["ls", "\ue001\udcff"], "allow"),
        ([], "allow"),
    ],
)
def test_words_that_are_expanded_already(argv: list[str], decision: str, place: Place) -> None:
    assert place.policy.judge_argv(argv, place.here).verdict.decision == decision


def test_an_allowed_call_is_known_as_the_line_of_its_words(place: Place) -> None:
    place.allow("git push --force", "session")
    assert place.policy.judge_argv(["git", "push", "--force"], place.here).allowed_by == "session"


def test_a_fault_of_ours_asks_once_and_a_rule_that_fitted_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Evaluator.judge

    def fail_at_echo(self: Evaluator, argv: list[str], *given: object) -> object:
        return judge(self, argv, *given) if argv[0] != "echo" else 1 / 0  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(Evaluator, "judge", fail_at_echo)
    first, second, third = (place.judge(line).verdict for line in ("echo a", "echo b", "rm -rf /; echo c"))
    assert (first.decision, first.rules) == ("warn", (FAILED,))
    assert (second.decision, third.decision) == ("allow", "block")
    assert [type(error) for error in place.failures] == [ZeroDivisionError] * 3


@pytest.mark.parametrize(
    ("folder", "root"), [("repo/a/b", "repo"), ("repo", "repo"), (".", ""), ("gone/x", ""), ("repo/\0", "repo")]
)
def test_the_root_of_a_repository(folder: str, root: str, place: Place, tmp_path: Path) -> None:
    assert place.repo.exists()
    assert git_root(f"{tmp_path}/{folder}".removesuffix("/.")) == (f"{tmp_path}/{root}" if root else "")
    assert git_root("") == ""


VERDICT = Verdict(decision="block", crud="DELETE", rules=("rm-recursive-wide",))


def test_the_log_holds_no_secret_and_is_the_users_alone(place: Place) -> None:
    judged = Judged(VERDICT, "")
    place.policy.audit("curl -H 'Authorization: Bearer abcdefabcdef1234567890' x", judged, "yes", 40, 0)
    place.policy.audit("ls \udcff", judged, "stopped", 60)
    first, second = Audit(place.paths.guard_log).events()
    assert "abcdef" not in place.paths.guard_log.read_text()
    assert (first.answer, first.exit_code, first.rules) == ("yes", 0, ("rm-recursive-wide",))
    assert (second.answer, second.exit_code, second.cwd) == ("stopped", None, str(Path.cwd()))
    assert place.paths.guard_log.stat().st_mode & 0o777 == 0o600


def test_full_logs_are_moved_aside(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LARGEST", 1000)
    for number in range(100):
        place.policy.audit(f"line {number}", Judged(VERDICT, ""), "", number)
    found = [each.micros for each in Audit(place.paths.guard_log).events()]
    assert found == list(range(100 - len(found), 100))
    assert 1 + len(list(place.paths.state.glob("guard.jsonl.*"))) == 1 + audit.KEPT
    assert place.paths.guard_log.stat().st_size <= 1000


def test_a_log_that_cannot_be_written_stops_nothing(place: Place) -> None:
    place.paths.guard_log.mkdir(parents=True)
    place.policy.audit("ls", Judged(VERDICT, ""), "", 1)


def test_the_log_is_counted() -> None:
    def event(answer: str, by: str = "", micros: int = 10) -> Event:
        return Event.of("x", VERDICT, by, answer, micros, None)

    found = summary([event("yes"), event("stopped", micros=90), event("project"), event("", "always"), event("warned")])
    assert [found[name] for name in ("judged", "asked", "ran", "stopped", "passed")] == [5, 3, 2, 1, 1]
    assert (found["p50_us"], found["p99_us"]) == (10, 90)
    assert found["rules"][0]["rule"] == "rm-recursive-wide"
    assert found["rules"][0]["stopped"] == 1
    assert summary([])["p50_us"] is None


@pytest.mark.parametrize(
    ("change", "failures"),
    [
        (("", ""), []),
        (('positive = ["deploy prod", "sudo ship production"]', ""), ["there is no positive example"]),
        (('negative = ["deploy staging"]', ""), ["there is no negative example"]),
        (('negative = ["deploy staging"]', 'negative = ["deploy prod2"]'), ["fires on its negative example"]),
        (('"deploy prod"', '"deploy test"'), ["does not fire on its positive example 'deploy test': allow"]),
        (('safer = "deploy staging"', 'safer = "rm -rf /"'), ["advises 'rm -rf /', which is not allowed itself"] * 2),
    ],
)
def test_the_examples_of_own_rules(change: tuple[str, str], failures: list[str], place: Place) -> None:
    place.own(OWN.replace(*change) if change[0] else OWN)
    overlay = userrules.load(place.paths.guard_rules)
    found = [each for rule in overlay.own.rule for each in userrules.failures(overlay, rule)]
    assert len(found) == len(failures)
    assert all(said.startswith(wanted) for said, wanted in zip(found, failures, strict=True))
