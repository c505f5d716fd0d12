"""How often training draws each noise level."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import levels
from tui_lab.recipe.schema import Loss, NoiseScheduler


def density(
    noise: NoiseScheduler, loss: Loss, importance: Sequence[float] | NDArray[np.floating] | None = None
) -> Float:
    """The probability of each level in a training batch, with shape (T,), summing to 1.

    Level i is drawn where u lies in [i/T, (i+1)/T), and larger u is noisier. uniform: u ~ U(0, 1). logit_normal:
    u = sigmoid(n), n ~ N(mean, std²) (Esser et al. 2024, eq. 19). cosine: density 2/(π(1-2u+2u²)) (CosMap, eq. 21).
    importance: in proportion to `importance` (K,), one number a bin of K equal bins of u, uniform before there are any
    (Nichol & Dhariwal 2021, section 3.3). EDM under uniform draws ln σ ~ N(P_mean, P_std²) (Karras et al. 2022, table
    1), here as the share of each of its T levels among the draws between σ_min and σ_max; u is then the quantile.
    """
    steps = noise.num_train_timesteps
    borders = np.arange(steps + 1) / steps
    if noise.class_name == "EDMEulerScheduler":
        drawn = _log_normal(np.log(levels(noise).sigma), noise.P_mean, noise.P_std)
    elif loss.timestep_sampling == "logit_normal":
        drawn = _logit_normal(borders, loss.logit_mean, loss.logit_std)
    elif loss.timestep_sampling == "cosine":
        drawn = np.diff(0.5 + 2 / math.pi * np.arctan(2 * borders - 1))
    else:
        drawn = np.full(steps, 1 / steps)
    if loss.timestep_sampling == "importance" and importance is not None:
        return _by_importance(drawn, np.asarray(importance, dtype=np.float64))
    return drawn


def _by_importance(drawn: Float, importance: Float) -> Float:
    """`drawn` with its quantiles drawn in proportion to `importance` (K,), in K equal bins of them."""
    quantiles = np.concatenate([[0.0], np.cumsum(drawn)])
    cumulative = np.concatenate([[0.0], np.cumsum(importance)]) / importance.sum()
    return np.diff(np.interp(quantiles, np.arange(len(importance) + 1) / len(importance), cumulative))


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
