"""Contexts and a model to weights: transformers' Trainer with our data, optimizer and watchers.

In: packed contexts, a plan, a folder. Out: `folder/model` (config.json, model.safetensors), `folder/curves.html` and
`folder/log.json`; `folder/checkpoint-N` meanwhile, from which a run that was cut off goes on as if it had not been.
Under `torchrun` the same call trains on every process given, over NCCL on GPUs and gloo on CPUs.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_model
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerState, TrainingArguments, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_NAME
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from assistant_core.errors import TrainingError
from training import curves, optimizer
from training.runs import Watch, checkpoint, has_bf16

if TYPE_CHECKING:
    from pathlib import Path

    from training.examples import Packed
    from training.model import CommandLlama
    from training.runs import Watcher

COMPILING_PAYS = 500  # steps; compiling takes a minute and gains a fifth on a CPU
LOWEST_RATE = 0.05  # of the learning rate, at the end of the schedule
LOG = "log.json"


class Plan(NamedTuple):
    """How to train. One step sees `batch * accumulation` contexts a process."""

    steps: int
    batch: int = 32
    accumulation: int = 1
    learning_rate: float = 2e-3
    warmup: int = 100  # steps
    weight_decay: float = 0.1
    seed: int = 0
    save_every: int = 200  # steps
    evaluate_every: int = 0  # steps; 0: at the end alone
    compile: bool | None = None  # None: where it pays


def train(  # noqa: PLR0913 - data in, model in, place, plan, watcher
    model: CommandLlama,
    learning: Packed,
    held: Packed | None,
    folder: Path,
    plan: Plan,
    *,
    watcher: Watcher | None = None,
) -> Path | None:
    """Train `model` in place and return the folder of its weights; None if the watcher ended the run before its end.

    Goes on from the last checkpoint in `folder`, and no further where that is the end. Raises TrainingError if there
    is nothing to learn from.
    """
    if not len(learning.tokens):
        raise TrainingError("nothing to learn from: no example fits a context")
    disable_progress_bar()  # type: ignore[no-untyped-call] # of each file of weights: the watcher tells how far it is
    set_verbosity_error()  # type: ignore[no-untyped-call] # as it warns of how it looks for checkpoints, each time
    set_seed(plan.seed)
    if plan.steps >= COMPILING_PAYS if plan.compile is None else plan.compile:
        model.model.compile()
    watch = Watch(watcher, learning.tokens.shape[1] * plan.batch * plan.accumulation)
    trainer = Trainer(
        model=model,
        args=_arguments(folder, plan, evaluated=held is not None),
        train_dataset=_Contexts(learning),
        eval_dataset=_Contexts(held) if held is not None else None,
        callbacks=[watch],
        optimizers=(optimizer.build(model, plan.learning_rate, plan.weight_decay), None),
    )
    trainer.remove_callback(PrinterCallback)
    if not _ended(trainer, model, newest := checkpoint(folder)):
        trainer.train(resume_from_checkpoint=newest)
    if trainer.state.global_step < plan.steps:
        _end(trainer)
        return None
    if held is not None:
        trainer.evaluate()
    if trainer.is_world_process_zero():
        model.save_pretrained(folder / "model")
        log = {"tokens_per_s": watch.tokens_per_s, "steps": trainer.state.log_history}
        (folder / LOG).write_text(json.dumps(log, indent=1))
        curves.write(trainer.state.log_history, folder / "curves.html")
    _end(trainer)
    return folder / "model"


def _ended(trainer: Trainer, model: CommandLlama, newest: str | None) -> bool:
    """Say whether the checkpoint is that of the last step, and take its weights then; transformers would go on."""
    if newest is None:
        return False
    state = TrainerState.load_from_json(os.path.join(newest, TRAINER_STATE_NAME))  # noqa: PTH118 - texts, as it wants
    if state.global_step < trainer.args.max_steps:
        return False
    load_model(model, os.path.join(newest, SAFE_WEIGHTS_NAME))  # noqa: PTH118 - as above
    trainer.state = state
    return True


def _end(trainer: Trainer) -> None:
    """Leave the other processes, if any, when all are done: gloo aborts one whose peer has gone before it has left."""
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


class _Contexts(Dataset[dict[str, torch.Tensor]]):
    def __init__(self, packed: Packed) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed.tokens)

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        tokens, labels = (torch.from_numpy(np.asarray(each[at], dtype=np.int64)) for each in self._packed)
        return {"input_ids": tokens, "labels": labels}


def _arguments(folder: Path, plan: Plan, *, evaluated: bool) -> TrainingArguments:
    gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch,
        per_device_eval_batch_size=plan.batch,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": LOWEST_RATE},
        warmup_steps=plan.warmup,
        max_grad_norm=1.0,
        seed=plan.seed,
        bf16=has_bf16(),
        use_cpu=not gpu,
        ddp_backend=None if "RANK" not in os.environ else "nccl" if gpu else "gloo",
        ddp_find_unused_parameters=False,
        eval_strategy="steps" if evaluated and plan.evaluate_every else "no",
        eval_steps=plan.evaluate_every or None,
        prediction_loss_only=True,
        logging_steps=10,
        logging_nan_inf_filter=False,
        save_steps=plan.save_every,
        save_total_limit=2,
        save_only_model=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=gpu,
        remove_unused_columns=False,
        label_names=["labels"],
    )
