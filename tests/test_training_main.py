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

from assistant_core.engine import embed, pairs, registry
from training import __main__ as training

COMMANDS = re.findall(r"^(\w+)  +\S", training.__doc__ or "", re.MULTILINE)
RUN = ("python", "-m", "training")


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
        (["learn", "{tmp}", "--steps", "1"], "tokenizer.model is not a SentencePiece model"),
        (["export", "{tmp}", "{tmp}/tokenizer.model", "{tmp}/out"], "training: "),
        (["embedding", "{tmp}", "{tmp}/out", "epoch=1"], "'epoch=1' changes no plan; expected NAME=NUMBER"),
        (["embedding", "{tmp}", "{tmp}/out"], "has 0 pairs to learn from, expected 8 or more"),
        (["pairs", "{tmp}", "{tmp}/out"], "0 pairs have no terms"),
        (["evaluate", "{tmp}", "--command", "{tmp}"], "{tmp}/card.json"),
        (["evaluate", "{tmp}", "--requests", "{tmp}/bad.jsonl"], "bad.jsonl, line 2: no request with nl and cmd"),
        (["evaluate", "{tmp}", "--requests", "{tmp}/none.jsonl"], "{tmp}/none.jsonl"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"nl": "list", "cmd": "ls"}\n{"nl": "list"}\n')
    assert training.main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert said.format(tmp=tmp_path) in error
    assert error.startswith("training: ")
    assert error.count("\n") == 1


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
