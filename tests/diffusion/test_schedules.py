from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler, rescale_zero_terminal_snr
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from tui_lab.diffusion import schedules
from tui_lab.errors import RecipeError
from tui_lab.recipe import NoiseScheduler

BETA_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace")
COSINE = NoiseScheduler(beta_schedule="squaredcos_cap_v2")
LINEAR = NoiseScheduler()
ZERO_SNR = NoiseScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")


@pytest.mark.parametrize("beta_schedule", BETA_SCHEDULES)
@pytest.mark.parametrize("num_train_timesteps", [300, 1000])
@pytest.mark.parametrize("rescale", [False, True])
def test_the_same_betas_as_diffusers(beta_schedule: str, num_train_timesteps: int, rescale: bool) -> None:
    noise = NoiseScheduler(
        beta_schedule=beta_schedule,
        num_train_timesteps=num_train_timesteps,
        beta_start=2e-4,
        beta_end=0.03,
        rescale_betas_zero_snr=rescale,
    )
    theirs = DDPMScheduler(
        num_train_timesteps=num_train_timesteps,
        beta_schedule=beta_schedule,
        beta_start=2e-4,
        beta_end=0.03,
        rescale_betas_zero_snr=rescale,
    )
    _assert_as_diffusers(noise, theirs, rescale)


@pytest.mark.parametrize("rescale", [False, True])
def test_custom_betas_are_diffusers_trained_betas(rescale: bool) -> None:
    custom = tuple(np.geomspace(1e-4, 0.3, 50).tolist())
    noise = NoiseScheduler(trained_betas=custom, num_train_timesteps=50, rescale_betas_zero_snr=rescale)
    theirs = DDPMScheduler(trained_betas=list(custom), num_train_timesteps=50, rescale_betas_zero_snr=rescale)
    _assert_as_diffusers(noise, theirs, rescale)


def _assert_as_diffusers(noise: NoiseScheduler, theirs: DDPMScheduler, rescale: bool) -> None:
    # Rescaling divides float32 differences, which diffusers' own betas then show; their product, ᾱ, is sound.
    tolerance = 1e-4 if rescale else 1e-6
    np.testing.assert_allclose(schedules.betas(noise), theirs.betas.numpy(), atol=tolerance, rtol=0)
    np.testing.assert_allclose(schedules.alphas_cumprod(noise), theirs.alphas_cumprod.numpy(), atol=1e-6, rtol=0)
    assert schedules.betas(noise).dtype == np.float64


def test_rescaling_is_exact_where_float32_allows_it() -> None:
    """The 1e-4 above is diffusers' float32: the same formula in float64 torch agrees to 1e-6."""
    theirs = rescale_zero_terminal_snr(torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))
    np.testing.assert_allclose(schedules.betas(ZERO_SNR), theirs.numpy(), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("betas", "words"),
    [
        ((0.1, 0.2), "lists 2 β for 3 timesteps"),
        ((0.1, 0.2, 1.5), r"β 1.5 at t = 2"),
        ((0.1, float("nan"), 0.2), r"β nan at t = 1"),
        ((0.0, 0.1, 0.2), r"β 0 at t = 0"),
    ],
)
def test_custom_betas_that_are_none_are_one_clear_line(betas: tuple[float, ...], words: str) -> None:
    noise = NoiseScheduler.model_construct(**{**NoiseScheduler(num_train_timesteps=3).__dict__, "trained_betas": betas})
    with pytest.raises(RecipeError, match=words):
        schedules.levels(noise)


def test_signal_and_noise_share_one_variance() -> None:
    levels, signal = schedules.levels(LINEAR), schedules.sqrt_alphas_cumprod(LINEAR)
    noise = levels.sigma
    np.testing.assert_allclose(signal**2 + noise**2, 1)
    alpha_bar = np.prod(1 - np.linspace(1e-4, 0.02, 1000, dtype=np.longdouble)[:500])
    assert levels.snr[499] == pytest.approx(float(alpha_bar / (1 - alpha_bar)), rel=1e-12)
    np.testing.assert_allclose(levels.snr, (signal / noise) ** 2)
    np.testing.assert_allclose(levels.log_snr, 2 * np.log(signal / noise))


