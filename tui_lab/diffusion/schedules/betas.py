"""β and ᾱ of DDPM's discrete diffusion, by each of diffusers' schedules.

Notation of DDPM (Ho et al. 2020): q(x_t | x_0) = N(√ᾱ_t · x_0, (1-ᾱ_t) · I) with ᾱ_t = ∏_{s≤t} (1-β_s), t = 0 … T-1.
The formulas are those of diffusers' `DDPMScheduler`, which computes them in float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler

Float = NDArray[np.float64]

TINY_ALPHA_BAR = 2.0**-24
"""What solvers put in place of ᾱ = 0, which they would divide by; diffusers' own number."""


def betas(noise: NoiseScheduler) -> Float:
    """β_t with shape (T,), each in (0, 1]; exactly 1 at the end of a schedule rescaled to zero terminal SNR."""
    scheduled = scheduled_betas(noise)
    return rescale_zero_terminal_snr(scheduled) if noise.rescale_betas_zero_snr else scheduled


def scheduled_betas(noise: NoiseScheduler) -> Float:
    """β_t with shape (T,) before any rescaling: the schedule's, or `trained_betas` in its place.

    Raises RecipeError for `trained_betas` of another count, or outside (0, 1].
    """
    steps, start, end = noise.num_train_timesteps, noise.beta_start, noise.beta_end
    if noise.trained_betas:
        return _custom(noise.trained_betas, steps)
    match noise.beta_schedule:
        case "linear":
            return np.linspace(start, end, steps)
        case "scaled_linear":
            return np.linspace(start**0.5, end**0.5, steps) ** 2
        case "squaredcos_cap_v2":
            return _betas_of(_cosine_alpha_bar(np.arange(steps + 1) / steps))
        case "laplace":
            return _betas_of(_laplace_alpha_bar(np.arange(steps + 1) / steps))
        case "sigmoid":
            return start + (end - start) / (1 + np.exp(-np.linspace(-6, 6, steps)))
        case other:
            raise ValueError(f"unknown beta_schedule {other!r}")


def _custom(trained_betas: Sequence[float], steps: int) -> Float:
    betas = np.asarray(trained_betas, dtype=np.float64)
    if len(betas) != steps:
        raise RecipeError(f"noise_scheduler.trained_betas lists {len(betas)} β for {steps} timesteps: they must agree")
    wrong = ~((betas > 0) & (betas <= 1))
    if wrong.any():
        t = int(wrong.argmax())
        raise RecipeError(f"noise_scheduler.trained_betas: β {betas[t]:g} at t = {t} is not above 0 and at most 1")
    return betas


def _cosine_alpha_bar(t: Float) -> Float:
    """ᾱ(t) = cos²((t + s)/(1 + s) · π/2), s = 0.008, t in [0, 1] (Nichol & Dhariwal 2021, eq. 17)."""
    return np.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2


def _laplace_alpha_bar(t: Float) -> Float:
    """log-SNR λ(t) = -½ sgn(½-t) log(1 - 2|½-t|) (Hang et al. 2024, eq. 6); diffusers takes √(SNR/(1+SNR)) for ᾱ."""
    snr_of_t = np.exp(np.where(t > 0.5, 0.5, -0.5).astype(np.float64) * np.log(1 - 2 * np.abs(0.5 - t) + 1e-6))
    return np.sqrt(snr_of_t / (1 + snr_of_t))


def _betas_of(alpha_bar: Float, max_beta: float = 0.999) -> Float:
    """β_i = min(1 - ᾱ((i+1)/T)/ᾱ(i/T), max_beta) from ᾱ at the T+1 borders."""
    return np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], max_beta)


_Real = TypeVar("_Real", np.float32, np.float64)


def rescale_zero_terminal_snr(betas: NDArray[_Real]) -> NDArray[_Real]:
    """√ᾱ shifted to end at 0 and scaled to begin where it did, back as β (Lin et al. 2023, algorithm 1)."""
    root = np.sqrt(np.cumprod(1 - betas, dtype=np.float64).astype(betas.dtype))
    rescaled = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = rescaled**2
    return 1 - np.concatenate([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])


def alphas_cumprod(noise: NoiseScheduler) -> Float:
    """ᾱ_t = ∏_{s≤t} (1-β_s) with shape (T,), falling within [0, 1]."""
    return np.cumprod(1 - betas(noise), dtype=np.float64)


def sqrt_alphas_cumprod(noise: NoiseScheduler) -> Float:
    """√ᾱ_t: how much of the picture is left in x_t."""
    return np.sqrt(alphas_cumprod(noise))
