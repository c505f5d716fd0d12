"""How the learning rate moves over a run: a pure factor on the base rate, which may change while the run goes on."""

from __future__ import annotations

import math


def multiplier(name: str, update: int, warmup: int, total: int) -> float:
    """The factor for the optimizer's update number `update` (from 0), in [0, 1]; diffusers' schedules of those names.

    After `warmup` updates of linear rise from 0, constant stays at 1, and the others fall to 0 at `total`: linear and
    polynomial (of diffusers' default power, 1) straight, cosine as (1 + cos πp) / 2.
    """
    if update < warmup:
        return update / warmup
    if name == "constant":
        return 1.0
    progress = min(1.0, (update - warmup) / max(1, total - warmup))
    match name:
        case "linear" | "polynomial":
            return 1.0 - progress
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
    raise ValueError(f"unknown learning-rate schedule {name!r}")
