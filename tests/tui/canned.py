"""Answers of a workbench that needs no torch: what a test asks for is what it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tui_lab.recipe import parse_recipe
from tui_lab.workbench.client import Block, Memory, ModelSummary, OneBatch, Probe, Workbench


class Asked(list[tuple[str, Any]]):
    """(operation, what it was about), in the order in which they were asked."""

    def of(self, operation: str) -> list[Any]:
        return [about for name, about in self if name == operation]


def can_workbench(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Let every Workbench give these answers."""
    asked = Asked()

    async def summary(_: Workbench, recipe_toml: str) -> ModelSummary:
        recipe = parse_recipe(recipe_toml)
        asked.append(("summary", recipe.model))
        blocks = (
            Block("conv_in", "Conv2d", 0, 896, (32, 16, 16)),
            Block("down_blocks.0", "DownBlock2D", 0, 45_000, (32, 16, 16)),
            Block("down_blocks.0.resnets.0", "ResnetBlock2D", 1, 36_000, (32, 16, 16)),
            Block("down_blocks.0.downsamplers.0", "Downsample2D", 1, 9_000, (32, 8, 8)),
            Block("conv_out", "Conv2d", 0, 867, (3, 16, 16)),
        )
        layers = recipe.model.layers_per_block
        return ModelSummary(1_000_000 * layers, blocks, 4_100_000_000, Memory(4_000_000, 4_000_000, 8_000_000, 0, 10))

    async def probe(_: Workbench, recipe_toml: str, device: str = "auto") -> Probe:
        asked.append(("probe", device))
        return Probe(0.5, None, "cpu")

    async def architecture(_: Workbench, source: str) -> dict[str, Any]:
        asked.append(("architecture", source))
        return {"model.layers_per_block": 3, "model.base_checkpoint": source}

    async def one_batch(_: Workbench, recipe_toml: str, source: str = "", seed: int = 0) -> OneBatch:
        asked.append(("one_batch", (source, seed)))
        rows = np.full((5, 8, 16, 16, 3), 40 * seed, np.uint8)
        return OneBatch(tuple(range(0, 800, 100)), (0.25,) * 8, rows, "ema" if source else "fresh", None)

    for answer in (summary, probe, architecture, one_batch):
        monkeypatch.setattr(Workbench, answer.__name__, answer)
    return asked
