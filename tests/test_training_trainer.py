"""Training: it learns, it goes on where it stopped, and several processes make one run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs [train]")

import torch
import training_steps
from training_steps import VOCABULARY, contexts, losses, run

from assistant_core.errors import TrainingError
from training import curves, model, trainer
from training.examples import IGNORED, Packed
from training.trainer import Plan

torch.set_num_threads(1)
PROGRAM = Path(training_steps.__file__)


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(left, right) for left, right in zip(one.parameters(), other.parameters(), strict=True))


def test_a_run_learns_and_leaves_weights_and_curves(tmp_path: Path) -> None:
    trained, weights = run(tmp_path, 20, 8)
    assert weights == tmp_path / "model"
    assert {"config.json", "model.safetensors"} <= {file.name for file in weights.iterdir()}
    first, *_, last = losses(tmp_path)
    assert last < first
    drawn = (tmp_path / "curves.html").read_text()
    assert "held out" in drawn
    assert "http://www.w3.org/2000/svg" in drawn
    assert drawn.count("http") == 1
    again = model.CommandLlama.from_pretrained(weights)
    assert same(trained, again)


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", 12, 8)
    _, unfinished = run(tmp_path / "parts", 12, 8, stop_at=6)
    assert unfinished is None
    parts, finished = run(tmp_path / "parts", 12, 8)
    assert finished is not None
    assert same(whole, parts)


def test_a_run_that_had_ended_changes_nothing(tmp_path: Path) -> None:
    whole, _ = run(tmp_path, 7, 8)  # not at the end of an epoch
    before = losses(tmp_path)
    again, finished = run(tmp_path, 7, 8)
    assert finished == tmp_path / "model"
    assert same(whole, again)
    assert losses(tmp_path) == before
    assert not (tmp_path / "checkpoint-8").exists()


def test_a_run_that_was_killed_goes_on_from_its_last_whole_checkpoint(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", 12, 8)
    process = subprocess.Popen([sys.executable, PROGRAM, tmp_path / "killed", "12", "8"], env=environment())
    while not list((tmp_path / "killed").glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    newest = max((tmp_path / "killed").glob("checkpoint-*"), key=lambda each: int(each.name.partition("-")[2]))
    (newest.with_name("checkpoint-99")).mkdir()  # as one that was being written
    (newest.with_name("checkpoint-99") / "model.safetensors").write_bytes(b"half")
    resumed, finished = run(tmp_path / "killed", 12, 8)
    assert finished is not None
    assert same(whole, resumed)


def test_a_run_prints_nothing_of_its_own(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, PROGRAM, tmp_path, "12", "8"], env=environment(), check=False, capture_output=True, text=True
    )
    assert list(tmp_path.glob("checkpoint-*"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_two_processes_make_the_run_of_one(tmp_path: Path) -> None:
    one, _ = run(tmp_path / "one", 12, 8)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    local = environment() | {"GLOO_SOCKET_IFNAME": "lo"}
    ran = subprocess.run(
        [*torchrun, "--local-addr=127.0.0.1", PROGRAM, tmp_path / "two", "12", "4"],
        env=local,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=2e-3)
    two = model.CommandLlama.from_pretrained(tmp_path / "two" / "model")
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    assert max((left - right).abs().max().item() for left, right in pairs) < 0.02


def environment() -> dict[str, str]:
    here = PROGRAM.parent
    return dict(os.environ) | {"PYTHONPATH": f"{here}:{here.parent}", "OMP_NUM_THREADS": "1"}


def test_the_loss_is_that_of_all_logits() -> None:
    torch.manual_seed(0)
    small = model.build("tiny", VOCABULARY)
    packed = contexts(3)
    tokens, labels = (torch.from_numpy(each.astype(np.int64)) for each in packed)
    with torch.no_grad():
        logits = small(input_ids=tokens).logits[:, :-1]
        loss = small(input_ids=tokens, labels=labels).loss.item()
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
    assert loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("size", "millions"), [("tiny", 0.6), ("mini", 6.5), ("small", 12.6), ("base", 28), ("large", 110)]
)
def test_a_size_has_the_parameters_that_it_says(size: str, millions: float) -> None:
    with torch.device("meta"):
        assert model.build(size, 8192).num_parameters() / 1e6 == pytest.approx(millions, rel=0.05)


def test_what_cannot_be_trained_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="'huge' is not one of tiny, mini, small, base, large"):
        model.build("huge", 100)
    nothing = Packed(np.empty((0, 256), np.int32), np.empty((0, 256), np.int32))
    with pytest.raises(TrainingError, match="nothing to learn from"):
        trainer.train(model.build("tiny", VOCABULARY), nothing, None, tmp_path, Plan(steps=1))


def test_curves_in_the_terminal_and_without_anything_logged(tmp_path: Path) -> None:
    log = [{"step": 1, "loss": 4.0}, {"step": 2, "loss": 2.0}, {"step": 2, "eval_loss": 3.0}]
    first, second = curves.terminal(log).splitlines()
    assert first.split() == ["training", "4.000", "█▁", "2.000", "nats", "a", "token"]
    assert second.split()[0] == "held"
    assert curves.terminal([]) == ""
    curves.write([], tmp_path / "empty.html")
    assert "Nothing was logged" in (tmp_path / "empty.html").read_text()
