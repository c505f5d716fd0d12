"""Whether training a model can fit into a device's memory, told before the model is built; and that it did not."""

from __future__ import annotations

import torch

from tui_lab.errors import DeviceError
from tui_lab.models import build
from tui_lab.models.cost import held_memory
from tui_lab.recipe import Recipe


def check_memory(recipe: Recipe, free: int, device: torch.device) -> None:
    """Raises DeviceError where what has to be kept for each parameter is more than the `free` bytes. Activations come
    on top, and are not counted: how many there are is known when a step has run."""
    with torch.device("meta"):
        model = build(recipe)
    needed = held_memory(recipe, model).total
    if needed > free:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        raise DeviceError(
            f"the model has {parameters / 1e6:,.1f} M parameters, and training it takes at least {_giga(needed)} "
            f"(weights, gradients, optimizer and copies), but {device} has {_giga(free)} free: take a smaller [model], "
            "or another device"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """torch has a class of its own for a device's memory that is full, and only words for the machine's."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _giga(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
