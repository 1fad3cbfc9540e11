"""The optimizer: Muon for the matrices within the layers, AdamW for embeddings and norms.

In: a model. Out: one optimizer that drives both. Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) with
the step size of Liu et al. (arXiv 2502.16982), so that both use one learning rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

BETAS = (0.9, 0.95)


class Pair(torch.optim.Optimizer):
    """Two optimizers as one: their groups side by side, their states in one dictionary."""

    def __init__(self, first: torch.optim.Optimizer, second: torch.optim.Optimizer) -> None:
        self._both = (first, second)
        super().__init__([*first.param_groups, *second.param_groups], {})
        start = 0
        for each in self._both:  # the same dictionaries, so that a schedule reaches both
            end = start + len(each.param_groups)
            each.param_groups = self.param_groups[start:end]
            start = end

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no closure is used
        """Take a step with both."""
        for each in self._both:
            each.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both."""
        return {"both": [each.state_dict() for each in self._both]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states of both back."""
        groups: list[dict[str, Any]] = []
        for each, state in zip(self._both, state_dict["both"], strict=True):
            each.load_state_dict(state)
            groups += each.param_groups
        self.param_groups = groups


def build(model: torch.nn.Module, learning_rate: float, weight_decay: float) -> Pair:
    """Return the optimizer of a Llama."""
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and "embed" not in name else others).append(parameter)  # noqa: PLR2004 - a matrix
    muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    return Pair(muon, torch.optim.AdamW(others, lr=learning_rate, betas=BETAS, weight_decay=weight_decay))
