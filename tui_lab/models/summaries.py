"""What a model consists of, without a forward pass on real numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tui_lab.models.building import build
from tui_lab.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the network, in the order it runs: its shape is the output's, (C, H, W), or (C,) for the embedding."""

    name: str
    kind: str
    parameters: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSummary:
    parameters: int
    blocks: tuple[Block, ...]


def summary(recipe: Recipe) -> ModelSummary:
    """Parameters and the output shape of each block; on the meta device, so that the largest model costs no memory."""
    with torch.device("meta"):
        model = build(recipe)
        x = torch.empty(1, recipe.dataset.channels, recipe.dataset.resolution, recipe.dataset.resolution)
        t = torch.zeros(1, dtype=torch.int64)
    ran: list[Block] = []
    for name, module in _parts(model):

        def note(module: nn.Module, _inputs: object, output: object, name: str = name) -> None:
            # A down block answers (output, skip connections).
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                ran.append(Block(name, type(module).__name__, _count(module), tuple(first.shape[1:])))

        module.register_forward_hook(note)
    with torch.no_grad():
        model(x, t)
    return ModelSummary(_count(model), tuple(ran))


def _parts(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The model's children, with lists of blocks taken apart; those without parameters say nothing and are left out."""
    parts: list[tuple[str, nn.Module]] = []
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList):
            parts += [(f"{name}.{i}", block) for i, block in enumerate(child)]
        elif _count(child):
            parts.append((name, child))
    return parts


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
