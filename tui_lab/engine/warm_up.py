"""What a rank can do before it knows its run: import, and take a step or two that nobody keeps.

Imports stand inside the functions, so that a run that comes in between waits for one of them, and not for all.
"""

from __future__ import annotations

import gc
import importlib
import traceback
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from tui_lab.data import load_cached
from tui_lab.errors import LabError
from tui_lab.recipe import parse_recipe, replaced

if TYPE_CHECKING:
    import torch

    from tui_lab.data import Images
    from tui_lab.recipe import Recipe

STEPS = 2
"""The first update of a process takes several times as long as the next: kernels are chosen, threads and memory are
had. What they leave behind depends on shapes alone, and changes no bit of a run."""
FEW = 4
"""Pictures of the first of them, which tells what one of the whole batch would take."""
LONGEST_SECONDS = 1.0
"""A run that comes waits for the update that is under way: none longer than that is begun."""

_IMPORTS = ("numpy", "torch", "accelerate", "diffusers", "tui_lab.engine.startup")


def warm_up(hint: str) -> Iterator[None]:
    """Import all that a run needs; then, by `hint`, a recipe as TOML, update a model of that kind and drop it. Yields
    between the parts. What goes wrong with the hint is printed, and the run that comes will say it to the person."""
    for module in _IMPORTS:
        importlib.import_module(module)
        yield
    if not hint:
        return
    try:
        recipe = parse_recipe(hint, source="the hint")
        images = load_cached(recipe.dataset)
        if images is not None:
            yield
            yield from _steps(recipe, images)
    except (LabError, RuntimeError, OSError):
        traceback.print_exc()


def _steps(recipe: Recipe, images: Images) -> Iterator[None]:
    from tui_lab.engine.devices import resolve_device
    from tui_lab.engine.startup import lone_learner, set_up_torch

    device, batch = resolve_device(recipe.training.device), recipe.training.train_batch_size
    if device.type == "cuda" and not _mostly_free(device):
        return
    try:
        set_up_torch(device)
        learner = lone_learner(recipe, images, device)
        learner.recipe = replaced(recipe, {"training.train_batch_size": min(FEW, batch)})
        for _ in range(STEPS):  # the second is timed
            yield
            began = perf_counter()
            float(learner.update().loss)  # waits for the device
            seconds = perf_counter() - began
        learner.recipe = recipe
        for _ in range(STEPS if seconds * batch / min(FEW, batch) <= LONGEST_SECONDS else 0):
            yield
            learner.update()
        del learner
    finally:
        _forget(device)


def _mostly_free(device: torch.device) -> bool:
    """A batch of a run that may never come must take no memory from one that goes on there."""
    import torch

    free, total = torch.cuda.mem_get_info(device)
    return free > 0.7 * total


def _forget(device: torch.device) -> None:
    """Leave nothing of that model: neither its memory nor accelerate's idea of the device."""
    import torch
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
