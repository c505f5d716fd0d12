"""Which of torch's attention kernels a CPU run takes."""

from __future__ import annotations

import torch

from tui_lab.recipe import Recipe

FEW_TOKENS = 64
"""Up to so many, batched matrix products beat the CPU's flash kernel forward and back (16 tokens in bf16: 1.2 against
9.2 ms); at 256 they take three times as long."""


def largest_attention(recipe: Recipe) -> int:
    """Tokens of the recipe's largest self-attention: the pixels of the first block that has one, or of the middle."""
    blocks = recipe.model.down_block_types
    first = next((i for i, block in enumerate(blocks) if block.startswith("Attn")), len(blocks) - 1)
    return (recipe.dataset.resolution >> first) ** 2


def choose_attention(recipe: Recipe, device: torch.device) -> None:
    """For this process. The switch is named after CUDA, but the CPU's flash kernel minds it too."""
    plain = device.type == "cpu" and largest_attention(recipe) <= FEW_TOKENS
    torch.backends.cuda.enable_flash_sdp(not plain)
