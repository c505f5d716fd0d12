"""Where a sampler goes: the noise levels at which it calls the model, noisiest first, as diffusers' `set_timesteps`.

Samplers of discrete diffusion choose timesteps (leading, trailing, linspace: Lin et al. 2023, table 2) or levels
(Karras, exponential, beta), and look up the one for the other; flow and EDM samplers choose σ alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tui_lab.catalog.samplers import SAMPLERS, fits
from tui_lab.diffusion.schedules.betas import TINY_ALPHA_BAR, Float, rescale_zero_terminal_snr, scheduled_betas
from tui_lab.diffusion.schedules.levels import levels, shifted
from tui_lab.diffusion.schedules.sampler_sigmas import respaced, timestep_of
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler, Recipe, Sampling


@dataclass(frozen=True, slots=True)
class Visits:
    """The model calls of one sample, in order.

    `timesteps`: as the scheduler names them, which solvers may round or cut off. `sigma`: the noise there, σ/α for
    discrete diffusion (inf where ᾱ = 0), σ for the others. `index`: the place of that noise among the T levels,
    fractional between two; it is what this lab's sampling loop tells the model.
    """

    timesteps: Float
    sigma: Float
    index: Float


@dataclass(frozen=True, slots=True)
class _Walk:
    """How one of diffusers' samplers of discrete diffusion counts its timesteps.

    `grid`: N "whole" timesteps; the first N of N+1, for "multistep" solvers; or fractional, "continuous" ones. `calls`:
    the further calls that its steps take. `rounds`: it tells the model the nearest timestep to a level of Karras'.
    `rescales`: it knows zero terminal SNR.
    """

    grid: Literal["whole", "multistep", "continuous"]
    calls: Literal["one", "heun", "midpoint", "ancestral midpoint", "runge-kutta"] = "one"
    rounds: bool = True
    rescales: bool = False


_WALKS = {
    "DDPMScheduler": _Walk("whole"),
    "DDIMScheduler": _Walk("whole"),
    "PNDMScheduler": _Walk("whole", "runge-kutta"),
    "DPMSolverMultistepScheduler": _Walk("multistep", rescales=True),
    "DPMSolverSinglestepScheduler": _Walk("multistep"),
    "UniPCMultistepScheduler": _Walk("multistep", rescales=True),
    "DEISMultistepScheduler": _Walk("multistep"),
    "SASolverScheduler": _Walk("multistep"),
    "EulerDiscreteScheduler": _Walk("continuous", rounds=False, rescales=True),
    "EulerAncestralDiscreteScheduler": _Walk("continuous", rescales=True),
    "HeunDiscreteScheduler": _Walk("continuous", "heun", rounds=False),
    "LMSDiscreteScheduler": _Walk("continuous", rounds=False),
    "KDPM2DiscreteScheduler": _Walk("continuous", "midpoint"),
    "KDPM2AncestralDiscreteScheduler": _Walk("continuous", "ancestral midpoint"),
}


def visits(recipe: Recipe) -> Visits:
    """Where the recipe's sampler calls the model, at its number of steps, spacing and sigma schedule.

    Raises RecipeError for a sampler that does not fit the recipe.
    """
    noise, sampling = recipe.noise_scheduler, recipe.sampling
    if reason := fits(sampling.scheduler, recipe):
        raise RecipeError(f"sampling.scheduler {sampling.scheduler}: {reason}")
    info = SAMPLERS[sampling.scheduler]
    sampler = info.class_name or info.name
    match noise.class_name:
        case "DDPMScheduler":
            return _discrete(noise, sampling, sampler, info.over[noise.class_name].spacings)
        case "FlowMatchEulerDiscreteScheduler":
            timesteps, sigma = _flow(noise, sampling, sampler)
        case "EDMEulerScheduler":
            timesteps, sigma = _edm(noise, sampling)
        case "UniformMixing":
            timesteps, sigma = _mixing(noise, sampling)
    known = levels(noise).sigma
    return Visits(timesteps, sigma, np.interp(sigma, known, np.arange(len(known))))


def _discrete(noise: NoiseScheduler, sampling: Sampling, sampler: str, spacings: tuple[str, ...]) -> Visits:
    walk = _WALKS[sampler]
    total, steps = noise.num_train_timesteps, sampling.num_inference_steps
    timesteps = _spaced(total, steps, _spacing(noise, sampling, spacings), walk.grid)
    if walk.grid == "whole":
        if walk.calls == "runge-kutta":
            timesteps = _runge_kutta(timesteps, total // steps // 2)
        return Visits(timesteps, levels(noise).sigma_ratio[timesteps.astype(np.int64)], timesteps)
    table = _solver_sigmas(noise, walk)
    log_table = np.log(table)
    sigma = np.interp(timesteps, np.arange(total), table)
    index = timesteps
    if sampling.sigma_schedule != "auto":
        # Multistep solvers respace all levels, the others those between the first and the last that they would visit.
        last, first = (table[0], table[-1]) if walk.grid == "multistep" else (sigma[-1], sigma[0])
        sigma = respaced(sampling.sigma_schedule, float(last), float(first), steps)
        timesteps = index = timestep_of(sigma, log_table)
        if sampling.sigma_schedule == "karras" and _rounds(sampler, noise):
            timesteps = timesteps.round()
        if walk.grid == "multistep":
            timesteps = np.trunc(timesteps)
    match walk.calls:
        case "heun":
            return Visits(_repeated(timesteps), _repeated(sigma), _repeated(index))
        case "midpoint":
            between = np.sqrt(sigma[:-1] * sigma[1:])
        case "ancestral midpoint":
            # Half-way, in ln σ, to where an ancestral step with η = 1 goes down to before it adds noise: next² / σ.
            between = sigma[1:]
        case _:
            return Visits(timesteps, sigma, index)
    halfway = timestep_of(between, log_table)
    return Visits(_interleaved(timesteps, halfway), _interleaved(sigma, between), _interleaved(index, halfway))


def _spacing(noise: NoiseScheduler, sampling: Sampling, spacings: tuple[str, ...]) -> str:
    """The recipe's choice; else trailing where only the last timestep is pure noise; else the sampler's own."""
    if not spacings:
        return "linspace"
    if sampling.timestep_spacing != "auto":
        return sampling.timestep_spacing
    return "trailing" if noise.rescale_betas_zero_snr else spacings[0]


def _spaced(total: int, steps: int, spacing: str, grid: str) -> Float:
    """Timesteps from the noisiest down (Lin et al. 2023, table 2), as each kind of solver counts them."""
    if spacing == "trailing":
        return np.round(np.arange(total, 0, -total / steps)) - 1
    ends = steps + 1 if grid == "multistep" else steps
    if spacing == "leading":
        rising = np.arange(ends, dtype=np.float64) * (total // ends)
    else:
        rising = np.linspace(0, total - 1, ends)
        if grid != "continuous":
            rising = rising.round()
    return rising[::-1][:steps].copy()


def _solver_sigmas(noise: NoiseScheduler, walk: _Walk) -> NDArray[np.float32]:
    """σ/α of every timestep with shape (T,), never inf, in float32 as solvers keep it.

    In float32 because they look σ up among these to the last bit: it decides whether they start at T-1 or T-2.
    """
    single_betas = scheduled_betas(noise).astype(np.float32)
    if noise.rescale_betas_zero_snr:
        single_betas = rescale_zero_terminal_snr(single_betas)
    alpha_bar = np.cumprod(1 - single_betas, dtype=np.float64)
    if noise.rescale_betas_zero_snr and walk.rescales:
        alpha_bar[-1] = TINY_ALPHA_BAR
    least = TINY_ALPHA_BAR if noise.rescale_betas_zero_snr and not walk.rescales else np.finfo(np.float32).tiny
    single = np.maximum(alpha_bar, least).astype(np.float32)
    return np.sqrt((1 - single) / single)


def _rounds(sampler: str, noise: NoiseScheduler) -> bool:
    """Whether a level of Karras' is told to the model as the nearest timestep."""
    if sampler == "DPMSolverMultistepScheduler" and not noise.trained_betas:
        return noise.beta_schedule != "squaredcos_cap_v2"
    return _WALKS[sampler].rounds


