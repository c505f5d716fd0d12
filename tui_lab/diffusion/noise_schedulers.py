"""diffusers' schedulers over a recipe's noise process: the one that training and exports use, and the samplers."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.diffusion.schedules import NoiseSchedule
from tui_lab.errors import RecipeError

# diffusers' own stand-in for "no signal left" where ᾱ = 0 would make a solver divide by zero.
_TINY_ALPHA_BAR = 2.0**-24

_PROCESS_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "timestep_spacing",
    "clip_sample",
    "clip_sample_range",
)
"""What of a scheduler's config is about the noise process and the data's range, not about its own way to sample."""


class NoiseKnobs(NoiseSchedule, Protocol):
    """The recipe's `[noise_scheduler]` section."""

    @property
    def prediction_type(self) -> Literal["epsilon", "sample", "v_prediction"]: ...


def training_scheduler(noise: NoiseKnobs) -> DDPMScheduler:
    """The recipe's noise process as diffusers' DDPMScheduler; predicted x_0 is clipped to the data's range, [-1, 1].

    With zero terminal SNR, sampling has to start at the last timestep, hence "trailing" (Lin et al. 2023, section 3.3).
    """
    return DDPMScheduler(
        num_train_timesteps=noise.num_train_timesteps,
        beta_schedule=noise.beta_schedule,
        beta_start=noise.beta_start,
        beta_end=noise.beta_end,
        prediction_type=noise.prediction_type,
        rescale_betas_zero_snr=noise.rescale_betas_zero_snr,
        timestep_spacing="trailing" if noise.rescale_betas_zero_snr else "leading",
        clip_sample=True,
        clip_sample_range=1.0,
    )


def training_alphas_cumprod(noise: NoiseKnobs, device: torch.device | str = "cpu") -> Tensor:
    """ᾱ_t, float32 (T,), bit for bit as in the exported scheduler."""
    return training_scheduler(noise).alphas_cumprod.to(device)


def build_sampler(noise: NoiseKnobs, class_name: str) -> Any:
    """A new diffusers scheduler of that class, over the recipe's noise process."""
    return sampler_from_config(training_scheduler(noise).config, class_name)


def sampler_from_config(config: Mapping[str, Any], class_name: str) -> Any:
    """A new scheduler of that class over the noise process that `config`, a DDPM-like scheduler's, describes.

    Classes that lack one of DDPM's beta schedules, or its rescaling to zero terminal SNR, get the betas themselves.
    """
    if class_name not in SAMPLERS:
        raise RecipeError(f"there is no sampler {class_name!r}; choose one of {', '.join(SAMPLERS)}")
    try:
        ddpm = DDPMScheduler(**{key: config[key] for key in _PROCESS_KEYS if config.get(key) is not None})
    except (NotImplementedError, ValueError, TypeError) as error:
        raise RecipeError(f"the noise schedule cannot be sampled: {error}") from error
    if class_name == "DDPMScheduler":
        return ddpm
    sampler_class = getattr(importlib.import_module("diffusers"), class_name)
    known = inspect.signature(sampler_class.__init__).parameters
    wanted = {key: ddpm.config[key] for key in _PROCESS_KEYS}
    if wanted["timestep_spacing"] != "trailing":
        del wanted["timestep_spacing"]  # the class knows what suits it
    if wanted["rescale_betas_zero_snr"] and "rescale_betas_zero_snr" not in known:
        wanted["trained_betas"] = _betas_with_tiny_terminal(ddpm.alphas_cumprod)
    elif wanted["beta_schedule"] in ("sigmoid", "laplace"):
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
