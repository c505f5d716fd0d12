"""Neighbours of one sample: its noise, moved a little towards other noise."""

from __future__ import annotations

import torch
from torch import Tensor

from tui_lab.diffusion.interpolation import slerp


def variations(original: Tensor, fresh: Tensor, amount: float) -> Tensor:
    """The noise (C, H, W) that a sample came of, moved by `amount` in [0, 1] towards each of `fresh` (B, C, H, W).

    It is moved on the sphere, and so remains noise of unit variance: float32 (B, C, H, W), the original itself at 0,
    bit for bit, and `fresh` at 1.
    """
    return slerp(original[None], fresh, torch.full((len(fresh),), amount, device=fresh.device))
