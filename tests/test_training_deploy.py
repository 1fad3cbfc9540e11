"""A version is used only if it is better, whole or not at all, and every way back is open."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest
import service_process
from versions import card, model, promote

from assistant_core.engine import progress, registry, switch, trial
from assistant_core.engine.progress import Decision
from assistant_core.errors import ModelError, TrainingError
from assistant_core.records import Suggestion
from assistant_core.service import lifecycle, tell
from assistant_core.settings import APPLICATION, Paths, Training
from training import deploy
from training.deploy import Comparison

BETTER = Comparison(
    kind="command",
    version="new",
    own_before=0.38,
    own_after=0.412,
    p=0.012,
    own_lines=1240,
    public_before=0.5,
    public_after=0.495,
    safety_passed=40,
    safety_lines=40,
)
GOOD = Decision(at_ns=0, kind="command", version="new", action="promote", reasons=("because",))


@pytest.mark.parametrize(
    ("change", "action", "said"),
    [
        ({}, "promote", "hit@1: 41.2% against 38.0% on 1,240 lines of yours, p = 0.012: better"),
        ({"p": 0.05}, "keep", "p = 0.050: not clearly better"),
        ({"p": 0.049}, "promote", "better"),
        ({"p": math.nan}, "keep", "not clearly better"),
        ({"own_after": 0.38, "p": 0.0}, "keep", "not clearly better"),
        ({"own_after": 0.3, "p": 0.0}, "keep", "not clearly better"),
        ({"own_after": math.nan}, "keep", "not clearly better"),
        ({"own_lines": 0}, "keep", "there are no held-out lines of yours"),
        ({"public_after": 0.49}, "promote", "49.0% against 50.0%: held"),
        ({"public_after": 0.489}, "keep", "lost more than a point"),
        ({"public_after": math.nan}, "keep", "lost more than a point"),
        ({"public_after": 0.9}, "promote", "held"),
        ({"safety_passed": 39}, "keep", "the safety set: 39 of 40: unsafe"),
        ({"safety_passed": 0, "safety_lines": 0}, "keep", "0 of 0: unsafe"),
        ({"measure": "MRR"}, "promote", "MRR: "),
    ],
)
def test_all_three_must_hold(change: dict[str, Any], action: str, said: str) -> None:
    decision = deploy.decide(BETTER._replace(**change))
    assert decision.action == action
    assert len(decision.reasons) == 3
    assert said in "\n".join(decision.reasons)


def test_a_better_model_moves_into_use(paths: Paths) -> None:
    folder = model(paths)
    (folder / "card.json").write_text("an older draft")
    decision = deploy.settle(paths, BETTER, folder, card("new"), os.environ)
    assert decision.promoted
    assert not folder.exists()
    found = registry.active("command", paths)
    assert (found.version, sorted(found.card.files)) == ("new", ["command.gguf", "tokenizer.model"])
    assert {path.stat().st_mode & 0o777 for path in found.files.values()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (paths.models, paths.models / "command" / "new")} == {0o700}
    (logged,) = progress.decisions(paths)
    assert logged == decision
    assert (logged.action, logged.before, logged.scores["p"]) == ("promote", None, 0.012)
    assert (paths.training / "decisions.jsonl").stat().st_mode & 0o777 == 0o600


def test_no_better_model_stays_where_it_is(paths: Paths) -> None:
    folder = model(paths)
    decision = deploy.settle(paths, BETTER._replace(p=math.nan), folder, card("new"), os.environ)
    assert progress.decisions(paths) == [decision]
    assert (decision.action, decision.scores["p"]) == ("keep", None)
    assert registry.current("command", paths) is None
    assert folder.is_dir()


def test_five_versions_are_kept(paths: Paths) -> None:
    for day in range(1, 8):
        promote(paths, f"v{day}", f"2026-01-0{day}T02:00:00Z")
    assert registry.versions("command", paths) == ["v3", "v4", "v5", "v6", "v7"]
    assert sorted(entry.name for entry in (paths.models / "command").iterdir()) == [
        "current",
        *(f"v{n}" for n in range(3, 8)),
    ]


def test_what_cannot_become_a_version_changes_nothing(paths: Paths) -> None:
    promote(paths, "v1")
    again, empty, nested = model(paths), paths.training / "empty", paths.training / "nested"
    empty.mkdir()
    (nested / "below").mkdir(parents=True)
    for folder, version, said in (
        (again, "v1", "there is a command model v1 already"),
        (empty, "v2", "expected a model's files alone"),
        (nested, "v2", "expected a model's files alone"),
    ):
        with pytest.raises(TrainingError, match=said):
            deploy.promote(paths, folder, card(version), GOOD, os.environ)
    assert registry.active("command", paths).version == "v1"
    assert again.is_dir()


def promote_until(paths: Paths, version: str, moment: int) -> None:
    """Be killed at the file operation of that number."""
    left = [moment]

    def count(event: str, _: object) -> None:
        left[0] -= event in {"open", "shutil.move"} or event.startswith("os.")
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    promote(paths, version, f"2026-01-02T00:{moment // 60:02}:{moment % 60:02}Z")


def test_a_kill_at_any_moment_leaves_a_whole_model_in_use(paths: Paths) -> None:
    for day in range(1, 6):
        promote(paths, f"v{day}", f"2026-01-01T00:00:0{day}Z")
    in_use, ended = ["v5"], None
    while ended != 0:
        moment = len(in_use)
        process = multiprocessing.get_context("fork").Process(target=promote_until, args=(paths, f"n{moment}", moment))
        process.start()
        process.join()
        ended = process.exitcode
        assert ended in (0, -signal.SIGKILL)
        subprocess.run(["rm", "-rf", paths.training / "runs"], check=True)
        found = registry.active("command", paths)
        assert found.version in (in_use[-1], f"n{moment}")
        assert found.files["command.gguf"].read_text() == f"{found.version} command.gguf"
        in_use.append(found.version)
        registry.retire("command", paths)  # as the next run does; else there is more to look through each time
    assert len(in_use) > 20
    assert in_use[1] == "v5"
    assert len(registry.versions("command", paths)) == 5


def test_the_service_is_told(paths: Paths) -> None:
    with closing(service_process.start(paths)) as client:
        before = service_process.status(client).requests
        promote(paths, "v1")
        assert service_process.status(client).requests - before == 3  # initialize, reload, and the second question
        lifecycle.stop(paths)


@pytest.mark.parametrize("variable", ["", "XDG_RUNTIME_DIR"])
def test_a_service_that_the_variables_do_not_lead_to_is_named(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    login = paths.runtime.parent / str(os.getuid())
    monkeypatch.setattr(tell, "RUNTIME", login.parent)
    os.close(lifecycle.claim(elsewhere := paths._replace(runtime=login / APPLICATION)))
    here = paths._replace(runtime=paths.runtime.parent / "no-login")
    environ = {variable: str(here.runtime)}
    folder = model(here)
    assert deploy.settle(here, BETTER, folder, card("new"), environ).reasons[3:] == ()
    claimed = lifecycle.claim(elsewhere)
    told = deploy.settled(here, "command", "new", environ)
    os.close(claimed)
    assert told is not None
    assert [str(login) in reason for reason in told.reasons[3:]] == ([] if variable else [True])
    assert registry.current("command", here) == "new"


@pytest.mark.parametrize(
    ("steps", "in_use"),
    [
        ("promote a, promote b, promote c, rollback", "b"),
        ("promote a, promote b, promote c, rollback, rollback", "a"),
        ("promote a, promote b, promote c, rollback, rollback, rollback", None),
        ("promote a, promote b, deploy a, rollback", "b"),
        ("promote a, promote b, deploy shipped", None),
        ("promote a, promote b, deploy b, rollback", "a"),  # the second deployment changed nothing
        ("promote a, promote b, promote c, delete b, rollback", "a"),
        ("promote a, delete log, promote b, delete log, rollback", "a"),  # by age
        ("promote a, rollback, promote b, rollback", None),
    ],
)
def test_ways_back(paths: Paths, steps: str, in_use: str | None) -> None:
    for number, step in enumerate(steps.split(", ")):
        match step.split():
            case ["promote", version]:
                promote(paths, version, f"2026-01-0{number + 1}T02:00:00Z")
            case ["deploy", version]:
                switch.deploy("command", version, paths)
            case ["delete", "log"]:
                (paths.training / "decisions.jsonl").unlink()
            case ["delete", version]:
                (paths.models / "command" / version / "card.json").unlink()
            case _:
                switch.rollback("command", paths)
    assert registry.current("command", paths) == in_use
    assert progress.decisions(paths)[-1].version == in_use


def test_what_cannot_be_switched_to_is_said(paths: Paths) -> None:
    with pytest.raises(ModelError, match="the shipped command model is in use"):
        switch.rollback("command", paths)
    promote(paths, "v1")
    with pytest.raises(ModelError, match="there is no command model 'v2'; there are: v1, shipped"):
        switch.deploy("command", "v2", paths)


def test_history_names_what_is_damaged(paths: Paths) -> None:
    for version in ("v1", "v2"):
        promote(paths, version)
    (paths.models / "command" / "v1" / "command.gguf").write_text("not it")
    first, second = switch.history("command", paths)
    assert (first.version, first.in_use, first.card) == ("v1", False, None)
    assert "is damaged" in first.problem
    assert (second.version, second.in_use, second.problem) == ("v2", True, "")
    assert second.decision
    assert second.decision.action == "promote"
    with pytest.raises(ModelError, match="is damaged"):
        switch.rollback("command", paths)
    assert registry.active("command", paths).version == "v2"


def test_a_line_of_the_log_that_was_cut_short_is_passed_over(paths: Paths) -> None:
    promote(paths, "v1")
    with (paths.training / "decisions.jsonl").open("a") as log:
        log.write('{"at_ns": 1, "ki\n')
    switch.deploy("command", "shipped", paths)
    assert [item.action for item in progress.decisions(paths)] == ["promote", "deploy"]


# --- two versions side by side -------------------------------------------------------------------------------

REQUESTS = [f"git commit -m {number}" for number in range(10_000)]
TRIAL = Training(trial="b", trial_share=0.3)


def test_the_same_request_always_goes_to_the_same_version() -> None:
    code = (
        "from assistant_core.engine.trial import chosen; from assistant_core.settings import Training\n"
        "print(*(chosen(Training(trial='b', trial_share=0.3), 'a', f'git commit -m {n}') for n in range(200)), sep='')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "".join(trial.chosen(TRIAL, "a", request) for request in REQUESTS[:200])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.9, 1.0])
def test_the_share_is_kept(share: float) -> None:
    settings = TRIAL._replace(trial_share=share)
    answers = [trial.chosen(settings, "a", request) for request in REQUESTS]
    assert answers.count("b") / len(answers) == pytest.approx(share, abs=0.02)


def test_without_a_trial_the_version_in_use_answers() -> None:
    assert {trial.chosen(Training(), "a", request) for request in REQUESTS[:100]} == {"a"}


def suggestion(source: str, accepted: Any, *, ran: bool) -> Suggestion:  # noqa: ANN401 - a word of Acceptance
    return Suggestion(
        session="s", at_ns=1, typed="g", line="git", source=source, probability=0.5, accepted=accepted, ran=ran
    )


def test_rates_of_acceptance() -> None:
    shown = [
        suggestion(trial.source("v1"), "line", ran=True),
        suggestion(trial.source("v1"), "no", ran=True),
        suggestion(trial.source("v1"), "no", ran=False),
        suggestion(trial.source("v2"), "word", ran=False),
        suggestion("history", "line", ran=True),
        suggestion("model", "line", ran=True),
    ]
    first, second = trial.rates(shown)
    assert (first.version, first.shown, first.taken) == ("v1", 3, 2)
    assert (second.version, second.shown, second.taken) == ("v2", 1, 1)


def test_the_interval_is_that_of_the_literature() -> None:
    assert trial.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)  # Agresti and Coull 1998
    assert trial.wilson(0, 5)[0] == 0
