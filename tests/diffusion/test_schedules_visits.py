"""Where samplers go: equal to what diffusers' schedulers set, for every sampler, spacing and sigma schedule."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tui_lab.catalog.samplers import SAMPLERS, fits
from tui_lab.diffusion import schedules
from tui_lab.diffusion.noise_schedulers import build_sampler
from tui_lab.errors import RecipeError
from tui_lab.recipe.schema import NoiseScheduler, Recipe, Sampling

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers' numpy, by the million

CUSTOM = tuple(np.linspace(1e-3, 0.1, 100).tolist())
DISCRETE: dict[str, dict[str, Any]] = {
    "linear": {"num_train_timesteps": 500},  # diffusers' DPM2 takes a quarter of a second to be built for 1,000
    "cosine": {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 400},
    "scaled linear": {"beta_schedule": "scaled_linear", "num_train_timesteps": 200},
    "sigmoid": {"beta_schedule": "sigmoid", "num_train_timesteps": 200},
    "laplace": {"beta_schedule": "laplace", "num_train_timesteps": 200},
    "custom": {"trained_betas": CUSTOM, "num_train_timesteps": 100},
    "zero SNR": {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "num_train_timesteps": 300},
}
OTHER: dict[str, dict[str, Any]] = {
    "flow": {"class": "FlowMatchEulerDiscreteScheduler"},
    "shifted flow": {"class": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
    "EDM": {"class": "EDMEulerScheduler"},
    "narrow EDM": {"class": "EDMEulerScheduler", "sigma_max": 40.0, "rho": 5.0},
    "mixing": {"class": "UniformMixing", "num_train_timesteps": 300},
}
PROCESSES = {**DISCRETE, **OTHER}


def recipe(process: str, sampler: str, **sampling: Any) -> Recipe:
    noise = NoiseScheduler.model_validate(PROCESSES[process])
    return Recipe().model_copy(
        update={"noise_scheduler": noise, "sampling": Sampling(scheduler=sampler, **sampling)},
    )


def accepted(process: str, sampler: str) -> Iterator[Recipe]:
    """Every spacing and sigma schedule that the sampler takes over this process."""
    spacings, sigmas = ("auto", "leading", "trailing", "linspace"), ("auto", "karras", "exponential", "beta")
    for spacing, sigma in itertools.product(spacings, sigmas):
        wanted = recipe(process, sampler, num_inference_steps=20, timestep_spacing=spacing, sigma_schedule=sigma)
        if fits(sampler, wanted) is None:
            yield wanted


@pytest.mark.parametrize(
    ("process", "sampler"),
    [
        pytest.param(process, name, id=f"{name}, {process}")
        for process, name in itertools.product(PROCESSES, SAMPLERS)
        if any(True for _ in accepted(process, name))
    ],
)
def test_visits_are_what_diffusers_sets(process: str, sampler: str) -> None:
    for chosen in accepted(process, sampler):
        theirs = build_sampler(chosen)
        for steps in (1, 5, 20):
            sampling = chosen.sampling.model_copy(update={"num_inference_steps": steps})
            wanted = chosen.model_copy(update={"sampling": sampling})
            if fits(sampler, wanted) is None:
                _assert_as_set(theirs, wanted)


def _assert_as_set(theirs: Any, wanted: Recipe) -> None:
    ours = schedules.visits(wanted)
    theirs.set_timesteps(wanted.sampling.num_inference_steps)
    timesteps = theirs.timesteps.numpy()
    assert ours.timesteps.shape == timesteps.shape == ours.sigma.shape == ours.index.shape
    _assert_same_timesteps(ours.timesteps, timesteps.astype(np.float64), wanted)
    if len(getattr(theirs, "sigmas", ())) == len(timesteps) + 1:  # DPM2 keeps them otherwise, the whole ones none
        np.testing.assert_allclose(
            ours.sigma, theirs.sigmas[:-1].numpy(), rtol=2e-4 * _blur(wanted), atol=1e-6, err_msg=str(wanted.sampling)
        )


def _assert_same_timesteps(ours: np.ndarray, theirs: np.ndarray, wanted: Recipe) -> None:
    """To a thousandth of a step where they are fractional, and to the last one where they are whole.

    But for two roundings of diffusers' float32: a respaced level that falls on a whole timestep is cut off to that or
    to the one before, as the last bit has it; and DPM2 ancestral loses digits in σ_up² - σ_next².
    """
    if wanted.sampling.scheduler == "KDPM2AncestralDiscreteScheduler":
        where = np.isfinite(theirs)
        np.testing.assert_allclose(ours[where], theirs[where], atol=0.02 * wanted.noise_scheduler.num_train_timesteps)
        np.testing.assert_allclose(ours[::2], theirs[::2], atol=2e-3 * _blur(wanted))
        return
    off = np.abs(ours - theirs)
    if (theirs == theirs.round()).all() and wanted.sampling.sigma_schedule in ("exponential", "beta", "karras"):
        cut_at_a_border = off.round(3) == 1
        assert cut_at_a_border.sum() <= 2, wanted.sampling
        off = off[~cut_at_a_border]
    np.testing.assert_allclose(off, 0, atol=2e-3 * _blur(wanted), err_msg=str(wanted.sampling))


def _blur(wanted: Recipe) -> float:
    """Rescaling to zero SNR costs diffusers' float32 a digit or two: it is a difference of nearly equal numbers."""
    return 30 if wanted.noise_scheduler.rescale_betas_zero_snr else 1


