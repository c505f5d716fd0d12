"""Which of torch's attention kernels a CPU run takes."""

from __future__ import annotations

import torch

from tui_lab.recipe import Recipe

FEW_TOKENS = 64
"""Up to so many, batched matrix products beat the CPU's flash kernel forward and back (16 tokens in bf16: 1.2 against
9.2 ms); at 256 they take three times as long."""


def largest_attention(recipe: Recipe) -> int:
    """Tokens of the recipe's largest self-attention: a transformer's patches, or the pixels of a UNet's first block
    that has one, or of its middle; 0 where nothing attends."""
    model, (height, width) = recipe.model, recipe.dataset.size
    if model.class_name == "DiTTransformer2DModel":
        return (height // model.patch_size) * (width // model.patch_size)
    attending = [depth for depth, block in enumerate(model.down_block_types) if block.startswith("Attn")]
    if model.add_attention:
        attending.append(len(model.down_block_types) - 1)
    if model.class_name == "BasicUNet" or not attending:
        return 0
    return (height >> attending[0]) * (width >> attending[0])


def takes_products(recipe: Recipe, device: torch.device) -> bool:
    """Whether matrix products are quicker there than the flash kernel."""
    return device.type == "cpu" and largest_attention(recipe) <= FEW_TOKENS


def choose_attention(recipe: Recipe, device: torch.device) -> None:
    """For this process. The switch is named after CUDA, but the CPU's flash kernel minds it too."""
    torch.backends.cuda.enable_flash_sdp(not takes_products(recipe, device))
