"""What is in one noisy picture, and what a model could be asked to say of it: pictures to lay side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.diffusion import schedules
from tui_lab.recipe.schema import NoiseScheduler, Objective
from tui_lab.tui.schedule_words import OBJECTIVES

_OF_PROCESS: dict[str, tuple[Objective, ...]] = {
    "DDPMScheduler": ("v_prediction",),
    "FlowMatchEulerDiscreteScheduler": ("flow",),
    "EDMEulerScheduler": ("edm",),
}
"""What is only asked where the process is this one, beside ε and x₀."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """`x` (H, W, C) in the model's units."""

    label: str
    x: NDArray[np.float64]


def brush_tiles(picture: NDArray[np.uint8], level: int, noise: NoiseScheduler) -> list[Tile]:
    """x_t of a picture at a level, then every answer that this process knows, the one that is trained for marked."""
    clean = schedules.from_uint8(picture)
    eps = schedules.draw_noise(noise, clean.shape)
    levels = schedules.levels(noise)
    noisy = levels.alpha[level] * clean + levels.sigma[level] * eps
    tiles = [Tile("x_t", noisy)]
    objectives: tuple[Objective, ...] = ("epsilon", "sample", *_OF_PROCESS.get(noise.class_name, ()))
    for objective in objectives:
        name, x = OBJECTIVES[objective], schedules.target(objective, clean, eps, level, noise)
        tiles.append(Tile(f"▸{name} to predict" if objective == noise.objective else name, x))
    return tiles
