"""How solvers space their noise levels: Karras, exponential and beta, and the timesteps that such levels stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import karras_sigmas


def respaced(name: str, sigma_min: float, sigma_max: float, count: int, rho: float = 7.0) -> Float:
    """`count` σ from sigma_max down to sigma_min, spaced as `name` says."""
    match name:
        case "karras":
            if count == 1:
                return np.array([sigma_max])
            return karras_sigmas(sigma_min, sigma_max, rho, count)[::-1].copy()
        case "exponential":
            return np.exp(np.linspace(np.log(sigma_max), np.log(sigma_min), count))
        case "beta":
            return sigma_min + beta_quantiles(1 - np.linspace(0, 1, count)) * (sigma_max - sigma_min)
        case other:
            raise ValueError(f"unknown sigma schedule {other!r}")


def beta_quantiles(p: Float) -> Float:
    """The inverse of the Beta(0.6, 0.6) distribution's cumulative: dense at both ends (Lee et al. 2024)."""
    from scipy.special import betaincinv  # takes longer to import than all else here; few recipes need it

    return betaincinv(0.6, 0.6, p)


def timestep_of(sigma: Float, log_sigmas: NDArray[np.floating]) -> Float:
    """Where σ lies among the T `log_sigmas`, linear in ln σ between two; fractional, within 0 … T-1.

    They may fall at their end, where zero terminal SNR is lifted to a finite σ; as in diffusers, the last level that σ
    is not below then counts.
    """
    log_sigma = np.log(np.maximum(sigma, 1e-10))
    least_from_here = np.minimum.accumulate(log_sigmas[::-1])[::-1]
    low = (np.searchsorted(least_from_here, log_sigma, side="right") - 1).clip(0, len(log_sigmas) - 2)
    below, above = log_sigmas[low], log_sigmas[low + 1]
    share = np.clip((below - log_sigma) / (below - above), 0, 1)
    return (1 - share) * low + share * (low + 1)