def _runge_kutta(timesteps: Float, half: int) -> Float:
    """PNDM's first three steps take four calls each, half-way timesteps among them (Liu et al. 2022, algorithm 2)."""
    noisiest = timesteps[:4][::-1].repeat(2) + np.tile([0, half], len(timesteps[:4]))
    return np.concatenate([noisiest[:-1].repeat(2)[1:-1][::-1], timesteps[3:]])


def _repeated(values: Float) -> Float:
    """Heun's corrector asks again where the predictor of the next step will."""
    return np.concatenate([values[:1], values[1:].repeat(2)])


def _interleaved(values: Float, between: Float) -> Float:
    """values[0], between[0], values[1], …"""
    return np.concatenate([values[:1], np.stack([between, values[1:]], axis=-1).ravel()])


def _flow(noise: NoiseScheduler, sampling: Sampling, sampler: str) -> tuple[Float, Float]:
    total, steps = noise.num_train_timesteps, sampling.num_inference_steps
    if sampler in ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"):
        # diffusers shifts twice: the least level that it spreads the others from, and then all of them.
        least = float(levels(noise).sigma[0])
        sigma = shifted(np.linspace(1, least, steps), noise.shift)
        if sampling.sigma_schedule != "auto":
            sigma = respaced(sampling.sigma_schedule, float(sigma[-1]), float(sigma[0]), steps)
        if sampler == "FlowMatchHeunDiscreteScheduler":
            sigma = _repeated(sigma)
        return sigma * total, sigma
    if sampler == "UniPCMultistepScheduler":
        sigma = shifted(np.linspace(1, 1 / total, steps + 1)[:-1], noise.shift)
        sigma[0] -= 1e-6  # diffusers' own, against ln 0
    else:
        sigma = shifted(1 - np.linspace(1, 1 / total, steps + 1), noise.shift)[::-1][:-1]
    return np.trunc(sigma * total), sigma


def _edm(noise: NoiseScheduler, sampling: Sampling) -> tuple[Float, Float]:
    steps = sampling.num_inference_steps
    if sampling.sigma_schedule == "exponential":
        # Counted from below, so that a single step starts at σ_min.
        sigma = np.exp(np.linspace(math.log(noise.sigma_min), math.log(noise.sigma_max), steps))[::-1]
    else:
        sigma = respaced("karras", noise.sigma_min, noise.sigma_max, steps, noise.rho)
    return np.log(sigma) / 4, sigma


def _mixing(noise: NoiseScheduler, sampling: Sampling) -> tuple[Float, Float]:
    """a = 1, 1-1/N, … 1/N: each of N steps goes 1/(N-i) of the way to the prediction."""
    steps = sampling.num_inference_steps
    amount = np.arange(steps, 0, -1) / steps
    return np.maximum((amount * noise.num_train_timesteps).round() - 1, 0), amount
