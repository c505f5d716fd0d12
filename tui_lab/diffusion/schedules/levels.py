"""How much picture and how much noise there is at each of a process's T noise levels: x_t = α · x_0 + σ · ε.

| process | α | σ | the model is told | levels i = 0 … T-1, u = (i+1)/T |
|---|---|---|---|---|
| DDPM (Ho et al. 2020) | √ᾱ_t | √(1-ᾱ_t) | t | one a timestep |
| flow matching (Lipman et al. 2022) | 1-σ | σ | σ · T | σ = s·u / (1 + (s-1)·u), s the shift |
| EDM (Karras et al. 2022) | 1 | σ | ln σ / 4 | from σ_min up to σ_max, even in σ^(1/ρ) |
| uniform mixing (the course's toy) | 1-a | a | t | a = u; ε is uniform in [-1, 1], not Gaussian |

Clean pictures come first in every one of them, and the noisiest level last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tui_lab.diffusion.schedules.betas import Float, alphas_cumprod
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler


@dataclass(frozen=True, slots=True)
class Levels:
    """T noise levels, the cleanest first: α, σ and what the model is told, each with shape (T,)."""

    alpha: Float
    sigma: Float
    timesteps: Float

    @property
    def snr(self) -> Float:
        """α² / σ², the ratio of signal to noise power for pictures of unit power; 0 where no picture is left."""
        return (self.alpha / self.sigma) ** 2

    @property
    def log_snr(self) -> Float:
        """ln SNR; -inf where no picture is left."""
        with np.errstate(divide="ignore"):
            return 2 * (np.log(self.alpha) - np.log(self.sigma))

    @property
    def sigma_ratio(self) -> Float:
        """σ / α, the noise beside a picture of unit scale (k-diffusion's and EDM's σ); inf where no picture is left."""
        with np.errstate(divide="ignore"):
            return self.sigma / self.alpha


def levels(noise: NoiseScheduler) -> Levels:
    """The noise levels that training can draw from; EDM's are continuous, and T of them stand for all.

    Raises RecipeError where custom betas or EDM's bounds allow none.
    """
    steps = noise.num_train_timesteps
    even = np.arange(1, steps + 1) / steps
    match noise.class_name:
        case "DDPMScheduler":
            alpha_bar = alphas_cumprod(noise)
            return Levels(np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar), np.arange(steps, dtype=np.float64))
        case "FlowMatchEulerDiscreteScheduler":
            sigma = shifted(even, noise.shift)
            return Levels(1 - sigma, sigma, sigma * steps)
        case "EDMEulerScheduler":
            if noise.sigma_min >= noise.sigma_max:
                raise RecipeError(f"noise_scheduler.sigma_min {noise.sigma_min:g} is not below {noise.sigma_max:g}")
            sigma = karras_sigmas(noise.sigma_min, noise.sigma_max, noise.rho, steps)
            return Levels(np.ones(steps), sigma, np.log(sigma) / 4)
        case "UniformMixing":
            return Levels(1 - even, even, np.arange(steps, dtype=np.float64))


def shifted(u: Float, shift: float) -> Float:
    """σ = s·u / (1 + (s-1)·u): above 1, s moves levels towards noise, as larger pictures need (Esser et al. 2024)."""
    return shift * u / (1 + (shift - 1) * u)


def karras_sigmas(sigma_min: float, sigma_max: float, rho: float, count: int) -> Float:
    """σ_i = (σ_min^(1/ρ) + i/(n-1) · (σ_max^(1/ρ) - σ_min^(1/ρ)))^ρ, rising (Karras et al. 2022, eq. 5, reversed)."""
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return (low + np.linspace(0, 1, count) * (high - low)) ** rho
