"""From one denoising to another: noises between two on the sphere, and answers between those to two classes."""

from __future__ import annotations

import torch
from torch import Tensor

from tui_lab.diffusion.forward import over
from tui_lab.diffusion.guidance import Predict

_NEARLY_PARALLEL = 1e-3
"""Radians below which (or below π less which) the sine of the angle is too small to divide by in float32."""


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985; for noise, White 2016): `share` (B,) of the way along the great circle.

    `first` and `second` broadcast to (B, *), float32; so is what comes back: bit for bit `first` at 0 and `second` at
    1. On the way the norm goes straight from the one's to the other's: noise stays as far from 0 as a model has seen
    it, which a straight line through the middle does not. Where the two are nearly parallel, or opposite, no great
    circle is better than another, and the line is taken.
    """
    shape = (len(share), *torch.broadcast_shapes(first.shape, second.shape)[1:])
    first, second = (x.to(torch.float32).expand(shape) for x in (first, second))
    length_a, length_b = _norm(first), _norm(second)
    a, b, s = first / length_a, second / length_b, over(share, first)
    angle = over((a * b).flatten(1).sum(dim=1).clamp(-1.0, 1.0).acos(), first)
    direction = (((1.0 - s) * angle).sin() * a + (s * angle).sin() * b) / angle.sin()
    curve = direction * ((1.0 - s) * length_a + s * length_b) / _norm(direction)
    line = (1.0 - s) * first + s * second
    between = torch.where((angle > _NEARLY_PARALLEL) & (angle < torch.pi - _NEARLY_PARALLEL), curve, line)
    return torch.where(s == 0.0, first, torch.where(s == 1.0, second, between))


def row(first: Tensor, second: Tensor, count: int) -> Tensor:
    """`count` noises (count, C, H, W), evenly along the great circle from `first` to `second` (C, H, W), both
    included; `first` alone where `count` is 1."""
    return slerp(first[None], second[None], shares(count, first.device))


def shares(count: int, device: torch.device | str = "cpu") -> Tensor:
    """How far along each picture of a row is: float32 (count,), from 0 to 1; 0 where `count` is 1."""
    return torch.linspace(0.0, 1.0, count, device=device)


def mixed(first: Predict, second: Predict, share: Tensor) -> Predict:
    """The answer (1 - s) · first + s · second, s = `share` (B,): the way from class to class, where each of the two is
    the model's answer about one. Both may be guided: guidance is linear, so it is the mixed answer that is guided.

    A picture at 0 or 1 has the plain answer; where all are at one end, the other is not asked.
    """
    if not share.any():
        return first
    if (share == 1.0).all():
        return second

    def both(x_t: Tensor, t: Tensor) -> Tensor:
        s = over(share, x_t)
        return (1.0 - s) * first(x_t, t).to(torch.float32) + s * second(x_t, t).to(torch.float32)

    return both


def _norm(x: Tensor) -> Tensor:
    """Of each picture, with as many dimensions as x; the smallest float where all is 0, to be divided by."""
    return over(x.flatten(1).norm(dim=1).clamp(min=torch.finfo(torch.float32).tiny), x)
