"""The network that a recipe describes, of whichever class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from tui_lab.errors import RecipeError
from tui_lab.models.basic_unet import BasicUNet
from tui_lab.models.dit import build_dit
from tui_lab.models.unet import build_unet
from tui_lab.recipe import Recipe


def build(recipe: Recipe) -> nn.Module:
    """With fresh weights, on the default device; they follow torch's global seed. `answer` calls it.

    Raises RecipeError where diffusers cannot build it.
    """
    try:
        return _BUILDERS[recipe.model.class_name](recipe)
    except (ValueError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RecipeError(f"diffusers cannot build the recipe's [model]: {reason}") from error


def placed(model: nn.Module, device: torch.device) -> nn.Module:
    """`model` on its device. A GPU's convolutions in half precision take their channels last: kept so, no weight has to
    be turned at each call, and what a convolution answers stays so for the next."""
    layout = {"memory_format": torch.channels_last} if device.type == "cuda" else {}
    moved: nn.Module = model.to(device, **layout)  # type: ignore[call-overload]
    return moved


def _build_basic_unet(recipe: Recipe) -> BasicUNet:
    channels, (height, width) = recipe.dataset.channels, recipe.dataset.size
    return BasicUNet(height if height == width else (height, width), channels, channels)


_BUILDERS: Mapping[str, Callable[[Recipe], nn.Module]] = {
    "UNet2DModel": build_unet,
    "DiTTransformer2DModel": build_dit,
    "BasicUNet": _build_basic_unet,
}
