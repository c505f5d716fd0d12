"""diffusers' schedulers over a recipe's noise process: whichever class samples, the process is the one trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EDMEulerScheduler, FlowMatchEulerDiscreteScheduler

from tests.diffusion.gaussian import recipe_of
from tui_lab.catalog.samplers import DDPM, EDM, FLOW, MIXING, SAMPLERS
from tui_lab.diffusion import schedules
from tui_lab.diffusion.noise_schedulers import (
    build_sampler,
    sampler_from_config,
    training_alphas_cumprod,
    training_scheduler,
)
from tui_lab.diffusion.uniform_mixing import UniformMixingSampler
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler, Recipe, Sampling

SCHEDULES = ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"]
OVER_BETAS = [name for name, info in SAMPLERS.items() if DDPM in info.over]

# diffusers 0.42 hands torch tensors to numpy 2 in its old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def recipe(sampler: str, **noise: Any) -> Recipe:
    knobs = {f"noise_scheduler.{key}": value for key, value in noise.items()}
    return recipe_of({"noise_scheduler.prediction_type": "v_prediction", "sampling.scheduler": sampler, **knobs})


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_sees_the_curve_that_the_screen_draws(schedule: str, zero_snr: bool) -> None:
    noise = recipe("DDPMScheduler", beta_schedule=schedule, rescale_betas_zero_snr=zero_snr).noise_scheduler
    drawn = np.cumprod(1.0 - schedules.betas(noise))
    assert training_alphas_cumprod(noise).numpy() == pytest.approx(drawn, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("zero_snr", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OVER_BETAS)
def test_every_sampler_runs_over_the_trained_process(name: str, schedule: str, zero_snr: bool) -> None:
    knobs = recipe(name, beta_schedule=schedule, rescale_betas_zero_snr=zero_snr)
    sampler = build_sampler(knobs)
    assert sampler.config.prediction_type == "v_prediction"
    # Where all signal is gone, solvers that divide by it keep 2⁻²⁴.
    expected = training_alphas_cumprod(knobs.noise_scheduler)
    assert torch.allclose(sampler.alphas_cumprod, expected, rtol=2e-3, atol=2e-7)


@pytest.mark.parametrize("name", OVER_BETAS)
def test_custom_betas_reach_every_sampler_also_where_they_end_in_pure_noise(name: str) -> None:
    betas = (*np.linspace(0.01, 0.4, 39).tolist(), 1.0)
    sampler = build_sampler(recipe(name, num_train_timesteps=40, trained_betas=betas, rescale_betas_zero_snr=True))
    expected = torch.cumprod(1.0 - torch.tensor(betas), 0)
    assert torch.allclose(sampler.alphas_cumprod, expected, rtol=2e-3, atol=2e-7)
    sampler.set_timesteps(10)
    if hasattr(sampler, "sigmas"):
        assert sampler.sigmas.isfinite().all()


@pytest.mark.parametrize("name", [name for name in OVER_BETAS if "trailing" in SAMPLERS[name].over[DDPM].spacings])
def test_with_zero_terminal_snr_sampling_starts_at_the_last_timestep(name: str) -> None:
    sampler = build_sampler(recipe(name, rescale_betas_zero_snr=True))
    sampler.set_timesteps(10)
    assert float(sampler.timesteps[0]) == 999


@pytest.mark.parametrize(
    ("name", "spacing"), [(name, spacing) for name in OVER_BETAS for spacing in SAMPLERS[name].over[DDPM].spacings]
)
def test_a_spacing_that_is_asked_for_is_had(name: str, spacing: str) -> None:
    knobs = recipe_of({"sampling.scheduler": name, "sampling.timestep_spacing": spacing})
    assert build_sampler(knobs).config.timestep_spacing == spacing


@pytest.mark.parametrize("name", OVER_BETAS)
def test_auto_is_the_class_s_own_spacing_and_the_first_of_the_catalogue_s(name: str) -> None:
    spacings = SAMPLERS[name].over[DDPM].spacings
    assert build_sampler(recipe(name)).config.get("timestep_spacing") == (spacings[0] if spacings else None)


@pytest.mark.parametrize(
    ("name", "schedule"), [(name, it) for name in OVER_BETAS for it in SAMPLERS[name].over[DDPM].sigma_schedules]
)
def test_a_sigma_schedule_that_is_asked_for_is_had(name: str, schedule: str) -> None:
    knobs = recipe_of({"sampling.scheduler": name, "sampling.sigma_schedule": schedule})
    sampler, plain = build_sampler(knobs), build_sampler(recipe_of({"sampling.scheduler": name}))
    for scheduler in (sampler, plain):
        scheduler.set_timesteps(12)
    assert sampler.config[f"use_{schedule}_sigmas"]
    assert not torch.allclose(sampler.sigmas, plain.sigmas, rtol=0.1)


def test_a_flow_keeps_its_shift_whoever_samples_it() -> None:
    for name in (name for name, info in SAMPLERS.items() if FLOW in info.over):
        shifted = recipe_of({"noise_scheduler.class": FLOW, "noise_scheduler.shift": 4.0, "sampling.scheduler": name})
        sampler = build_sampler(shifted)
        sampler.set_timesteps(20)
        # σ of the middle of u, s/2 / (1 + (s-1)/2) = 0.8, lies in the middle of what is visited.
        assert sampler.sigmas[:-1].median().item() == pytest.approx(0.8, abs=0.05), name


@pytest.mark.parametrize("name", [name for name, info in SAMPLERS.items() if EDM in info.over])
def test_edm_s_levels_go_from_sigma_max_to_sigma_min(name: str) -> None:
    knobs = {"noise_scheduler.class": EDM, "noise_scheduler.sigma_min": 0.01, "noise_scheduler.sigma_max": 40.0}
    spaced = {**knobs, "sampling.scheduler": name}
    for schedule in ("auto", "exponential"):
        sampler = build_sampler(recipe_of({**spaced, "sampling.sigma_schedule": schedule}))
        sampler.set_timesteps(10)
        assert sampler.sigmas[[0, -2, -1]].tolist() == pytest.approx([40.0, 0.01, 0.0], rel=1e-5)


@pytest.mark.parametrize(
    ("knobs", "scheduler_class"),
    [
        ({"class": DDPM}, DDPMScheduler),
        ({"class": FLOW, "shift": 3.0}, FlowMatchEulerDiscreteScheduler),
        ({"class": EDM, "sigma_data": 0.3, "rho": 5.0}, EDMEulerScheduler),
        ({"class": MIXING}, UniformMixingSampler),
    ],
)
def test_the_training_scheduler_says_the_process_in_diffusers_terms(
    knobs: dict[str, Any], scheduler_class: type
) -> None:
    noise = NoiseScheduler.model_validate({"num_train_timesteps": 200, **knobs})
    scheduler = training_scheduler(noise)
    assert scheduler.__class__.__name__ == scheduler_class.__name__
    expected = {key: value for key, value in {"num_train_timesteps": 200, **knobs}.items() if key != "class"}
    assert {key: scheduler.config[key] for key in expected} == expected


class TestFromAConfig:
    """A pipeline from elsewhere may hold any scheduler over a known process, with settings that are its own."""

    def test_over_betas(self) -> None:
        theirs = build_sampler(recipe("DPMSolverMultistepScheduler", num_train_timesteps=500))
        sampler = sampler_from_config(theirs.config, Sampling(scheduler="DDPMScheduler"))
        expected = training_alphas_cumprod(NoiseScheduler(num_train_timesteps=500))
        assert torch.equal(sampler.alphas_cumprod, expected)
        assert sampler.config.variance_type == "fixed_small"

    @pytest.mark.parametrize("held", ["FlowMatchEulerDiscreteScheduler", "UniPCMultistepScheduler"])
    def test_a_flow(self, held: str) -> None:
        knobs = {"noise_scheduler.class": FLOW, "noise_scheduler.shift": 2.5, "sampling.scheduler": held}
        theirs = build_sampler(recipe_of(knobs))
        sampler = sampler_from_config(theirs.config, Sampling(scheduler="DPMSolverMultistepScheduler"))
        assert sampler.config.flow_shift == 2.5
        assert sampler.config.prediction_type == "flow_prediction"

    def test_edm(self) -> None:
        theirs = EDMEulerScheduler(sigma_max=30.0)
        sampler = sampler_from_config(theirs.config, Sampling(scheduler="EDMDPMSolverMultistepScheduler"))
        assert sampler.config.sigma_max == 30.0

    def test_a_process_that_the_sampler_does_not_know_is_named_with_what_does(self) -> None:
        with pytest.raises(RecipeError, match="no sampler 'DDIMScheduler' for EDM; choose one of EDMEulerScheduler"):
            sampler_from_config(EDMEulerScheduler().config, Sampling(scheduler="DDIMScheduler"))

    def test_a_sampler_that_is_not_in_the_catalogue_is_named(self) -> None:
        with pytest.raises(RecipeError, match="no sampler 'os' for discrete diffusion; choose one of DDPMScheduler"):
            sampler_from_config(DDPMScheduler().config, Sampling(scheduler="os"))


def test_what_does_not_fit_is_not_built() -> None:
    misfit = Recipe().model_copy(update={"sampling": Sampling(scheduler="EDMEulerScheduler")})
    with pytest.raises(RecipeError, match="EDM Euler does not sample discrete diffusion"):
        build_sampler(misfit)
