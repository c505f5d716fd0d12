"""What is done to a batch of pictures on the device before the model sees it: pure functions of what was drawn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (torch's own name for it)


def mirror(pictures: Tensor, mirrored: Tensor) -> Tensor:
    """`pictures` (B, C, H, W) of any dtype; those where `mirrored` (B,) bool holds are flipped from left to right."""
    return torch.where(mirrored.reshape(-1, 1, 1, 1), pictures.flip(-1), pictures)


def crop(pictures: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """A window of `size` (H, W) out of each of `pictures` (B, C, H', W'), its corner at `top`, `left` (B,) int64."""
    height, width = size
    rows = top[:, None] + torch.arange(height, device=top.device)
    columns = left[:, None] + torch.arange(width, device=left.device)
    batch = torch.arange(len(pictures), device=top.device)[:, None, None]
    # Indices on both sides of a slice come first in what they give, hence the permutation.
    return pictures[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def turn(x: Tensor, degrees: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """`crop` of x (B, C, H', W') float32, turned by `degrees` (B,) clockwise about the middle of its window.

    Bilinear. What comes from beyond the picture repeats its edge; a margin around the window is used first.
    """
    height, width = size
    whole_height, whole_width = x.shape[-2:]
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    # From a place in the window to one in the whole picture, both in affine_grid's units: -1 to 1 from edge to edge.
    middle_x = 2 * (left + width / 2) / whole_width - 1
    middle_y = 2 * (top + height / 2) / whole_height - 1
    across = torch.stack([cos * (width / whole_width), sin * (height / whole_width), middle_x], dim=1)
    down = torch.stack([-sin * (width / whole_height), cos * (height / whole_height), middle_y], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), [*x.shape[:2], height, width], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
