"""The network that a recipe describes."""

from __future__ import annotations

from diffusers.models.unets.unet_2d import UNet2DModel

from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe


def build(recipe: Recipe) -> UNet2DModel:
    """The recipe's UNet with fresh weights, on the default device; they follow torch's global seed."""
    model, dataset = recipe.model, recipe.dataset
    try:
        return UNet2DModel(
            sample_size=dataset.resolution,
            in_channels=dataset.channels,
            out_channels=dataset.channels,
            block_out_channels=model.block_out_channels,
            down_block_types=model.down_block_types,
            up_block_types=model.up_block_types,
            layers_per_block=model.layers_per_block,
            attention_head_dim=model.attention_head_dim,
            norm_num_groups=model.norm_num_groups,
            dropout=model.dropout,
        )
    except ValueError as error:
        raise RecipeError(f"diffusers cannot build the recipe's [model]: {error}") from error
