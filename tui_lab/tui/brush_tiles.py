"""What is in one noisy picture, and what a model could be asked to say of it: pictures to lay side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.diffusion import schedules
from tui_lab.recipe.schema import NoiseScheduler, Objective


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
    answers: list[tuple[str, Objective]] = [("ε", "epsilon"), ("x₀", "sample")]
    match noise.class_name:
        case "DDPMScheduler":
            answers.append(("v", "v_prediction"))
        case "FlowMatchEulerDiscreteScheduler":
            answers.append(("ε-x₀", "flow"))
        case "EDMEulerScheduler":
            answers.append(("F", "edm"))
    tiles = [Tile("x_t", noisy)]
    for name, objective in answers:
        x = schedules.target(objective, clean, eps, level, noise)
        tiles.append(Tile(f"▸{name} to predict" if objective == noise.objective else name, x))
    return tiles
