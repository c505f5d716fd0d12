"""diffusers' schedulers over a recipe's noise process: the one that training and exports use, and the samplers."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from tui_lab.catalog.samplers import SAMPLERS, SamplerInfo
from tui_lab.diffusion.uniform_mixing import UniformMixingSampler
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler, Recipe, Sampling

# diffusers' own stand-in for "no signal left" where ᾱ = 0 would make a solver divide by zero.
_TINY_ALPHA_BAR = 2.0**-24

_BETA_KEYS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")
_DDPM_KEYS = (
    *_BETA_KEYS,
    "prediction_type",
    "rescale_betas_zero_snr",
    "timestep_spacing",
    "clip_sample",
    "clip_sample_range",
)
"""What of a scheduler's config is about the noise process and the data's range, not about its own way to sample."""


def training_scheduler(noise: NoiseScheduler) -> Any:
    """The recipe's noise process as a scheduler that diffusers can save, load and, but for the toy's, sample with."""
    match noise.class_name:
        case "DDPMScheduler":
            return _ddpm(noise)
        case "FlowMatchEulerDiscreteScheduler":
            return FlowMatchEulerDiscreteScheduler(num_train_timesteps=noise.num_train_timesteps, shift=noise.shift)
        case "EDMEulerScheduler":
            return EDMEulerScheduler(**_edm_settings(noise))
        case "UniformMixing":
            return UniformMixingSampler(num_train_timesteps=noise.num_train_timesteps)


def training_alphas_cumprod(noise: NoiseScheduler, device: torch.device | str = "cpu") -> Tensor:
    """ᾱ_t of a DDPM process, float32 (T,), bit for bit as in the exported scheduler."""
    return _ddpm(noise).alphas_cumprod.to(device)


def build_sampler(recipe: Recipe) -> Any:
    """A new scheduler for the recipe's `[sampling]`, over its noise process; what does not fit is a RecipeError."""
    return sampler_from_config(training_scheduler(recipe.noise_scheduler).config, recipe.sampling)


def sampler_from_config(config: Mapping[str, Any], sampling: Sampling) -> Any:
    """A new scheduler for `sampling` over the noise process that `config` describes.

    `config` is one of `training_scheduler`'s, or of any scheduler over a beta schedule. Samplers that lack one of
    DDPM's beta schedules, or its rescaling to zero terminal SNR, get the betas themselves.
    """
    info = SAMPLERS.get(sampling.scheduler)
    if info is None:
        raise RecipeError(f"there is no sampler {sampling.scheduler!r}; choose one of {', '.join(SAMPLERS)}")
    try:
        return _over_betas(info, _process_of(config))
    except (NotImplementedError, ValueError, TypeError) as error:
        raise RecipeError(f"the noise schedule cannot be sampled: {error}") from error


def _ddpm(noise: NoiseScheduler) -> DDPMScheduler:
    """Predicted x_0 is clipped to the data's range, [-1, 1].

    With zero terminal SNR, sampling has to start at the last timestep, hence "trailing" (Lin et al. 2023, section 3.3).
    """
    return DDPMScheduler(
        num_train_timesteps=noise.num_train_timesteps,
        beta_schedule=noise.beta_schedule,
        beta_start=noise.beta_start,
        beta_end=noise.beta_end,
        trained_betas=list(noise.trained_betas) or None,
        prediction_type=noise.prediction_type,
        rescale_betas_zero_snr=noise.rescale_betas_zero_snr,
        timestep_spacing="trailing" if noise.rescale_betas_zero_snr else "leading",
        clip_sample=True,
        clip_sample_range=1.0,
    )


def _edm_settings(noise: NoiseScheduler) -> dict[str, Any]:
    return {
        "sigma_min": noise.sigma_min,
        "sigma_max": noise.sigma_max,
        "sigma_data": noise.sigma_data,
        "rho": noise.rho,
        "num_train_timesteps": noise.num_train_timesteps,
    }


def _process_of(config: Mapping[str, Any]) -> DDPMScheduler:
    return DDPMScheduler(**{key: config[key] for key in _DDPM_KEYS if config.get(key) is not None})


def _over_betas(info: SamplerInfo, ddpm: DDPMScheduler) -> Any:
    if info.name == "DDPMScheduler":
        return ddpm
    sampler_class = getattr(importlib.import_module("diffusers"), info.name)
    known = inspect.signature(sampler_class.__init__).parameters
    wanted = {key: ddpm.config[key] for key in _DDPM_KEYS}
    if wanted["timestep_spacing"] != "trailing":
        del wanted["timestep_spacing"]  # the class knows what suits it
    if wanted["rescale_betas_zero_snr"] and "rescale_betas_zero_snr" not in known:
        wanted["trained_betas"] = _betas_with_tiny_terminal(ddpm.alphas_cumprod)
    elif wanted["beta_schedule"] in ("sigmoid", "laplace") and not wanted["trained_betas"]:
        wanted["trained_betas"] = _betas_before_rescaling(ddpm)
    if wanted["trained_betas"] is not None:
        wanted["beta_schedule"] = "linear"  # not read beside trained_betas, but it has to be a name the class knows
    return sampler_class(**{key: value for key, value in wanted.items() if key in known})


def _betas_before_rescaling(ddpm: DDPMScheduler) -> list[float]:
    return DDPMScheduler.from_config({**ddpm.config, "rescale_betas_zero_snr": False}).betas.tolist()


def _betas_with_tiny_terminal(alphas_cumprod: Tensor) -> list[float]:
    """The betas of a rescaled schedule, whose last ᾱ is lifted from 0 to 2⁻²⁴."""
    alpha_bar = alphas_cumprod.double().clamp(min=_TINY_ALPHA_BAR)
    return (1.0 - alpha_bar / torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])).tolist()
