"""Questions and failures → proposals: what comes first, what is said of each, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import known_requests
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_core.engine import registry
from assistant_core.engine.asking import FAMILIAR, Asker
from assistant_core.engine.chat import Message, Said, Saying, repair, request
from assistant_core.engine.checks import Shell
from assistant_core.engine.own import Own, closeness_of
from assistant_core.engine.pairs import Pair
from assistant_core.engine.prompt import Part, Piece
from assistant_core.records import Command, Example, Failure, Proposal, Proposals, Question
from assistant_core.redact import MARK
from assistant_core.settings import Paths
from assistant_core.store import Store


class Model:
    """A generator that says the same lines to every question, more probable ones first."""

    def __init__(self, *lines: str) -> None:
        self.lines = [(line, -1.0 - at) for at, line in enumerate(lines)]
        self.asked: list[Sequence[Part]] = []

    def candidates(
        self, parts: Sequence[Part], typed: str = "", *, count: int, tokens: int, deadline_s: float
    ) -> list[tuple[str, float]]:
        self.asked.append(parts)
        return [(typed + line, score) for line, score in self.lines[:count] if tokens and deadline_s > 0]

    def generate(self, parts: Sequence[Part], *, count: int, tokens: int, deadline_s: float) -> list[tuple[str, float]]:
        return self.candidates(parts, count=count, tokens=tokens, deadline_s=deadline_s)

    def score(self, parts: Sequence[Part], text: str) -> float:
        self.asked.append(parts)
        return -float(len(text))


class Talker:
    """A chat model that says the same to every question."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.asked: list[Sequence[Message]] = []

    def begin(self, messages: Sequence[Message]) -> Saying:
        self.asked.append(messages)
        return lambda: self.said


