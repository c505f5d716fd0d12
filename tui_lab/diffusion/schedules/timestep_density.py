"""How often training draws each noise level."""

from __future__ import annotations

import math

import numpy as np

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import levels
from tui_lab.recipe.schema import Loss, NoiseScheduler


def density(noise: NoiseScheduler, loss: Loss) -> Float:
    """The probability of each level in a training batch, with shape (T,), summing to 1.

    Level i is drawn where u lies in [i/T, (i+1)/T), and larger u is noisier. uniform: u ~ U(0, 1). logit_normal:
    u = sigmoid(n), n ~ N(mean, std²) (Esser et al. 2024, eq. 19). cosine: density 2/(π(1-2u+2u²)) (CosMap, eq. 21).
    importance: as under uniform, which it goes by until losses are known. EDM draws ln σ ~ N(P_mean, P_std²) (Karras et
    al. 2022, table 1), here as the share of each of its T levels among the draws between σ_min and σ_max.
    """
    steps = noise.num_train_timesteps
    borders = np.arange(steps + 1) / steps
    if noise.class_name == "EDMEulerScheduler":
        return _log_normal(np.log(levels(noise).sigma), noise.P_mean, noise.P_std)
    if loss.timestep_sampling == "logit_normal":
        return _logit_normal(borders, loss.logit_mean, loss.logit_std)
    if loss.timestep_sampling == "cosine":
        return np.diff(0.5 + 2 / math.pi * np.arctan(2 * borders - 1))
    return np.full(steps, 1 / steps)


def _logit_normal(borders: Float, mean: float, std: float) -> Float:
    """The mass of sigmoid(N(mean, std²)) between each two borders in [0, 1]."""
    with np.errstate(divide="ignore"):
        logits = np.log(borders) - np.log1p(-borders)
    below = [0.5 * (1 + math.erf((logit - mean) / (std * math.sqrt(2)))) for logit in logits.tolist()]
    return np.diff(below)


def _log_normal(log_sigma: Float, mean: float, std: float) -> Float:
    """N(mean, std²) over the cells that rising `log_sigma` are the middles of, scaled to sum to 1.

    In logarithms, so that it holds where the draws are far from every level.
    """
    log_mass = -0.5 * ((log_sigma - mean) / std) ** 2 + np.log(np.gradient(log_sigma))
    mass = np.exp(log_mass - log_mass.max())
    return mass / mass.sum()
