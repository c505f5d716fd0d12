"""What a training step computes and holds, told from a dry run on tensors that have a shape and no bytes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

from tui_lab.model_summary import Memory
from tui_lab.models.answering import answer
from tui_lab.models.building import build
from tui_lab.recipe import Recipe

_FLOAT32 = 4
"""Bytes of all that is kept for a parameter: autocast's copies in half precision come and go."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`flops`: floating-point operations of an update, forward and back; a multiplication and its addition are two."""

    flops: int
    memory: Memory


def held_memory(recipe: Recipe, model: nn.Module) -> Memory:
    """What training `model`, built from the recipe, holds between two updates, without activations."""
    weights = _FLOAT32 * sum(parameter.numel() for parameter in model.parameters())
    gradients = _FLOAT32 * sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    copies = weights * (1 + recipe.ema.enabled)
    return Memory(weights, gradients, optimizer=2 * gradients, copies=copies, activations=0)


def training_cost(recipe: Recipe, autocast: bool = False) -> Cost:
    """Of one update at the recipe's batch size and accumulation, with the model under autocast to half precision or
    without.

    Counted are matrix products, convolutions and attention, which are nearly all of it. Activations are the most that
    a batch holds beside the gradients: what is kept for the way back, and what comes and goes there.
    """
    batch, (height, width) = recipe.training.train_batch_size, recipe.dataset.size
    with FakeTensorMode():
        model = build(recipe).train()
        x = torch.empty(batch, recipe.dataset.channels, height, width)
        t = torch.zeros(batch, dtype=torch.int64)
        meter = _Meter(model.parameters())
        with meter, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            said = answer(recipe.model, model, x, t, t)
            said.to(torch.float32).square().sum().backward()
    held = held_memory(recipe, model)
    memory = replace(held, activations=max(0, meter.peak - held.gradients))
    return Cost(meter.flops * recipe.training.gradient_accumulation_steps, memory)


class _Meter(TorchDispatchMode):
    """Counts operations, and the bytes of all storages that are alive, other than those of `known` tensors."""

    def __init__(self, known: Any) -> None:
        super().__init__()
        self.flops = 0
        self.peak = 0
        self._now = 0
        self._alive = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if count := _formula(func):
            self.flops += count(*args, **(kwargs or {}), out_val=made)
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._hold(tensor.untyped_storage())
        return made

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return
        self._alive.add(key)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._alive.discard(key)
        self._now -= size


def _formula(func: torch._ops.OpOverload) -> Callable[..., int] | None:
    return _CPU_ATTENTION.get(func._overloadpacket) or flop_registry.get(func._overloadpacket)


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))


def _attention_back(grad: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad.shape, query.shape, key.shape, value.shape))


_CPU_ATTENTION: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_back,
}
"""torch's own register lacks these."""
