"""The model that ships, in small: made-up corpora to vocabulary, contexts, what is held out, and weights."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from pathlib import Path

import corpora
import msgspec
import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs [train]")

import torch
from transformers import LlamaForCausalLM

from assistant_core.engine.prompt import BOS, CONTEXT, Piece, number
from assistant_core.errors import TrainingError
from training import model, public, publicset
from training.examples import IGNORED
from training.records import Row
from training.runs import Step
from training.tokenizer import Tokenizer
from training.trainer import Plan

torch.set_num_threads(1)  # what is so small is slower on several

PIECES = 420
PLAN = Plan(steps=2, batch=4, warmup=1)  # the first step of a warm-up changes nothing
FILES = ["fixed.jsonl.gz", "held.jsonl", "held.npz", "learning.npz", "public.jsonl.gz", "tokenizer.model"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("public")
    public.prepare(corpora.write(place / "corpora"), place / "work", pieces=PIECES)
    return place / "work"


def rows(content: bytes) -> list[Row]:
    return [msgspec.json.decode(line, type=Row) for line in content.splitlines()]


def contexts(folder: Path, name: str) -> tuple[str, np.ndarray]:
    """Return the texts of all contexts, control pieces by name, and their labels."""
    pieces = Tokenizer(folder / "tokenizer.model").pieces()
    with np.load(folder / f"{name}.npz") as arrays:
        tokens, labels = arrays["tokens"], arrays["labels"]
    assert tokens.shape == labels.shape == (len(tokens), CONTEXT)
    assert (tokens[labels != IGNORED] == labels[labels != IGNORED]).all()
    return "".join(pieces[token] for token in tokens.ravel()).replace("\u2581", " "), labels


def test_everything_is_written(folder: Path) -> None:
    assert sorted(file.name for file in folder.iterdir()) == FILES
    assert Tokenizer(folder / "tokenizer.model").size <= PIECES


def test_pages_and_projects_are_held_out_whole(folder: Path) -> None:
    held = rows((folder / "held.jsonl").read_bytes())
    expected = {*corpora.groups(corpora.PAGES, held=True), *corpora.groups(corpora.PROJECTS, held=True)}
    assert {row.group for row in held} == expected
    assert {row.texts for row in held if row.task == "request"} == set(corpora.requests(held=True))
    assert {row.task for row in held} == {"request", "explain", "session"}


@pytest.mark.parametrize(("name", "held"), [("learning", False), ("held", True)])
def test_what_is_held_out_is_in_no_context_to_learn_from(folder: Path, name: str, held: bool) -> None:  # noqa: FBT001 - a cell
    text, _ = contexts(folder, name)
    for request, line in corpora.requests(held=held):
        assert f"{Piece.REQUEST}{request}{Piece.LINE}{line}" in text
    for request, _ in corpora.requests(held=not held):
        assert f"{request}<" not in text


def test_a_task_is_shown_as_often_as_it_is_emphasised(folder: Path) -> None:
    text, _ = contexts(folder, "learning")
    shown = Counter({task: text.count(sign) for task, sign in {"request": Piece.REQUEST, "fix": "sotr x"}.items()})
    assert shown["request"] == pytest.approx(2.5 * len(corpora.requests(held=False)), rel=0.1)
    assert shown["fix"] == 4  # the weight that corrections have
    alone = text.count(" -j 4</s>")
    assert alone == pytest.approx(0.5 * len(corpora.ANIMALS), rel=0.5)


def test_a_known_request_is_shown_among_near_ones(folder: Path) -> None:
    text, _ = contexts(folder, "learning")
    examples = [example for example in text.split("<s>") if example.startswith(Piece.REQUEST)]
    together = [example.count(Piece.REQUEST) for example in examples]
    assert sum(together) / len(together) > 3


def test_held_out_requests_are_scored_by_and_rows_of_every_task_learnt_again(folder: Path) -> None:
    fixed, again = (
        rows(gzip.decompress((folder / name).read_bytes())) for name in (publicset.SCORED, publicset.LEARNT)
    )
    assert sorted(row.texts for row in fixed) == sorted(corpora.requests(held=True))
    assert {row.task for row in fixed} == {"request"}
    assert {row.texts for row in again if row.task == "request"} == set(corpora.requests(held=False))
    assert {row.task for row in again} == {"request", "session", "line", "fix"}  # explanations weigh too little
    assert {row.group for row in (*fixed, *again)} == {""}
    assert {row.source for row in fixed} == {"zoo/pages"}


def test_the_same_corpora_give_the_same_files(folder: Path, tmp_path: Path) -> None:
    public.prepare(corpora.write(tmp_path / "corpora"), tmp_path, pieces=PIECES)
    for name in FILES:
        if name.endswith(".npz"):  # an archive has the time in it
            with np.load(folder / name) as one, np.load(tmp_path / name) as other:
                assert all((one[key] == other[key]).all() for key in ("tokens", "labels"))
        else:
            assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_request_to_score_by_has_all_its_lines_and_is_asked_nowhere_else() -> None:
    def row(request: str, line: str, weight: float = 1.0) -> Row:
        return Row(task="request", texts=(request, line), source="zoo/pages", licence="MIT", group="zoo", weight=weight)

    held = [row(f"feed {animal}", f"feed {animal}") for animal in map(str, range(public.LEAST))]
    held += [row("feed 0", "feed -a 0"), row("feed x", "feed x", 0.5), row("feed y", "feed y")]
    fixed = public.fixed([row("feed y", "feed -y")], held, seed=0)
    found = {each.texts[0]: each.texts[1:] for each in fixed}
    assert len(found) == len(fixed) == public.LEAST
    assert found["feed 0"] == ("feed 0", "feed -a 0")
    assert "feed x" not in found
    assert "feed y" not in found
    with pytest.raises(TrainingError, match="199 requests of weight 1 are held out"):
        public.fixed([row("feed 0", "feed 0"), row("feed y", "feed -y")], held, seed=0)


def test_weights_are_learnt_and_gone_on_from(folder: Path) -> None:
    steps: list[Step] = []

    def watch(step: Step) -> bool:
        steps.append(step)
        return True

    first = public.learn(folder, "tiny", PLAN, watch)
    assert first == folder / "tiny" / "model"
    more = public.learn(folder, first, PLAN)
    assert more == folder / "more" / "model"
    assert [(step.done, step.total) for step in steps] == [(1, 2), (2, 2)]
    before, after = (LlamaForCausalLM.from_pretrained(each) for each in (first, more))
    words = Tokenizer(folder / "tokenizer.model")
    assert before.config.vocab_size == after.config.vocab_size == words.size
    tokens = torch.tensor([[BOS, number(Piece.LINE), *words.encode("git pull")]])
    with torch.inference_mode():
        losses = [float(each(input_ids=tokens, labels=tokens).loss) for each in (before, after)]
    assert losses[0] != losses[1]
    assert abs(losses[0] - losses[1]) < 0.5  # where it went on, not from the beginning


def test_a_run_goes_on_with_the_same_start_plan_and_contexts_alone(folder: Path, tmp_path: Path) -> None:
    work = shutil.copytree(folder, tmp_path / "work", ignore=shutil.ignore_patterns("tiny", "more"))
    plan = PLAN._replace(steps=1)
    first = public.learn(work, "tiny", plan)
    assert first is not None
    with pytest.raises(TrainingError, match=r"tiny was begun with learning_rate 0\.002, not 0\.001: give the same"):
        public.learn(work, "tiny", plan._replace(learning_rate=1e-3))
    public.learn(work, first, plan)
    other = shutil.copytree(first, tmp_path / "other")
    with pytest.raises(TrainingError, match=r"more was begun with start '.*/tiny/model', not '.*/other'"):
        public.learn(work, other, plan)
    with np.load(work / "learning.npz") as arrays:
        np.savez(tmp_path / "labels.npz", tokens=arrays["tokens"], labels=np.full_like(arrays["labels"], IGNORED))
        fewer = {name: array[1:] for name, array in arrays.items()}
    np.savez(work / "learning.npz", **fewer)
    with pytest.raises(TrainingError, match=r"tiny was begun with contexts '[0-9a-f]+', not '[0-9a-f]+'"):
        public.learn(work, "tiny", plan)
    shutil.copy(tmp_path / "labels.npz", work / "learning.npz")
    with pytest.raises(TrainingError, match=r"tiny was begun with labels '[0-9a-f]+', not '[0-9a-f]+': give"):
        public.learn(work, "tiny", plan)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"start has no config\.json; name the folder of weights that `learn` wrote"),
        ({"config.json": "[]"}, "start holds no weights"),
        ({"config.json": '{"num_attention_heads": 0}', "model.safetensors": "half"}, "start holds no weights"),
        ({"config.json": "{}"}, "start holds no weights"),
        ({"config.json": "{}", "model.safetensors": "half"}, "start holds no weights"),
    ],
)
def test_what_cannot_be_gone_on_from_is_said(folder: Path, tmp_path: Path, files: dict[str, str], said: str) -> None:
    (tmp_path / "start").mkdir()
    for name, text in files.items():
        (tmp_path / "start" / name).write_text(text)
    with pytest.raises(TrainingError, match=said):
        public.learn(folder, tmp_path / "start", PLAN)


def test_weights_of_another_vocabulary_are_refused(folder: Path, tmp_path: Path) -> None:
    model.build("tiny", 500).save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match=r"has 500 pieces and .*tokenizer\.model \d+; take weights of the same"):
        public.learn(folder, tmp_path, PLAN)


def test_another_size_is_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match="'enormous' is not one of tiny, mini, small, base, large"):
        public.learn(folder, "enormous", PLAN)


def test_without_prepared_files_there_is_no_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no tokenizer\.model, learning\.npz, held\.npz; run `python -m train"):
        public.learn(tmp_path, "tiny", PLAN)
