"""What a model consists of and what training it takes, without a forward pass on real numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tui_lab.model_summary import Block, ModelSummary
from tui_lab.models.answering import answer
from tui_lab.models.building import build
from tui_lab.models.cost import training_cost
from tui_lab.recipe import Recipe


def summary(recipe: Recipe, autocast: bool = False) -> ModelSummary:
    """On tensors without bytes, so that the largest model costs no memory. `autocast`: training is in bf16 or fp16."""
    with torch.device("meta"):
        model = build(recipe).eval()
    cost = training_cost(recipe, autocast)
    return ModelSummary(_count(model), tuple(_blocks(recipe, model)), cost.flops, cost.memory)


def _blocks(recipe: Recipe, model: nn.Module) -> Iterator[Block]:
    """Those that run, in their order."""
    shapes: dict[str, tuple[int, ...]] = {}
    parts = {name: (module, depth) for name, module, depth in _parts(model)}

    def begin(name: str) -> None:
        shapes.setdefault(name, ())

    def end(name: str, output: object) -> None:
        # A down block answers (output, skip connections), an adaptive norm (output, gate, …).
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, Tensor):
            shapes[name] = tuple(first.shape[1:])

    for name, (module, _) in parts.items():
        module.register_forward_pre_hook(lambda _m, _i, name=name: begin(name))
        module.register_forward_hook(lambda _m, _i, output, name=name: end(name, output))
    with torch.no_grad(), torch.device("meta"):
        t = torch.zeros(1, dtype=torch.int64)
        answer(recipe.model, model, torch.empty(1, recipe.dataset.channels, *recipe.dataset.size), t, t)
    for name, shape in shapes.items():
        module, depth = parts[name]
        yield Block(name, type(module).__name__, depth, _count(module), shape)


def _parts(module: nn.Module, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, nn.Module, int]]:
    """Children and theirs, lists taken apart; those without parameters say nothing and are left out."""
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield from _parts(child, f"{prefix}{name}.", depth)
        elif _count(child):
            yield f"{prefix}{name}", child, depth
            if depth == 0:
                yield from _parts(child, f"{prefix}{name}.", 1)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