def test_the_noise_of_a_whole_timestep_is_the_schedules() -> None:
    ours = schedules.visits(recipe("linear", "DDIMScheduler", num_inference_steps=4))
    assert ours.timesteps.tolist() == ours.index.tolist() == [375, 250, 125, 0]
    alpha_bar = schedules.alphas_cumprod(NoiseScheduler(num_train_timesteps=500))[[375, 250, 125, 0]]
    np.testing.assert_allclose(ours.sigma, np.sqrt((1 - alpha_bar) / alpha_bar))


def test_only_pure_noise_has_no_finite_sigma() -> None:
    ours = schedules.visits(recipe("zero SNR", "DDIMScheduler", num_inference_steps=4))
    assert ours.timesteps.tolist() == [299, 224, 149, 74]
    assert np.isinf(ours.sigma).tolist() == [True, False, False, False]


def test_the_index_is_where_the_noise_is_though_the_timestep_was_cut_off() -> None:
    wanted = recipe("linear", "DPMSolverMultistepScheduler", num_inference_steps=7, sigma_schedule="exponential")
    ours = schedules.visits(wanted)
    ratio = schedules.levels(wanted.noise_scheduler).sigma_ratio
    np.testing.assert_allclose(np.interp(ours.index, np.arange(500), np.log(ratio)), np.log(ours.sigma), atol=1e-3)
    assert (ours.timesteps == np.floor(ours.timesteps)).all() and (ours.index != np.floor(ours.index)).any()


@pytest.mark.parametrize("process", ["flow", "shifted flow", "EDM", "mixing"])
def test_the_index_is_the_level_of_that_sigma(process: str) -> None:
    sampler = {"EDM": "EDMEulerScheduler", "mixing": "UniformMixingSampler"}.get(
        process, "FlowMatchEulerDiscreteScheduler"
    )
    wanted = recipe(process, sampler, num_inference_steps=10)
    ours, sigma = schedules.visits(wanted), schedules.levels(wanted.noise_scheduler).sigma
    np.testing.assert_allclose(np.interp(ours.index, np.arange(len(sigma)), sigma), ours.sigma, rtol=1e-9)
    assert (np.diff(ours.index) < 0).all() and ours.index[0] == len(sigma) - 1


def test_a_sampler_that_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(RecipeError, match="EDM Euler does not sample discrete diffusion"):
        schedules.visits(recipe("linear", "EDMEulerScheduler"))