@pytest.fixture
def environ_here(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A home with a few programs and our own manual pages; nothing that ships is known."""
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "nowhere")
    known_requests.install(paths)
    (tmp_path / "bin").mkdir()
    for name in ("bash", "du", "find", "git", "head", "ls", "python3", "rm", "sort", "tar", "touch", "wc", "echo"):
        (tmp_path / "bin" / name).touch(mode=0o755)
    manuals = Path(__file__).parent / "manuals"
    return {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin"), "MANPATH": str(manuals)}


Ask = Callable[..., Proposals]


@pytest.fixture
def xonsh(environ_here: dict[str, str]) -> Shell:
    home = environ_here["HOME"]
    return Shell((environ_here["PATH"],), frozenset(("cd",)), home, home)


@pytest.fixture
def ask(paths: Paths, environ_here: dict[str, str], xonsh: Shell) -> Ask:
    def ask(text: str, *made_up: str, shell: Shell = xonsh, count: int = 3) -> Proposals:
        model = Model(*made_up) if made_up else None
        return Asker(paths, environ_here).ask(Question(text=text, count=count), shell, model)

    return ask


@pytest.fixture
def fix(paths: Paths, environ_here: dict[str, str], xonsh: Shell) -> Ask:
    def fix(line: str, *made_up: str) -> Proposals:
        model = Model(*made_up) if made_up else None
        return Asker(paths, environ_here).fix(Failure(line=line), xonsh, model)

    return fix


def lines(found: Proposals) -> list[str]:
    return [proposal.line for proposal in found.proposals]


def ran(paths: Paths, *commands: tuple[str, int]) -> None:
    with closing(Store(paths.history)) as store:
        for line, code in commands:
            store.append(Command(line=line, session="s", exit_code=code))


def teach(paths: Paths, line: str, meaning: str) -> None:
    with closing(Store(paths.history)) as store:
        store.add_example(Example(at_ns=1, line=line, meaning=meaning))


def test_what_is_known_is_told_with_what_was_checked(ask: Ask) -> None:
    first, *_ = ask("unpack 'b.tgz'").proposals
    assert (first.line, first.source, first.near) == ("tar -xzf b.tgz", "examples", "unpack 'a.tgz'")
    assert (first.parsed, first.missing, first.unknown, first.manuals) == (True, (), (), ("tar(1)",))
    assert [option.words for option in first.options] == ["-x", "-z", "-f b.tgz"]
    assert first.verdict.decision == "allow"


@pytest.mark.parametrize(
    ("request_", "field", "value"),
    [
        ("show the status of the frobnicator", "missing", ("frobnicator",)),
        ("list files with a bogus option", "unknown", ("--bogus",)),
        ("delete the folder with the photos", "verdict", "warn"),
    ],
)
def test_what_is_found_is_said(ask: Ask, request_: str, field: str, value: object) -> None:
    first = ask(request_, count=9).proposals
    found = [msgspec.to_builtins(each) for each in first]
    values = [each["verdict"]["decision"] if field == "verdict" else tuple(each[field]) for each in found]
    assert value in [*values, *("warn" for each in values if each == "block")]


def test_a_line_that_cannot_run_here_comes_after_those_that_can(ask: Ask) -> None:
    found = ask("show the status of the frobnicator", count=9).proposals
    assert found[0].missing == ()
    assert "frobnicator --status" in [each.line for each in found]


@pytest.mark.parametrize(
    ("failed", "made_up", "proposed"),
    [
        ("cat missing.txt", "rm missing.txt", []),
        ("rm -rf missing", "rm -r missing", ["rm -r missing"]),  # deleting was meant
        ("ls missing", "ls missing && ls missing", []),
        ("ls missing", " ls missing", []),
    ],
)
def test_a_repair_deletes_only_what_was_to_be_deleted(fix: Ask, failed: str, made_up: str, proposed: list[str]) -> None:
    assert lines(fix(failed, made_up)) == proposed


def test_what_is_no_line_comes_last(ask: Ask) -> None:
    found = ask("xyzzy", "ls |", "ls -l").proposals
    assert [(each.line, each.parsed) for each in found] == [("ls -l", True), ("ls |", False)]


def test_what_is_made_up_and_would_destroy_comes_last(ask: Ask) -> None:
    found = ask("xyzzy", "rm -rf ~", "ls -l").proposals
    assert [(each.line, each.source, each.verdict.decision) for each in found] == [
        ("ls -l", "model", "allow"),
        ("rm -rf ~", "model", "block"),
    ]


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        ("show the folder with the photos", "ls -l"),
        ("remove the folder with the photos", "rm -rf /srv/photos"),
        ("get rid of the folder with the photos", "rm -rf /srv/photos"),
    ],
)
def test_what_deletes_comes_first_only_where_that_was_asked(ask: Ask, request_: str, first: str) -> None:
    assert lines(ask(request_, "ls -l"))[0] == first


def test_lines_are_told_to_xonsh_as_it_reads_them_and_to_others_as_they_are(ask: Ask, xonsh: Shell) -> None:
    asked = "count the lines of all python files"
    assert lines(ask(asked))[0] == "find . -name '*.py' -exec wc -l '{}' ';'"
    assert lines(ask(asked, shell=xonsh._replace(aliases=frozenset())))[0] == "find . -name '*.py' -exec wc -l {} \\;"


def test_what_bash_runs_may_use_its_builtins(ask: Ask) -> None:
    [found] = ask("xyzzy", "while read x; do echo $x; done").proposals
    assert (found.line, found.missing) == ("bash -c 'while read x; do echo $x; done'", ())
    [found] = ask("xyzzy", "read x").proposals
    assert found.missing == ("read",)


@pytest.mark.parametrize("asked", ["carry the site to production", "Carry my site to production!", "site: carry"])
def test_what_was_taught_comes_first(paths: Paths, ask: Ask, asked: str) -> None:
    teach(paths, "deploy --now site", "carry the site to production")
    first, *_ = ask(asked, "ls -l").proposals
    assert (first.line, first.source) == ("deploy --now site", "taught")
    assert first.missing == ("deploy",)  # which is said


def test_what_was_taught_is_filled_and_followed_while_it_grows(
    paths: Paths, environ_here: dict[str, str], xonsh: Shell
) -> None:
    asker = Asker(paths, environ_here)
    asked = Question(text="carry 'b.txt' to production")
    assert all(each.source != "taught" for each in asker.ask(asked, xonsh).proposals)
    teach(paths, "deploy 'a.txt'", "carry 'a.txt' to production")
    first = asker.ask(asked, xonsh).proposals[0]
    assert (first.line, first.source) == ("deploy 'b.txt'", "taught")


@pytest.mark.parametrize(
    ("request_", "meaning", "close"),
    [
        ("carry the site to production", "carry site to production", True),
        ("list branches", "list the branches of it", True),
        ("delete branches", "list branches", False),
        ("list", "list branches", False),
        ("", "", False),
        ("what is this", "what is this", True),  # where nothing tells anything, all words do
    ],
)
def test_how_close_a_meaning_is(request_: str, meaning: str, *, close: bool) -> None:
    assert (closeness_of(request_, meaning) >= 0.7) is close


def test_spelling_and_what_worked_repair(paths: Paths, fix: Ask) -> None:
    ran(paths, ("git push origin main", 0), ("git push origin mian", 1), ("tar -cf a.tar x", 1), ("tar -cf a.tar y", 0))
    assert lines(fix("gti push origin main")) == ["git push origin main"]
    [found] = fix("git push origin mian").proposals
    assert (found.line, found.source) == ("git push origin main", "history")
    [found] = fix("tar -cf a.tar x").proposals  # what was run next, and worked
    assert (found.line, found.source, found.near) == ("tar -cf a.tar y", "history", "tar -cf a.tar y")


def test_a_program_that_is_known_and_not_here_may_be_meant(paths: Paths, fix: Ask) -> None:
    known_requests.install(paths, tuple(Pair(f"show containers {n}", "docker ps", "a") for n in range(FAMILIAR)))
    [found] = fix("ls | dokcer ps").proposals
    assert (found.line, found.missing) == ("ls | docker ps", ("docker",))


def test_what_failed_or_was_deleted_repairs_nothing(paths: Paths, environ_here: dict[str, str], xonsh: Shell) -> None:
    ran(paths, ("deliver --to staging --fast", 0), ("deliver --to stagingg --fast", 2))
    asker, failed = Asker(paths, environ_here), Failure(line="deliver --to stagin --fast")
    assert lines(asker.fix(failed, xonsh)) == ["deliver --to staging --fast"]
    with closing(Store(paths.history)) as store:
        store.forget("deliver --to staging --fast")
    assert lines(asker.fix(failed, xonsh)) == []


def test_new_commands_are_followed(paths: Paths, environ_here: dict[str, str], xonsh: Shell) -> None:
    asker, failed = Asker(paths, environ_here), Failure(line="deliver --to stagin --fast")
    ran(paths, *((f"echo {number}", 0) for number in range(600)))
    assert lines(asker.fix(failed, xonsh)) == []
    ran(paths, ("deliver --to staging --fast", 0), *((f"echo {number}", 0) for number in range(600)))
    assert lines(asker.fix(failed, xonsh)) == ["deliver --to staging --fast"]


@pytest.mark.parametrize(
    ("failed", "made_up", "proposed"),
    [
        ("ls -lz", ("ls -l", "touch x"), ["ls -l"]),  # much like it, or not what was meant
        ("ls /x", ("ls /x", "ls /"), ["ls /"]),  # the same again is no repair
        ("ls -r ~", ("rm -r ~",), []),  # more dangerous than what was meant
        ("gti status", ("git status --x", "git status"), ["git status", "git status --x"]),  # two agree on one
        ("print(undefined)", ("print( -lundefined)",), []),  # it knows commands
        ("python3 -c 'print(a)'", ("python3 -c 'print(b)'", "python3 -u -c 'print(a)'"), ["python3 -u -c 'print(a)'"]),
        ("python3 -c 'print(1'", ("python3 -c 'print(1'", "python3 -c 'print(1)'"), ["python3 -c 'print(1)'"]),
        ("ls -l | wc -z", ("ls -l | wc -l |",), []),  # no line
    ],
)
def test_what_the_model_takes_for_meant(fix: Ask, failed: str, made_up: tuple[str, ...], proposed: list[str]) -> None:
    assert lines(fix(failed, *made_up)) == proposed


def test_the_model_is_asked_as_it_was_taught(paths: Paths, environ_here: dict[str, str], xonsh: Shell) -> None:
    asker, model = Asker(paths, environ_here), Model("ls")
    asker.ask(Question(text="  list\n it "), xonsh, model)
    assert list(model.asked[0])[-2:] == [(Piece.REQUEST, "list it"), (Piece.LINE, "")]
    model.asked.clear()
    asker.fix(Failure(line="sl", exit_code=127), xonsh, model)
    assert list(model.asked[0]) == [(Piece.PREVIOUS, "sl"), (Piece.EXIT, "1"), (Piece.LINE, "")]


def test_a_chat_model_is_asked_and_named(paths: Paths, environ_here: dict[str, str], xonsh: Shell) -> None:
    talker = Talker(Said([("git status --short", -0.1), ("rm -rf .git", -0.2)], "a1", "something to know"))
    asker = Asker(paths, environ_here)
    found = asker.ask(Question(text="xyzzy"), xonsh, None, talker)
    assert (found.proposals[0].line, found.proposals[0].source) == ("git status --short", "chat")
    assert (found.proposals[0].near, found.notes) == ("a1", ("something to know",))
    repaired = asker.fix(Failure(line="git statsu --short", exit_code=3), xonsh, None, talker)
    assert [(each.line, each.source) for each in repaired.proposals] == [("git status --short", "chat")]
    assert repaired.notes == ("something to know",)
    assert talker.asked == [request("xyzzy"), repair("git statsu --short", 3)]


def test_nothing_to_look_up_is_said_and_the_model_still_answers(
    paths: Paths, environ_here: dict[str, str], xonsh: Shell
) -> None:
    registry.use("pairs", None, paths)
    found = Asker(paths, environ_here).ask(Question(text="list it"), xonsh, Model("ls"))
    assert lines(found) == ["ls"]
    assert "no known requests to look up: install the program again" in found.notes[0]
    assert Asker(paths, environ_here).ask(Question(text="list it"), xonsh).proposals == ()


def test_a_history_that_cannot_be_read_is_said(paths: Paths, ask: Ask) -> None:
    paths.history.parent.mkdir(parents=True, exist_ok=True)
    paths.history.write_bytes(b"no database" * 999)
    found = ask("find files larger than 3 GB")
    assert lines(found)[0] == "find . -size +3G"
    assert str(paths.history) in found.notes[0]


@pytest.mark.parametrize("history", [b"", b"no database" * 999])
def test_whoever_is_prepared_answers_the_same(
    paths: Paths, environ_here: dict[str, str], xonsh: Shell, history: bytes
) -> None:
    paths.history.parent.mkdir(parents=True, exist_ok=True)
    paths.history.write_bytes(history)
    asker, asked = Asker(paths, environ_here), Question(text="find files larger than 3 GB")
    expected = asker.ask(asked, xonsh)
    for environ in (environ_here, {}):
        prepared = Asker(paths, environ)
        prepared.prepare()
        assert prepared.ask(asked, xonsh).proposals[0].line == expected.proposals[0].line


@pytest.mark.parametrize("text", ["", " ", "\x1b[2J", "a" * 100_000, "\ud800", "*?[", "'\"`$("])
def test_any_text_is_answered(ask: Ask, fix: Ask, text: str) -> None:
    assert isinstance(ask(text, "ls"), Proposals)
    assert all(isinstance(each, Proposal) for each in fix(text).proposals)


def test_pairs_of_a_kind_are_told_once(paths: Paths, ask: Ask) -> None:
    known_requests.install(paths, (Pair("list it", "ls", "a"), Pair("list all", "ls", "b")))
    assert lines(ask("list it", "ls")) == ["ls"]


class Meaning:
    """An encoder for which texts mean the same as far as they share letters of MEANINGS."""

    MEANINGS = "abcdefgh"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), len(self.MEANINGS)), np.float32)
        for at, text in enumerate(texts):
            counts = np.array([text.count(letter) for letter in self.MEANINGS], np.float32)
            rows[at] = counts / (np.linalg.norm(counts) or 1)
        return rows


@pytest.mark.parametrize(
    ("rivals", "first", "others"),
    [
        (["x"], ["rx ab", "rx aab"], []),
        (["aab"], ["rx ab", "rx aab"], []),
        (["ab ab"], ["rx ab"], ["rx aab"]),
        ([], ["rx ab", "rx aab"], []),
    ],
)
def test_own_lines_that_fit(paths: Paths, rivals: list[str], first: list[str], others: list[str]) -> None:
    ran(paths, ("rx ab", 0), ("rx aab", 0), ("rx cd", 0), ("rx ba", 1), (f"rx ab {MARK}", 0))
    own = Own(paths.history, Meaning())
    nearest, near = own.fitting("a b", rivals, 2)
    assert ([each.line for each in nearest], [each.line for each in near]) == (first, others)
    ran(paths, ("rx a b", 0))
    assert "rx a b" in [each.line for each in own.fitting("a b", [], 3)[0]]
    with closing(Store(paths.history)) as store:
        store.forget("rx a b")
    assert "rx a b" not in [each.line for each in own.fitting("a b", [], 3)[0]]
    assert own.fitting("zzz", [], 3) == ([], [])
