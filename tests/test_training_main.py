"""The commands of `python -m training`, on made-up corpora, one after the other as they are meant to be used."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import corpora
import pytest

pytest.importorskip("sentence_transformers", reason="needs [train]")

import tiny_models
from transformers.utils.logging import enable_progress_bar

from assistant_core.engine import embed, pairs, registry
from training import __main__ as training
from training import commands, corpus, trainer
from training.corpus import ours
from training.runs import Step

COMMANDS = re.findall(r"^(\w+)  +\S", training.__doc__ or "", re.MULTILINE)
RUN = ("python", "-m", "training")
PROGRESS = r"(\d+/\d+( loss [\d.]+)? [\d,]+ tokens/s\n)+"


def started(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m training` as a process."""
    command = [sys.executable, *RUN[1:], *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tiny_models.ROOT)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command that makes something has run."""
    place = tmp_path_factory.mktemp("made")
    folder, work = str(corpora.write(place / "corpora")), str(place / "work")
    weights, card = f"{work}/tiny/model", ["--made-by", "a test", "--trained-on", "CPU", "--version", "v1"]
    for command in (
        ["prepare", folder, work, "--pieces", "420"],
        ["learn", work, "--size", "tiny", "--steps", "2", "--batch", "4", "--warmup", "1"],
        ["release", folder, work, weights, f"{place}/command", *card],
        ["pairs", folder, f"{place}/pairs"],
        ["embedding", folder, f"{place}/embedding", "words=200", "buckets=50", "dimensions=16", "threads=1"],
    ):
        assert training.main(command) == 0
    return place


def evaluated(made: Path, *options: str) -> dict[str, Any]:
    """Return what `evaluate` finds out about the models in `made`."""
    models = [part for kind in ("command", "pairs", "embedding") for part in (f"--{kind}", str(made / kind))]
    out = made / "result.json"
    arguments = ["evaluate", str(made / "corpora"), *models, "--most", "3", "--out", str(out), *options]
    assert training.main(arguments) == 0
    found: dict[str, Any] = json.loads(out.read_bytes())
    return found


def test_every_command_stands_in_the_table_of_contents() -> None:
    told = started(["--help"])
    assert told.returncode == 0
    assert COMMANDS
    assert re.findall(r"^    (\w+)\b", told.stdout, re.MULTILINE) == COMMANDS


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys; from training import __main__; print('torch' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tiny_models.ROOT
    )
    assert told.stdout == "False\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        training.main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: python -m training {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["learn", "{tmp}/missing", "--steps", "1"],
            "{tmp}/missing has no tokenizer.model, learning.npz, held.npz; run `python -m training prepare CORPORA",
        ),
        (["export", "{tmp}", "{tmp}/tokenizer.model", "{tmp}/out"], "training: "),
        (["embedding", "{tmp}", "{tmp}/out", "epoch=1"], "'epoch=1' changes no plan; expected NAME=NUMBER"),
        (["embedding", "{tmp}/few", "{tmp}/out"], "has 0 pairs to learn from, expected 8 or more"),
        (["pairs", "{tmp}/few", "{tmp}/out"], "0 pairs have no terms"),
        (["ranking", "{tmp}/missing"], "{tmp}/missing/card.json"),
        (["pairs", "{tmp}/missing", "{tmp}/out"], "{tmp}/missing is no folder: expected .jsonl"),
        (["embedding", "{tmp}/missing", "{tmp}/out"], "{tmp}/missing is no folder: expected .jsonl"),
        (["corpus", "documents"], "'documents' names nothing that is there; expected documents=PATH"),
        (["corpus", "ours={tmp}/missing"], "'ours={tmp}/missing' names nothing that is there; expected ours=PATH"),
        (["corpus", "{tmp}"], "there is no source '{tmp}' to learn from; expected one of store, guard"),
        (["evaluate", "{tmp}/missing"], "{tmp}/missing is no folder: expected .jsonl"),
        (
            ["release", "{tmp}/missing", "{tmp}", "{tmp}", "{tmp}/out", "--made-by", "x", "--trained-on", "x"],
            "{tmp}/missing is no folder: expected .jsonl",
        ),
        (["lora", "{tmp}/missing", "{tmp}/rows.jsonl", "{tmp}/out"], "{tmp}/missing is no folder; name the folder of"),
        (["lora", "{tmp}", "{tmp}/none.jsonl", "{tmp}/out"], "{tmp}/none.jsonl holds nothing to learn from: cannot be"),
        (["evaluate", "{tmp}", "--command", "{tmp}"], "{tmp}/card.json"),
        (["evaluate", "{tmp}", "--requests", "{tmp}/bad.jsonl"], "bad.jsonl, line 2: no request with nl and cmd"),
        (["evaluate", "{tmp}", "--requests", "{tmp}/none.jsonl"], "{tmp}/none.jsonl"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"nl": "list", "cmd": "ls"}\n{"nl": "list"}\n')
    (tmp_path / "rows.jsonl").write_text('{"instruction": "what changed", "input": "", "output": "git status"}\n')
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "sequences.jsonl").write_text("")
    (tmp_path / "cmdlines.jsonl").touch()  # of our corpora, though there is nothing in it
    assert training.main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert said.format(tmp=tmp_path) in error
    assert error.startswith("training: ")
    assert error.count("\n") == 1


def test_nothing_is_learned_in_private_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    monkeypatch.setenv("XONTRIB_ASSISTANT_RECORD_PRIVATE", "1")
    assert training.main(["run"]) == 2
    said = "training: private mode is on and nothing is learned; `assistant private off` ends it\n"
    assert capsys.readouterr() == ("", said)
    assert list(tmp_path.iterdir()) == []
    assert training.main(["run", "--scheduled"]) == 0
    assert capsys.readouterr() == ("not now: private mode is on\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["learn", "x", "--steps", "0"], "argument --steps: '0' is not a whole number from 1 on"),
        (["learn", "x", "--steps", "-3"], "argument --steps: '-3' is not a whole number from 1 on"),
        (["learn", "x", "--steps", "1", "--batch", "0"], "argument --batch: '0' is not"),
        (["learn", "x", "--steps", "1", "--accumulation", "0"], "argument --accumulation: '0' is not"),
        (
            ["learn", "x", "--steps", "1", "--learning-rate", "-1"],
            "argument --learning-rate: '-1' is not a number above",
        ),
        (["learn", "x", "--steps", "1", "--warmup", "-1"], "argument --warmup: '-1' is not a whole number from 0 on"),
        (["learn", "x", "--steps", "1", "--seed", "4294967296"], "argument --seed: '4294967296' is not"),
        (
            ["prepare", "x", "y", "--pieces", "70000"],
            "argument --pieces: '70000' is not a whole number from 1 to 65536",
        ),
        (["evaluate", "x", "--most", "0"], "argument --most: '0' is not"),
        (["lora", "x", "y", "z", "--r", "0"], "argument --r: '0' is not"),
        (
            ["lora", "x", "y", "z", "--lora-dropout", "1"],
            "argument --lora-dropout: '1' is not a number from 0 to below 1",
        ),
        (["lora", "x", "y", "z", "--target-modules", "all"], "argument --target-modules: 'all' is not one of q_proj"),
    ],
)
def test_numbers_are_checked_before_anything_is_read(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        training.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main([command, "--help"])
    told = re.sub(r"\n {10,}(?=\S)", "  ", capsys.readouterr().out.partition("\n\n")[2])
    arguments = re.findall(r"^  (\S.*)$", told, re.MULTILINE)
    assert arguments
    assert [each for each in arguments if not re.search(r"\S  +\S", each)] == []


def test_help_names_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main(["corpus", "--help"])
    told = re.sub(r"\s+", " ", capsys.readouterr().out)
    names = [source.name for source in corpus.SOURCES]
    assert f"SOURCE is one of {', '.join(names[:-1])} and {names[-1]}" in told


@pytest.mark.parametrize("command", ["prepare", "release", "pairs", "embedding", "evaluate"])
def test_help_names_the_files_of_our_corpora(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main([command, "--help"])
    told = capsys.readouterr().out
    assert [reader.name for reader in ours.TABLE if reader.name not in told] == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--r", "default: 8 with attention; 16 with all"),
        ("--target-modules", "default: q_proj,v_proj with attention"),
        ("--num-epochs", "default: 3)"),
    ],
)
def test_help_tells_the_numbers_of_a_recipe(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main(["lora", "--help"])
    assert re.search(rf"{option} VALUE[^-]*{re.escape(value)}", " ".join(capsys.readouterr().out.split()))


def test_an_adapter_is_trained_as_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tiny_models.vocabulary(tmp_path / "tokenizer.model")
    tiny_models.chat_folder(tmp_path / "base", words.size)
    rows = [{"instruction": asked, "input": "", "output": line} for asked, line in tiny_models.REQUESTS.items()]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {
        "--r": "4",
        "--lora-alpha": "6",
        "--lora-dropout": "0",
        "--target-modules": "k_proj,o_proj",
        "--num-epochs": "2",
        "--batch-size": "2",
        "--gradient-accumulation-steps": "1",
        "--learning-rate": "0.01",
    }
    options = [part for option in given.items() for part in option]
    enable_progress_bar()  # type: ignore[no-untyped-call] # as in a process that has trained nothing yet
    capsys.readouterr()
    assert training.main(["lora", *(f"{tmp_path}/{name}" for name in ("base", "rows.jsonl", "out")), *options]) == 0
    config = json.loads((tmp_path / "out" / "adapter" / "adapter_config.json").read_bytes())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 6, 0.0)
    assert sorted(config["target_modules"]) == ["k_proj", "o_proj"]
    begun = json.loads((tmp_path / "out" / "begun.json").read_bytes())
    assert [begun[name] for name in ("epochs", "batch", "accumulation", "learning_rate")] == [2, 2, 1, 0.01]
    assert (tmp_path / "out" / "adapter.gguf").read_bytes()[:4] == b"GGUF"
    told = capsys.readouterr()
    assert re.fullmatch(PROGRESS, told.err)
    drawn, picture = told.out.splitlines()
    assert drawn.split()[0] == "training"
    assert picture == f"{tmp_path}/out/curves.html"


def test_what_fails_leaves_what_was_there(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "sequences.jsonl").write_text("")
    for arguments in (
        ["pairs", f"{tmp_path}/few", f"{made}/pairs"],
        ["embedding", f"{tmp_path}/few", f"{made}/embedding"],
        ["prepare", f"{made}/corpora", f"{made}/work", "--pieces", "10"],
    ):
        target = Path(arguments[2])
        before = {file: file.read_bytes() for file in target.rglob("*") if file.is_file()}
        assert training.main(arguments) == 2
        assert {file: file.read_bytes() for file in target.rglob("*") if file.is_file()} == before
        assert list(target.glob(".*")) == []
    assert "no vocabulary of 10 pieces can be learnt from these texts: their characters" in capsys.readouterr().err


def test_preparing_tells_what_it_does(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["prepare", f"{made}/corpora", f"{tmp_path}/work", "--pieces", "420"]) == 0
    reading, counted, *packing = capsys.readouterr().err.splitlines()
    assert reading == f"reading {made}/corpora"
    assert re.fullmatch(r"\d+ rows to learn from, \d+ held out; learning the vocabulary", counted)
    assert packing == ["packing contexts: learning", "packing contexts: held"]


@pytest.mark.parametrize(("rank", "speaks"), [(None, True), ("0", True), ("1", False)])
def test_one_process_of_a_run_speaks_for_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rank: str | None,
    speaks: bool,  # noqa: FBT001 - a cell of the table
) -> None:
    (tmp_path / trainer.LOG).write_text('{"steps": []}')
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert commands.show(Step(2, 2, 1.5, 1000.0))
    commands.draw(tmp_path)
    told = capsys.readouterr()
    assert (told.err, told.out) == (
        ("2/2 loss 1.500 1,000 tokens/s\n", f"{tmp_path}/curves.html\n") if speaks else ("", "")
    )


def test_the_curves_are_drawn_in_the_terminal(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learning = ["learn", f"{made}/work", "--start", f"{made}/work/tiny/model", "--steps", "10", "--batch", "2"]
    enable_progress_bar()  # type: ignore[no-untyped-call] # as in a process that has trained nothing yet
    assert training.main([*learning, "--warmup", "1"]) == 0
    told = capsys.readouterr()
    assert re.fullmatch(PROGRESS, told.err)
    learnt, held, picture = told.out.splitlines()
    assert learnt.startswith(" training ")
    assert held.startswith(" held out ")
    assert picture == f"{made}/work/more/curves.html"
    assert training.main([*learning, "--warmup", "2"]) == 2
    assert "more was begun with warmup 1, not 2: give the same and it goes on" in capsys.readouterr().err


def test_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["sizes"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "mini   6 layers, 4 heads, 2 kv_heads, 256 width, 704 inner"


def test_what_ships_is_made(made: Path) -> None:
    for kind, file in (("command", "command.gguf"), ("pairs", pairs.FILE), ("embedding", embed.FILE)):
        card = json.loads((made / kind / registry.CARD).read_bytes())
        assert card["kind"] == kind
        assert card["files"][file]["sha256"] == hashlib.sha256((made / kind / file).read_bytes()).hexdigest()


def test_models_are_scored_beside_their_opponents(made: Path) -> None:
    requests = made / "own.jsonl"
    requests.write_text('{"nl": "show the ape", "cmd": "cat ape"}\n{"nl": "zzz", "cmd": "a", "cmd_alt": "b"}\n')
    found = evaluated(made, "--requests", str(requests), "--seed", "7")
    foreseeing, answering = ["model", "n-gram"], ["model", "BM25", "embedding", "answers without model", "answers"]
    assert {task: list(next(iter(measures.values()))) for task, measures in found["scores"].items()} == {
        "next line": foreseeing,
        "typing": foreseeing,
        "bits per byte": foreseeing,
        "explanation": ["model", "BM25"],
        "request": answering,
        "own request": answering,
    }
    items = {task: next(iter(measures.values()))["model"]["items"] for task, measures in found["scores"].items()}
    assert items == {"next line": 6, "typing": 9, "bits per byte": 15, "explanation": 3, "request": 3, "own request": 2}
    above = found["scores"]["request"]["nlc2cmd@1"]["answers"]["above"]["model"]
    assert above["low"] <= above["value"] <= above["high"]


def test_a_result_says_what_it_is_a_result_of(made: Path) -> None:
    found = evaluated(made, "--seed", "7")
    assert (found["seed"], found["most"]) == (7, 3)
    assert found["model"]["version"] == "v1"
    assert re.fullmatch(r"[0-9a-f]{40}\+?", found["commit"] or "0" * 40)  # none outside of a repository
    read = [*(made / "corpora").iterdir(), made / "command/command.gguf", made / "pairs" / pairs.FILE]
    read.append(made / "embedding" / embed.FILE)
    hashes = {file.name.removesuffix(".jsonl"): hashlib.sha256(file.read_bytes()).hexdigest() for file in read}
    assert {name: file["sha256"] for name, file in found["data"].items()} == hashes
    assert evaluated(made, "--seed", "7")["scores"] == found["scores"]


def test_corpora_that_hold_nothing_out_are_named(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cmdlines.jsonl").write_text('{"cmd": "make ape", "n": 1, "source": "zoo/make", "licence": "MIT"}\n')
    models = [f"--{kind}={made / kind}" for kind in ("command", "pairs", "embedding")]
    assert training.main(["evaluate", str(tmp_path), *models]) == 2
    assert f"training: {tmp_path} holds nothing out to be asked; give larger" in capsys.readouterr().err


def test_tasks_of_which_nothing_is_held_out_are_left_out(
    made: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "nl2cmd_train.jsonl").write_bytes((made / "corpora" / "nl2cmd_train.jsonl").read_bytes())
    models = [f"--{kind}={made / kind}" for kind in ("command", "pairs", "embedding")]
    assert training.main(["evaluate", str(tmp_path), "--most", "1", *models]) == 0
    sys.stdout.flush()
    found = json.loads(capfdbinary.readouterr().out)  # printed where no file is named
    assert found["most"] == 1
    assert list(found["scores"]) == ["bits per byte", "request"]
