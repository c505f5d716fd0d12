"""diffusers' schedulers over a recipe's noise process: the one that training and exports use, and the samplers."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Mapping
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, PROCESS_TITLES, SAMPLERS, fits
from tui_lab.diffusion.schedules.betas import TINY_ALPHA_BAR
from tui_lab.diffusion.uniform_mixing import UniformMixingSampler
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler, Recipe, Sampling

_DDPM_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "clip_sample",
    "clip_sample_range",
)
"""What of a scheduler's config is about the noise process and the data's range, not about its own way to sample."""

_END_KEYS = ("steps_offset", "set_alpha_to_one")
"""Where a pipeline from elsewhere wants its last steps to go."""
_EDM_KEYS = ("sigma_min", "sigma_max", "sigma_data", "rho", "num_train_timesteps")


def training_scheduler(noise: NoiseScheduler) -> Any:
    """The recipe's noise process as a scheduler that diffusers can save, load and, but for the toy's, sample with."""
    match noise.class_name:
        case "DDPMScheduler":
            return _ddpm(noise)
        case "FlowMatchEulerDiscreteScheduler":
            return FlowMatchEulerDiscreteScheduler(num_train_timesteps=noise.num_train_timesteps, shift=noise.shift)
        case "EDMEulerScheduler":
            return EDMEulerScheduler(**{key: getattr(noise, key) for key in _EDM_KEYS})
        case "UniformMixing":
            return UniformMixingSampler(num_train_timesteps=noise.num_train_timesteps)


def training_alphas_cumprod(noise: NoiseScheduler, device: torch.device | str = "cpu") -> Tensor:
    """ᾱ_t of a DDPM process, float32 (T,), bit for bit as in the exported scheduler."""
    return _ddpm(noise).alphas_cumprod.to(device)


def build_sampler(recipe: Recipe) -> Any:
    """A new scheduler for the recipe's `[sampling]`, over its noise process; what does not fit is a RecipeError."""
    if reason := fits(recipe.sampling.scheduler, recipe):
        raise RecipeError(f"sampling.scheduler {recipe.sampling.scheduler}: {reason}")
    return sampler_from_config(training_scheduler(recipe.noise_scheduler).config, recipe.sampling)


def sampler_from_config(config: Mapping[str, Any], sampling: Sampling) -> Any:
    """A new scheduler for `sampling` over the noise process of `config`: of any scheduler over a beta schedule, a flow,
    EDM's levels or the course's mixing. RecipeError where the sampler does not know that process."""
    info, process = SAMPLERS.get(sampling.scheduler), _process_named(config)
    if info is None or process not in info.over:
        able = ", ".join(name for name, other in SAMPLERS.items() if process in other.over)
        title = PROCESS_TITLES[process]
        raise RecipeError(f"there is no sampler {sampling.scheduler!r} for {title}; choose one of {able}")
    if process == MIXING:
        return UniformMixingSampler(config["num_train_timesteps"])
    sampler_class = getattr(importlib.import_module("diffusers"), info.class_name or info.name)
    known = inspect.signature(sampler_class.__init__).parameters
    if process == DDPM:
        ends = {key: config[key] for key in _END_KEYS if key in config}
        wanted = {**_betas_for(known, config), **ends, **_spaced(config, sampling)}
    elif process == FLOW:
        wanted = _flow_settings(config)
    else:
        wanted = {key: config[key] for key in _EDM_KEYS if key in config}
    if sampling.sigma_schedule != "auto":  # under either of the names that diffusers has for it
        wanted |= {f"use_{sampling.sigma_schedule}_sigmas": True, "sigma_schedule": sampling.sigma_schedule}
    return sampler_class(**{key: value for key, value in wanted.items() if key in known}, **info.settings)


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


def _process_named(config: Mapping[str, Any]) -> str:
    """The process that a scheduler's config is about, as `noise_scheduler.class` names it."""
    if config.get("use_flow_sigmas") or "shift" in config:
        return FLOW
    if "beta_schedule" in config:
        return DDPM
    return EDM if "sigma_data" in config else MIXING


def _flow_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """As the flow's own schedulers and as the solvers over it want them."""
    shift = config.get("shift", config.get("flow_shift", 1.0))
    return {
        "num_train_timesteps": config["num_train_timesteps"],
        "shift": shift,
        "flow_shift": shift,
        "use_flow_sigmas": True,
        "prediction_type": "flow_prediction",
    }


def _betas_for(known: Collection[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """`config`'s noise process for a class that knows these settings.

    A class that lacks one of DDPM's beta schedules, or its rescaling to zero terminal SNR, gets the betas themselves.
    """
    try:
        ddpm = DDPMScheduler(**{key: config[key] for key in _DDPM_KEYS if config.get(key) is not None})
    except (NotImplementedError, ValueError, TypeError) as error:
        raise RecipeError(f"the noise schedule cannot be sampled: {error}") from error
    process = {key: ddpm.config[key] for key in _DDPM_KEYS}
    mends = process["rescale_betas_zero_snr"] and "rescale_betas_zero_snr" in known
    if ddpm.alphas_cumprod[-1] == 0 and not mends:
        process["trained_betas"] = _betas_with_tiny_terminal(ddpm.alphas_cumprod)
    elif process["beta_schedule"] in ("sigmoid", "laplace") and not process["trained_betas"]:
        process["trained_betas"] = _betas_before_rescaling(ddpm)
    if process["trained_betas"] is not None:
        process["beta_schedule"] = "linear"  # not read beside trained_betas, but it has to be a name the class knows
    return process


def _spaced(config: Mapping[str, Any], sampling: Sampling) -> dict[str, Any]:
    """The spacing that is asked for; "auto": "trailing" where the process wants that, else what suits the class."""
    if sampling.timestep_spacing != "auto":
        return {"timestep_spacing": sampling.timestep_spacing}
    return {"timestep_spacing": "trailing"} if config.get("timestep_spacing") == "trailing" else {}


def _betas_before_rescaling(ddpm: DDPMScheduler) -> list[float]:
    return DDPMScheduler.from_config({**ddpm.config, "rescale_betas_zero_snr": False}).betas.tolist()


def _betas_with_tiny_terminal(alphas_cumprod: Tensor) -> list[float]:
    """The betas of a rescaled schedule, whose last ᾱ is lifted from 0 to 2⁻²⁴."""
    alpha_bar = alphas_cumprod.double().clamp(min=TINY_ALPHA_BAR)
    return (1.0 - alpha_bar / torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])).tolist()
