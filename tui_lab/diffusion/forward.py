"""The forward process: images to [-1, 1], and x_t from x_0 and noise."""

from __future__ import annotations

import torch
from torch import Tensor


def normalise(images: Tensor) -> Tensor:
    """uint8 in 0..255 to float32 in [-1, 1]; any shape. `to_uint8` gives the same bytes back."""
    return images.to(torch.float32) / 127.5 - 1.0


def to_uint8(x: Tensor) -> Tensor:
    """[-1, 1] to uint8 in 0..255, rounded; what lies outside is clipped. Any shape and floating dtype."""
    return ((x.to(torch.float32).clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def at(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """`values` (T,) at timesteps `t` (B,), shaped (B, 1, …, 1) so that it broadcasts over `like` (B, *)."""
    return values.to(device=t.device, dtype=torch.float32)[t].reshape(-1, *(1,) * (like.dim() - 1))


def add_noise(x0: Tensor, eps: Tensor, alphas_cumprod: Tensor, t: Tensor) -> Tensor:
    """x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε (Ho et al. 2020, eq. 4): x0, eps (B, *), alphas_cumprod (T,), t (B,) int64.

    Always in float32: in bfloat16, ᾱ of the first timesteps rounds to 1, and they would get no noise at all.
    """
    alpha_bar = at(alphas_cumprod, t, x0)
    return alpha_bar.sqrt() * x0.to(torch.float32) + (1.0 - alpha_bar).sqrt() * eps.to(torch.float32)
