"""The running mean of the weights that previews and exports use."""

from __future__ import annotations

import copy
from itertools import chain

import torch
from torch import Tensor, nn


def decay_at(decay: float, warmup: bool, updates: int) -> float:
    """The decay of the update that follows `updates` others: with warm-up min(decay, (1 + n) / (10 + n))."""
    return min(decay, (1 + updates) / (10 + updates)) if warmup else decay


class EMA:
    """ema ← ema + (1 - decay) (weights - ema) after each update, for all parameters in one call.

    `model` is a module of its own: always in eval mode, and never trained.
    """

    def __init__(self, model: nn.Module) -> None:
        """Of `model`, whose parameters and buffers must stay the tensors that they are."""
        self.model = frozen_copy(model)
        self.updates = 0
        self._means: list[Tensor] = list(self.model.parameters())
        self._weights: list[Tensor] = list(model.parameters())
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, decay: float, warmup: bool) -> None:
        torch._foreach_lerp_(self._means, self._weights, 1.0 - decay_at(decay, warmup, self.updates))
        for mean, buffer in self._buffers:
            mean.copy_(buffer)
        self.updates += 1


def frozen_copy(model: nn.Module) -> nn.Module:
    """A copy in eval mode whose weights ask for no gradient."""
    return copy.deepcopy(model).eval().requires_grad_(False)


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Every parameter and buffer of `source` into `target`, in place."""
    for to, of in zip(
        chain(target.parameters(), target.buffers()), chain(source.parameters(), source.buffers()), strict=True
    ):
        to.copy_(of)
