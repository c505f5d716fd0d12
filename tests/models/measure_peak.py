"""`python -m tests.models.measure_peak RECIPE.toml…`: the most memory, in bytes, that two updates of each take over
what the process held before, as the kernel counts it. A peak is that of a process's whole life: each has its child."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import psutil
import torch
from torch import nn

from tui_lab import models
from tui_lab.catalog.models import MODEL_PRESETS
from tui_lab.engine.ema import EMA, frozen_copy
from tui_lab.engine.optimizer import adamw
from tui_lab.recipe import Recipe, load_recipe, replaced

WARM_UP = {**MODEL_PRESETS["nano"].knobs, "dataset.resolution": 8}


def train(recipe: Recipe, model: nn.Module) -> None:
    kept = [EMA(model), frozen_copy(model)]
    optimizer = adamw(model.parameters(), recipe.optimizer)
    batch, channels, (height, width) = recipe.training.train_batch_size, recipe.dataset.channels, recipe.dataset.size
    for _ in range(2):
        x, t = torch.randn(batch, channels, height, width), torch.zeros(batch, dtype=torch.int64)
        models.answer(recipe.model, model, x, t, t).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert len(kept) == 2


def peak() -> int:
    """Bytes. Not getrusage's: that one begins with what the parent held when it started this process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    recipes = [load_recipe(Path(path)) for path in sys.argv[1:]]
    torch.set_num_threads(1)
    for recipe in recipes:
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == 0
            continue
        tiny = replaced(recipe, {**WARM_UP, "training.train_batch_size": 1})
        train(tiny, models.build(tiny))  # loads what the libraries load at their first step: no cost of the recipe's
        before = psutil.Process().memory_info().rss
        train(recipe, models.build(recipe))
        print(peak() - before, flush=True)  # noqa: T201
        os._exit(0)


if __name__ == "__main__":
    main()
