"""Noise schedules in numpy float64: what a recipe's noise process does to a picture, seen before anything trains.

Every process is x_t = α · x_0 + σ · ε over T levels (`levels`); a sampler walks some of them back (`visits`).
"""

from tui_lab.diffusion.schedules.betas import (
    alphas_cumprod,
    betas,
    sqrt_alphas_cumprod,
)
from tui_lab.diffusion.schedules.guidance import guidance_at
from tui_lab.diffusion.schedules.levels import Levels, levels
from tui_lab.diffusion.schedules.lint import lint
from tui_lab.diffusion.schedules.loss_share import loss_share
from tui_lab.diffusion.schedules.remark import Remark
from tui_lab.diffusion.schedules.strip import add_noise, draw_noise, from_uint8, spread_timesteps, to_uint8
from tui_lab.diffusion.schedules.target import target
from tui_lab.diffusion.schedules.timestep_density import density
from tui_lab.diffusion.schedules.visits import Visits, visits
from tui_lab.diffusion.schedules.weights import weights

__all__ = [
    "Levels",
    "Remark",
    "Visits",
    "add_noise",
    "alphas_cumprod",
    "betas",
    "density",
    "draw_noise",
    "from_uint8",
    "guidance_at",
    "levels",
    "lint",
    "loss_share",
    "spread_timesteps",
    "sqrt_alphas_cumprod",
    "target",
    "to_uint8",
    "visits",
    "weights",
]
