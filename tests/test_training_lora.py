"""A chat model and rows to an adapter; the adapter that is trained is the adapter that answers."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peft
import pytest
import tiny_models
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, LlamaForCausalLM

from assistant_core.engine import chat
from assistant_core.engine.adapters import Adapters
from assistant_core.engine.llama import Context
from assistant_core.errors import ModelError, TrainingError
from training import export, fidelity, lora
from training.examples import IGNORED
from training.recipes import RECIPES, Recipe
from training.records import Row, Task
from training.runs import Step

# peft asks transformers for a name that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

QUICK = Recipe(epochs=2, batch=2, accumulation=1, learning_rate=0.02, general=0.0, save_every=2)


def row(task: Task, *texts: str, weight: float = 1.0) -> Row:
    return Row(task=task, texts=texts, source="test", licence="MIT", weight=weight)


ROWS = [row("request", asked, line) for asked, line in tiny_models.REQUESTS.items()]


class Base(NamedTuple):
    folder: Path
    gguf: Path
    rows: list[list[int]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("chat")
    words = tiny_models.vocabulary(folder / "tokenizer.model")
    tiny_models.chat_folder(folder, words.size)
    export.to_gguf(folder, words.file, folder / "base.gguf", kind="f32")
    rows = [np.random.default_rng(seed).integers(0, words.size, 60).tolist() for seed in range(3)]
    return Base(folder, folder / "base.gguf", rows)


@pytest.fixture
def context(base: Base) -> Iterator[Context]:
    with closing(Context(base.gguf, tokens=256, exact=True)) as context:
        yield context


def answering(base: Base, adapter: Path, scale: float = 1.0) -> torch.nn.Module:
    """Return the base with the adapter as peft applies it."""
    model = peft.PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base.folder), adapter)
    for module in model.modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            module.scale_layer(scale)
    model.train(mode=False)
    return model


def written(base: Base, adapter: Path, out: Path) -> Path:
    export.adapter_to_gguf(adapter, base.folder / "config.json", out)
    return out


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_adapter_that_is_trained_is_the_adapter_that_answers(
    base: Base, context: Context, tmp_path: Path, recipe: Recipe
) -> None:
    trained = lora.train(
        base.folder, ROWS, [], tmp_path, recipe=QUICK._replace(rank=recipe.rank, targets=recipe.targets)
    )
    assert trained is not None
    before = [context.logits(tokens) for tokens in base.rows]
    adapters = Adapters(context)
    adapters.load("mine", written(base, trained, tmp_path / "adapter.gguf"))
    adapters.switch("mine")
    assert fidelity.logit_difference(answering(base, trained), context, base.rows) < 1e-3
    assert max(np.abs(context.logits(tokens) - old).max() for tokens, old in zip(base.rows, before, strict=True)) > 0.1
    adapters.switch("mine", 0.5)
    assert fidelity.logit_difference(answering(base, trained, 0.5), context, base.rows) < 1e-3
    adapters.off()
    assert all(np.array_equal(context.logits(tokens), old) for tokens, old in zip(base.rows, before, strict=True))


def test_rank_stabilised_adapters_answer_as_well(base: Base, context: Context, tmp_path: Path) -> None:
    config = peft.LoraConfig(
        r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "k_proj"], init_lora_weights=False
    )
    peft.get_peft_model(LlamaForCausalLM.from_pretrained(base.folder), config).save_pretrained(str(tmp_path))
    adapters = Adapters(context)
    adapters.load("mine", written(base, tmp_path, tmp_path / "adapter.gguf"))
    adapters.switch("mine")
    assert fidelity.logit_difference(answering(base, tmp_path), context, base.rows) < 1e-3


def random_adapter(base: Base, folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(LlamaForCausalLM.from_pretrained(base.folder), config).save_pretrained(str(folder))
    return written(base, folder, folder / "adapter.gguf")


@pytest.fixture
def adapters(base: Base, context: Context, tmp_path: Path) -> Adapters:
    adapters = Adapters(context)
    adapters.load("mine", random_adapter(base, tmp_path / "mine"))
    return adapters


def test_what_was_held_is_forgotten_at_each_switch(base: Base, context: Context, tmp_path: Path) -> None:
    adapters = Adapters(context)
    for name, seed in (("a", 0), ("b", 1)):
        adapters.load(name, random_adapter(base, tmp_path / name, seed))
    rows: dict[str, NDArray[np.float32]] = {}
    tokens = base.rows[0]
    for name in ("", "a", "b", "a", "", "b"):
        if name:
            adapters.switch(name)
        else:
            adapters.off()
        assert adapters.on == ((name, 1.0) if name else None)
        row = context.prefill(tokens)
        assert np.array_equal(rows.setdefault(name, row), row)
    assert np.abs(rows["a"] - rows["b"]).max() > 0.1


@pytest.mark.parametrize(
    ("name", "scale", "message"),
    [
        ("other", 1.0, "'other' is not loaded; these are: mine"),
        ("mine", 1.5, "is 1.5; expected 0 to 1"),
        ("mine", -0.1, "is -0.1; expected 0 to 1"),
    ],
)
def test_a_switch_that_cannot_be_is_refused(adapters: Adapters, name: str, scale: float, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        adapters.switch(name, scale)
    assert adapters.on is None


def test_no_strength_is_off(adapters: Adapters) -> None:
    adapters.switch("mine", 0.5)
    assert adapters.on == ("mine", 0.5)
    adapters.switch("mine", 0.0)
    assert adapters.on is None


def test_a_name_is_given_once(adapters: Adapters, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="loaded already"):
        adapters.load("mine", tmp_path / "mine" / "adapter.gguf")


def test_an_adapter_of_another_model_is_refused(base: Base, context: Context, tmp_path: Path) -> None:
    tiny_models.llama(400, hidden_size=32).save_pretrained(tmp_path / "other")
    other = random_adapter(Base(tmp_path / "other", base.gguf, []), tmp_path / "adapter")
    with pytest.raises(ModelError, match=r"adapter\.gguf is no adapter of this model \(.*tensor"):
        Adapters(context).load("other", other)
    with pytest.raises(ModelError, match=r"missing\.gguf is no adapter"):
        Adapters(context).load("missing", tmp_path / "missing.gguf")


# --- what is learnt from -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "texts", "asked", "answer"),
    [
        ("request", ("what changed", "git status"), chat.request("what changed"), "git status"),
        ("fix", ("gti", "git"), chat.repair("gti"), "git"),
    ],
)
def test_only_the_answer_is_learnt(
    base: Base, task: Task, texts: tuple[str, ...], asked: list[chat.Message], answer: str
) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(base.folder)
    example = lora.encode(row(task, *texts), tokenizer, 10_000)
    assert example is not None
    learnt = [token for token, label in zip(example.input_ids, example.labels, strict=True) if label != IGNORED]
    before = example.input_ids[: -len(learnt)]
    question = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(before) == question + chat.OPEN
    assert tokenizer.decode(learnt) == f"{answer}{chat.CLOSE}<|end|>"
    assert [label for label in example.labels if label != IGNORED] == learnt


@pytest.mark.parametrize(
    ("made", "longest"), [(row("line", "ls"), 500), (row("session", "ls", "cd"), 500), (row("request", "a", "b"), 9)]
)
def test_what_is_no_conversation_or_too_long_is_left_out(base: Base, made: Row, longest: int) -> None:
    assert lora.encode(made, AutoTokenizer.from_pretrained(base.folder), longest) is None


@pytest.mark.parametrize(("share", "there", "expected"), [(0.25, 100, 5), (0.2, 100, 4), (0.25, 2, 2), (0.0, 9, 0)])
def test_general_rows_are_mixed_in(share: float, there: int, expected: int) -> None:
    own = [row("request", str(at), "own", weight=3.0) for at in range(5)]
    general = [row("request", str(at), "general") for at in range(there)]
    mixed = lora.mix(own, general, share, seed=0)
    counts = Counter(each.texts[1] for each in mixed)
    assert counts["own"] == 15
    assert counts["general"] == len({each.texts for each in mixed if each.texts[1] == "general"}) == expected


# --- runs ----------------------------------------------------------------------------------------------------------


def weights(folder: Path | None) -> dict[str, torch.Tensor]:
    assert folder is not None
    return peft.load_peft_weights(str(folder), device="cpu")


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(base: Base, tmp_path: Path) -> None:
    steps: list[Step] = []

    def third(step: Step) -> bool:
        steps.append(step)
        return step.done < 3

    assert lora.train(base.folder, ROWS, [], tmp_path / "cut", recipe=QUICK, watcher=third) is None
    assert [(step.done, step.total) for step in steps] == [(1, 4), (2, 4), (3, 4)]
    cut = weights(lora.train(base.folder, ROWS, [], tmp_path / "cut", recipe=QUICK))
    whole = weights(lora.train(base.folder, ROWS, [], tmp_path / "whole", recipe=QUICK))
    assert cut.keys() == whole.keys()
    assert all(torch.equal(cut[name], whole[name]) for name in whole)


def test_a_run_leaves_its_curves_and_goes_on_with_the_same_recipe_alone(base: Base, tmp_path: Path) -> None:
    assert lora.train(base.folder, ROWS, [], tmp_path, recipe=QUICK) is not None
    assert "http://www.w3.org/2000/svg" in (tmp_path / "curves.html").read_text()
    assert json.loads((tmp_path / "log.json").read_bytes())["steps"][-1]["step"] == 4
    with pytest.raises(TrainingError, match="begun with rank 8, not 4: give the same"):
        lora.train(base.folder, ROWS, [], tmp_path, recipe=QUICK._replace(rank=4))
    with pytest.raises(TrainingError, match=r"begun with examples '[0-9a-f]+', not '[0-9a-f]+': give the same"):
        lora.train(base.folder, ROWS[1:], [], tmp_path, recipe=QUICK)


def test_a_model_without_a_template_is_refused(base: Base, tmp_path: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(base.folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    tiny_models.llama(300).save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match="has no chat template"):
        lora.train(tmp_path, ROWS, [], tmp_path / "run")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no tokenizer"):
        lora.train(tmp_path, ROWS, [], tmp_path / "run")
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(TrainingError, match="holds no tokenizer"):
        lora.train(tmp_path, ROWS, [], tmp_path / "run")
    with pytest.raises(TrainingError, match="missing is no folder; name the folder of a chat model"):
        lora.train(tmp_path / "missing", ROWS, [], tmp_path / "run")


def test_weights_that_are_damaged_are_named(base: Base, tmp_path: Path) -> None:
    folder = shutil.copytree(base.folder, tmp_path / "base")
    (folder / "model.safetensors").write_text("half")
    with pytest.raises(TrainingError, match=r"base holds no model \(.+\); its weights are needed"):
        lora.train(folder, ROWS, [], tmp_path / "run", recipe=QUICK)


def test_nothing_to_learn_from_is_an_error(base: Base, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="none of 1 rows is a request or fix"):
        lora.train(base.folder, [row("line", "ls")], [], tmp_path)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception(messages[1].content) }}", "refuses a conversation .TemplateError"),
        ("{{ messages | length }}{{ messages[1].content }}", "changes the question when the answer is there"),
    ],
)
def test_a_template_that_cannot_be_learnt_with_is_named(base: Base, template: str, reason: str) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(base.folder)
    tokenizer.chat_template = template
    with pytest.raises(TrainingError, match=reason) as refused:
        lora.encode(row("request", "what nobody else must read", "ls"), tokenizer, 500)
    assert "nobody" not in str(refused.value)
