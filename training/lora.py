"""A chat model and rows to an adapter: low-rank adaptation (Hu et al., arXiv 2106.09685) with peft.

In: the folder of a chat model as transformers saves it, the user's rows, general rows. Out: the folder of an adapter
as peft saves it, which training.export turns into what llama.cpp runs; beside it `curves.html` and `log.json`. Only
the answers are learnt; the general rows are mixed in so that what the model could before is not forgotten.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, Trainer, TrainingArguments, set_seed
from transformers.utils.logging import disable_progress_bar

from assistant_core.engine import chat
from assistant_core.errors import TrainingError
from training import begun, curves
from training.examples import IGNORED
from training.recipes import RECIPES, Recipe
from training.runs import Watch, Watcher, checkpoint, has_bf16
from training.trainer import LOG

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from training.records import Row


class Example(NamedTuple):
    """Tokens of a whole conversation; labels of that length, IGNORED before the answer."""

    input_ids: list[int]
    labels: list[int]


def train(  # noqa: PLR0913 - model, data, place, recipe, watcher
    base: Path,
    rows: Sequence[Row],
    general: Sequence[Row],
    folder: Path,
    *,
    recipe: Recipe = RECIPES["attention"],
    watcher: Watcher | None = None,
) -> Path | None:
    """Train an adapter of the chat model in `base` and return its folder; None if the watcher ended the run early.

    Goes on from the last checkpoint in `folder`. Raises TrainingError if `base` is no chat model, nothing is to be
    learnt, or the run in `folder` was begun with something else.
    """
    tokenizer = _tokenizer(base)
    mixed = mix(rows, [row for row in general if messages(row)], recipe.general, recipe.seed)
    examples = [made for row in mixed if (made := encode(row, tokenizer, recipe.longest)) is not None]
    if not examples:
        raise TrainingError(f"nothing to learn from: none of {len(mixed)} rows is a request or fix that fits")
    learnt = begun.digest(json.dumps(examples).encode())
    begun.check(folder, {"base": str(base.resolve()), "examples": learnt, **recipe._asdict()})
    set_seed(recipe.seed)
    model = _adapted(_base(base), recipe)
    watch = Watch(
        watcher, sum(len(each.input_ids) for each in examples) / len(examples) * recipe.batch * recipe.accumulation
    )
    trainer = Trainer(
        model=model,
        args=_arguments(folder, recipe),
        train_dataset=examples,
        data_collator=_Padded(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)  # the watcher shows it, and the log keeps it
    trainer.train(resume_from_checkpoint=checkpoint(folder))
    if trainer.state.global_step < trainer.state.max_steps:
        return None
    model.save_pretrained(str(folder / "adapter"))
    log = {"tokens_per_s": watch.tokens_per_s, "steps": trainer.state.log_history}
    (folder / LOG).write_text(json.dumps(log, indent=1))
    curves.write(trainer.state.log_history, folder / "curves.html")
    return folder / "adapter"


def mix(rows: Sequence[Row], general: Sequence[Row], share: float, seed: int) -> list[Row]:
    """Return `rows`, each as often as its weight says, and so many of `general` that they are `share` of all."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    own = [row for row in rows for _ in range(int(row.weight + chance.random()))]
    wanted = min(len(general), round(len(own) * share / (1 - share)))
    return own + chance.sample(list(general), wanted)


def messages(row: Row) -> tuple[list[chat.Message], str] | None:
    """Return what is asked and the line that answers it; None for what is no such conversation."""
    match row.task, row.texts:
        case "request", (text, line):
            return chat.request(text), line
        case "fix", (wrong, right):
            return chat.repair(wrong, _code(row)), right
    return None


def encode(row: Row, tokenizer: PreTrainedTokenizerBase, longest: int) -> Example | None:
    """Return the example of a row in the model's chat template; None where it is no conversation or too long.

    The question ends as at its use, with what opens the answer; the answer with what the template closes it with.
    """
    conversation = messages(row)
    if conversation is None:
        return None
    asked, answer = conversation
    whole = [*asked, {"role": "assistant", "content": chat.OPEN + answer + chat.CLOSE}]

    def written(turns: list[chat.Message], *, ask: bool = False) -> str:
        try:
            made = tokenizer.apply_chat_template(
                list(turns), tokenize=False, add_generation_prompt=ask, enable_thinking=chat.THINKING
            )
        except Exception as error:  # whatever a template, which is a program, comes to; it may hold the question
            reason = f"refuses a conversation ({type(error).__name__}); name another model"
            raise TrainingError(f"the chat template {reason}") from error
        return str(made)

    question, text = written(asked, ask=True) + chat.OPEN, written(whole)
    if not text.startswith(question):
        raise TrainingError("the chat template changes the question when the answer is there; name another model")
    before = tokenizer.encode(question, add_special_tokens=False)
    after = tokenizer.encode(text.removeprefix(question), add_special_tokens=False)
    if len(before) + len(after) > longest:
        return None
    return Example([*before, *after], [IGNORED] * len(before) + after)


def _code(row: Row) -> int:
    return (row.exits[0] if row.exits else None) or 1


class _Padded:
    """Puts examples of several lengths into one batch."""

    def __init__(self, padding: int) -> None:
        self._padding = padding

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        length = max(len(each.input_ids) for each in examples)
        return {
            "input_ids": torch.tensor([_filled(each.input_ids, self._padding, length) for each in examples]),
            "labels": torch.tensor([_filled(each.labels, IGNORED, length) for each in examples]),
            "attention_mask": torch.tensor([_filled([1] * len(each.input_ids), 0, length) for each in examples]),
        }


def _filled(values: list[int], filler: int, length: int) -> list[int]:
    return values + [filler] * (length - len(values))


def _tokenizer(base: Path) -> PreTrainedTokenizerBase:
    if not base.is_dir():  # transformers would take it for a name on a server
        raise TrainingError(f"{base} is no folder; name the folder of a chat model as transformers saves it")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
    except Exception as error:  # whatever transformers makes of what is there
        raise TrainingError(f"{base} holds no tokenizer ({error}); name the folder of a chat model") from error
    if not tokenizer.chat_template:
        raise TrainingError(f"{base} has no chat template; name a model that was made for conversation")
    return tokenizer


def _base(base: Path) -> Any:  # noqa: ANN401 - of any architecture
    precision = torch.bfloat16 if has_bf16() else torch.float32
    disable_progress_bar()  # type: ignore[no-untyped-call] # of each file of weights: the watcher tells how far it is
    try:
        return AutoModelForCausalLM.from_pretrained(str(base), dtype=precision, local_files_only=True)
    except Exception as error:  # as above
        raise TrainingError(
            f"{base} holds no model ({error}); its weights are needed as transformers saves them"
        ) from error


def _adapted(model: Any, recipe: Recipe) -> Any:  # noqa: ANN401 - of any architecture
    with warnings.catch_warnings():  # peft asks transformers for a name that transformers has renamed
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return get_peft_model(model, _config(recipe))


def _config(recipe: Recipe) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        bias="none",
    )


def _arguments(folder: Path, recipe: Recipe) -> TrainingArguments:
    gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.03,  # of all steps
        seed=recipe.seed,
        bf16=has_bf16(),
        use_cpu=not gpu,
        logging_steps=1,
        save_steps=recipe.save_every,
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
        remove_unused_columns=False,
        label_names=["labels"],
    )
