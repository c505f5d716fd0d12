"""Whether training a model can fit into a device's memory at all, told before the model is built."""

from __future__ import annotations

import torch

from tui_lab.errors import DeviceError
from tui_lab.models import build
from tui_lab.recipe import Recipe

_BYTES = 4
"""All that is kept for a parameter is float32: autocast's bf16 copies come and go."""


def check_memory(recipe: Recipe, free: int, device: torch.device) -> None:
    """Raises DeviceError where what has to be kept for each parameter (its value and gradient, AdamW's two means, the
    EMA, and the copy that previews draw from) is more than the `free` bytes. Activations come on top, and are not
    counted: how many there are is known when a step has run."""
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in build(recipe).parameters())
    needed = parameters * _BYTES * copies(recipe)
    if needed > free:
        raise DeviceError(
            f"the model has {parameters / 1e6:,.1f} M parameters, and training it takes at least "
            f"{_giga(needed)} ({copies(recipe)} × 4 bytes each), but {device} has {_giga(free)} free: take a smaller "
            "[model], or another device"
        )


def copies(recipe: Recipe) -> int:
    """Numbers that are kept for each parameter."""
    return 5 + recipe.ema.enabled


def _giga(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