@pytest.mark.parametrize("beta_schedule", BETA_SCHEDULES)
def test_the_picture_only_ever_fades(beta_schedule: str) -> None:
    assert (np.diff(schedules.sqrt_alphas_cumprod(NoiseScheduler(beta_schedule=beta_schedule))) < 0).all()


def test_zero_terminal_snr_is_exactly_zero_and_starts_where_it_did() -> None:
    assert schedules.alphas_cumprod(ZERO_SNR)[-1] == 0
    assert schedules.levels(ZERO_SNR).log_snr[-1] == -np.inf
    assert schedules.alphas_cumprod(ZERO_SNR)[0] == pytest.approx(schedules.alphas_cumprod(LINEAR)[0])


@pytest.mark.parametrize(
    ("noise", "terminal"),
    [(LINEAR, 0.0064), (COSINE, 5e-5), (NoiseScheduler(beta_start=1e-3, beta_end=4e-3), 0.286)],
)
def test_where_the_courses_schedules_end(noise: NoiseScheduler, terminal: float) -> None:
    assert schedules.sqrt_alphas_cumprod(noise)[-1] == pytest.approx(terminal, rel=0.03)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="no-such"):
        schedules.betas(NoiseScheduler.model_construct(beta_schedule="no-such", **_range(LINEAR)))


def _range(noise: NoiseScheduler) -> dict[str, object]:
    return {key: getattr(noise, key) for key in ("num_train_timesteps", "beta_start", "beta_end")}


# The other processes


FLOW = "FlowMatchEulerDiscreteScheduler"
EDM = "EDMEulerScheduler"


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("num_train_timesteps", [100, 1000])
def test_flows_levels_are_diffusers(shift: float, num_train_timesteps: int) -> None:
    levels = schedules.levels(
        NoiseScheduler.model_validate({"class": FLOW, "shift": shift, "num_train_timesteps": num_train_timesteps})
    )
    theirs = FlowMatchEulerDiscreteScheduler(num_train_timesteps=num_train_timesteps, shift=shift)
    np.testing.assert_allclose(levels.sigma, theirs.sigmas.numpy()[::-1], atol=1e-6)
    np.testing.assert_allclose(levels.timesteps, theirs.timesteps.numpy()[::-1], rtol=1e-6)
    np.testing.assert_allclose(levels.alpha + levels.sigma, 1)
    assert levels.snr[-1] == 0 and levels.log_snr[-1] == -np.inf and levels.sigma_ratio[-1] == np.inf


@pytest.mark.parametrize(("rho", "sigma_max"), [(7.0, 80.0), (3.0, 20.0)])
def test_edms_levels_are_karras(rho: float, sigma_max: float) -> None:
    levels = schedules.levels(NoiseScheduler.model_validate({"class": EDM, "rho": rho, "sigma_max": sigma_max}))
    theirs = EDMEulerScheduler(rho=rho, sigma_max=sigma_max)
    theirs.set_timesteps(1000)
    np.testing.assert_allclose(levels.sigma, theirs.sigmas[:-1].numpy()[::-1], rtol=1e-5)
    np.testing.assert_allclose(levels.timesteps, theirs.timesteps.numpy()[::-1], atol=1e-5)
    assert (levels.alpha == 1).all()
    np.testing.assert_allclose(levels.snr, levels.sigma**-2.0)


def test_edms_levels_need_room() -> None:
    with pytest.raises(RecipeError, match="sigma_min 1 is not below 1"):
        schedules.levels(NoiseScheduler.model_validate({"class": EDM, "sigma_min": 1.0, "sigma_max": 1.0}))


def test_the_courses_mixing_goes_straight_to_noise() -> None:
    levels = schedules.levels(NoiseScheduler.model_validate({"class": "UniformMixing", "num_train_timesteps": 4}))
    assert levels.sigma.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert levels.alpha.tolist() == [0.75, 0.5, 0.25, 0.0]
    assert levels.timesteps.tolist() == [0, 1, 2, 3]
