from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs [train]")

import gguf
import torch
from gguf import quants

from assistant_core.engine import registry
from assistant_core.engine.prompt import Piece, number
from training import forgetting, publicset, reopen
from training.corpus import harmless
from training.examples import encode
from training.measuring import Steps
from training.tokenizer import Tokenizer

REQUEST = number(Piece.REQUEST)
SHIPPED = registry.SHIPPED / "command"
ROWS = publicset.learning()[:200]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publicset, "learning", lambda: ROWS)


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    return Tokenizer(SHIPPED / "tokenizer.model")


@pytest.mark.parametrize("own", [400, 4_000, 40_000])
def test_each_task_has_its_part_of_as_many_tokens_as_are_the_users_own(words: Tokenizer, own: int) -> None:
    of_task = {tuple(each.tokens): row.task for row in [*harmless.read(), *ROWS] for each in encode(row, words)}
    tokens: Counter[str] = Counter()
    for example in forgetting.replayed(words, own):
        task = "request" if REQUEST in example.tokens else of_task[tuple(example.tokens)]
        tokens[task] += len(example.tokens)
    assert set(tokens) == {"fix", "line", "request", "session"}
    assert all(own / 4 <= count < own / 4 + 256 for count in tokens.values())


def test_nothing_comes_again_before_all_came_and_a_third_of_the_requests_never(words: Tokenizer) -> None:
    requests = [next(encode(row, words)).tokens[1:-1] for row in ROWS if row.task == "request"]
    enough = 4 * sum(map(len, requests))
    found = Counter(part for each in forgetting.replayed(words, enough) for part in parts(each.tokens))
    times = [found[tuple(tokens)] for tokens in requests]
    assert set(times[::3]) == {0}
    assert set(times) == {0, 1, 2}


def parts(tokens: list[int]) -> list[tuple[int, ...]]:
    """Return the requests of a chain, each with its line."""
    starts = [at for at, token in enumerate(tokens) if token == REQUEST]
    return [tuple(tokens[start:end]) for start, end in pairwise([*starts, len(tokens) - 1])]


@pytest.mark.parametrize(("noise", "part"), [(0.0, 1.0), (0.5, 0.25)])
def test_a_model_goes_as_far_as_it_does_not_forget(noise: float, part: float, tmp_path: Path) -> None:
    model = reopen.reopen(SHIPPED / "command.gguf")
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    torch.manual_seed(0)
    for value in model.parameters():
        value.data += noise * torch.randn_like(value)
    (tmp_path / "model").mkdir()
    trained = model.model.norm.weight.detach().clone()
    told: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: told.append((done, total)))
    went = forgetting.export_blend(
        model, before, SHIPPED / "command.gguf", SHIPPED / "tokenizer.model", tmp_path / "model", steps=steps
    )
    assert went == part
    tries = 2 + forgetting.PARTS.index(part)
    requests = sum(row.task == "request" for row in ROWS)
    asked = tries * -(-requests // forgetting.KEPT_BACK)
    assert told[-1] == (asked, asked)
    assert len(told) == tries + asked
    written = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "model/command.gguf").tensors}
    norm = written["output_norm.weight"]
    expected = before["model.norm.weight"].lerp(trained, part)
    assert quants.dequantize(norm.data, norm.tensor_type) == pytest.approx(expected.numpy(), abs=1e-6)
