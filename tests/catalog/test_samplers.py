"""Every sampler on x₀ ~ N(μ, s²), whose best denoiser is known in closed form: what is listed brings that back."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import Tensor

from tui_lab.catalog.samplers import ALL_PREDICTION_TYPES, SAMPLERS, SamplerInfo, fits
from tui_lab.diffusion import schedules
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.diffusion.sampling import denoise, initial_noise
from tui_lab.recipe import NoiseScheduler, Recipe

MEAN, SPREAD = 0.2, 0.25

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers.*")  # its use of numpy on tensors


def noise_scheduler(prediction_type: str, zero_snr: bool = False) -> NoiseScheduler:
    return NoiseScheduler.model_validate(
        {
            "beta_schedule": "squaredcos_cap_v2",
            "prediction_type": prediction_type,
            "rescale_betas_zero_snr": zero_snr,
        }
    )


def sampled(info: SamplerInfo, noise: NoiseScheduler, steps: int = 50) -> Tensor:
    """64 pictures of 3×8×8 from the best denoiser E[x₀ | x_t] = (√ᾱ s² x_t + (1-ᾱ) μ) / (ᾱ s² + 1 - ᾱ)."""
    alpha_bar = schedules.alphas_cumprod(noise).clip(min=1e-12)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        low, part = int(t[0]), float(t[0]) % 1
        high = min(low + 1, len(alpha_bar) - 1)
        at = math.exp((1 - part) * math.log(alpha_bar[low]) + part * math.log(alpha_bar[high]))
        signal, spread = math.sqrt(at), math.sqrt(1 - at)
        x = x.double()
        x0 = (signal * SPREAD**2 * x + spread**2 * MEAN) / (at * SPREAD**2 + spread**2)
        epsilon = (x - signal * x0) / spread
        return {"epsilon": epsilon, "sample": x0, "v_prediction": signal * epsilon - spread * x0}[noise.prediction_type]

    x_T = initial_noise((64, 3, 8, 8), seed=0)
    *_, last = denoise(predict, build_sampler(noise, info.name), steps, x_T, torch.Generator().manual_seed(1))
    return last.x_t


def combinations(zero_snr: bool) -> list[tuple[str, str]]:
    types = ALL_PREDICTION_TYPES[1:] if zero_snr else ALL_PREDICTION_TYPES
    return [(info.name, kind) for info in SAMPLERS.values() for kind in info.prediction_types if kind in types]


@pytest.mark.parametrize(("name", "prediction_type"), combinations(zero_snr=False))
def test_what_is_listed_brings_the_gaussian_back(name: str, prediction_type: str) -> None:
    pictures = sampled(SAMPLERS[name], noise_scheduler(prediction_type))
    assert pictures.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert pictures.std().item() == pytest.approx(SPREAD, rel=0.15)


@pytest.mark.parametrize(("name", "prediction_type"), combinations(zero_snr=True))
def test_and_where_the_signal_ends_at_exactly_zero(name: str, prediction_type: str) -> None:
    pictures = sampled(SAMPLERS[name], noise_scheduler(prediction_type, zero_snr=True))
    assert pictures.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert pictures.std().item() == pytest.approx(SPREAD, rel=0.15)


def unlisted() -> list[tuple[str, str]]:
    return [
        (i.name, kind) for i in SAMPLERS.values() for kind in ALL_PREDICTION_TYPES if kind not in i.prediction_types
    ]


@pytest.mark.parametrize(("name", "prediction_type"), unlisted())
def test_what_is_not_listed_diffusers_refuses_too(name: str, prediction_type: str) -> None:
    with pytest.raises((NotImplementedError, ValueError)):
        sampled(SAMPLERS[name], noise_scheduler(prediction_type))


def test_a_misfit_is_told_what_can() -> None:
    recipe = Recipe.model_construct(noise_scheduler=noise_scheduler("sample"))
    reason = fits("EulerAncestralDiscreteScheduler", recipe)
    assert reason is not None
    assert reason.startswith("Euler ancestral cannot sample a model that predicts sample; ")
    assert "DPM-Solver++" in reason
    assert fits("DPMSolverMultistepScheduler", recipe) is None


@pytest.mark.parametrize("name", SAMPLERS)
def test_epsilon_does_not_fit_zero_terminal_snr_whatever_the_sampler(name: str) -> None:
    recipe = Recipe.model_construct(noise_scheduler=noise_scheduler("epsilon", zero_snr=True))
    reason = fits(name, recipe)
    assert reason is not None
    assert "v_prediction" in reason


def test_an_unknown_sampler_is_told_what_there_is() -> None:
    reason = fits("MadeUpScheduler", Recipe())
    assert reason is not None
    assert "DDIMScheduler" in reason


@pytest.mark.parametrize("info", SAMPLERS.values(), ids=list(SAMPLERS))
def test_facts_that_diffusers_can_confirm(info: SamplerInfo) -> None:
    scheduler = build_sampler(noise_scheduler("v_prediction"), info.name)
    assert ("eta" in inspect.signature(scheduler.step).parameters) == info.uses_eta
    assert bool(scheduler.config.get("clip_sample", False)) == info.clips
    scheduler.set_timesteps(20)
    assert round(len(scheduler.timesteps) / 20) == info.calls_per_step


@pytest.mark.parametrize("info", SAMPLERS.values(), ids=list(SAMPLERS))
def test_stochastic_samplers_and_no_others_depend_on_the_generator(info: SamplerInfo) -> None:
    noise = noise_scheduler("v_prediction")
    x_T = initial_noise((2, 3, 4, 4), seed=0)

    def last(seed: int) -> Tensor:
        sampler = build_sampler(noise, info.name)
        *_, step = denoise(lambda x, _t: -x, sampler, 5, x_T, torch.Generator().manual_seed(seed))
        return step.x_t

    assert torch.equal(last(1), last(2)) is not info.stochastic
