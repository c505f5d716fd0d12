"""diffusers' schedulers over a recipe's noise process: whichever class samples, the process is the one trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tui_lab.catalog.samplers import SAMPLERS
from tui_lab.diffusion import schedules
from tui_lab.diffusion.noise_schedulers import build_sampler, sampler_from_config, training_alphas_cumprod
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler

SCHEDULES = ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"]


def noise(**knobs: Any) -> NoiseScheduler:
    return NoiseScheduler(prediction_type="v_prediction", **knobs)


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_sees_the_curve_that_the_screen_draws(schedule: str, zero_snr: bool) -> None:
    knobs = noise(beta_schedule=schedule, rescale_betas_zero_snr=zero_snr)
    drawn = np.cumprod(1.0 - schedules.betas(knobs))
    assert training_alphas_cumprod(knobs).numpy() == pytest.approx(drawn, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_runs_over_the_trained_process(name: str, schedule: str, zero_snr: bool) -> None:
    knobs = noise(beta_schedule=schedule, rescale_betas_zero_snr=zero_snr)
    sampler = build_sampler(knobs, name)
    assert sampler.config.prediction_type == "v_prediction"
    # Where all signal is gone, solvers that divide by it keep 2⁻²⁴.
    assert torch.allclose(sampler.alphas_cumprod, training_alphas_cumprod(knobs), rtol=2e-3, atol=2e-7)


@pytest.mark.parametrize("name", SAMPLERS)
def test_with_zero_terminal_snr_sampling_starts_at_the_last_timestep(name: str) -> None:
    sampler = build_sampler(noise(rescale_betas_zero_snr=True), name)
    sampler.set_timesteps(10)
    assert float(sampler.timesteps[0]) == 999


def test_a_scheduler_s_config_of_another_kind_is_enough() -> None:
    """A pipeline from elsewhere may hold any scheduler over a beta schedule, with settings that are its own."""
    theirs = build_sampler(noise(num_train_timesteps=500), "DPMSolverMultistepScheduler")
    sampler = sampler_from_config(theirs.config, "DDPMScheduler")
    assert torch.equal(sampler.alphas_cumprod, training_alphas_cumprod(noise(num_train_timesteps=500)))
    assert sampler.config.variance_type == "fixed_small"


def test_a_sampler_that_is_not_in_the_catalogue_is_named() -> None:
    with pytest.raises(RecipeError, match="no sampler 'os'; choose one of DDPMScheduler"):
        build_sampler(noise(), "os")
