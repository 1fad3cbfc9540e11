"""What every run of transformers' Trainer shares: what the hardware can do, where to go on, and who is told.

In: a run's folder, a watcher. Out: values for TrainingArguments, and a callback.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments


class Step(NamedTuple):
    """What a watcher is told after each step."""

    done: int
    total: int
    loss: float | None  # nats a token, as it was logged last
    tokens_per_s: float


# Told of every step; False ends the run early, with a checkpoint.
Watcher = Callable[[Step], bool]


class Watch(TrainerCallback):
    """Tells the watcher, and measures the speed without the first step, in which kernels are made."""

    def __init__(self, watcher: Watcher | None, tokens_a_step: float) -> None:
        self._watcher = watcher
        self._tokens = tokens_a_step
        self._since: tuple[int, float] | None = None
        self.tokens_per_s = 0.0

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401 - the parent's
    ) -> None:
        """Tell the watcher; stop with a checkpoint if it says so."""
        now = time.monotonic()
        if self._since is None:
            self._since = (state.global_step, now)
        elif now > self._since[1]:
            steps = state.global_step - self._since[0]
            self.tokens_per_s = steps * self._tokens * args.world_size / (now - self._since[1])
        loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), None)
        step = Step(state.global_step, state.max_steps, loss, self.tokens_per_s)
        if self._watcher is not None and not self._watcher(step):
            control.should_training_stop = control.should_save = True


def has_bf16() -> bool:
    """Return whether bfloat16 is computed in hardware: elsewhere it is slower than float32."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", flags) is not None


def checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that was written to its end; trainer_state.json is written last."""
    while folder.is_dir() and (found := get_last_checkpoint(str(folder))) is not None:  # type: ignore[no-untyped-call]
        newest = Path(found)
        if _is_whole(newest / "trainer_state.json"):
            return str(newest)
        shutil.rmtree(newest)  # and not renamed: the same one may be cut off again
    return None


def _is_whole(state: Path) -> bool:
    try:
        return isinstance(json.loads(state.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False
