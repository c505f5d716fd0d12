"""Images to the range that models work in, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def normalise(images: Tensor) -> Tensor:
    """uint8 in 0..255 to float32 in [-1, 1]; any shape. `to_uint8` gives the same bytes back."""
    return images.to(torch.float32) / 127.5 - 1.0


def to_uint8(x: Tensor) -> Tensor:
    """[-1, 1] to uint8 in 0..255, rounded; what lies outside is clipped. Any shape and floating dtype."""
    return ((x.to(torch.float32).clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def over(values: Tensor, like: Tensor) -> Tensor:
    """`values` (B,), float32 of shape (B, 1, …, 1), so that it broadcasts over `like` (B, *)."""
    return values.to(device=like.device, dtype=torch.float32).reshape(-1, *(1,) * (like.dim() - 1))
