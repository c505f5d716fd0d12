"""Every noise process: its levels against the curves on the screen and against diffusers, x_t's mean and variance, and
which levels training draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EDMEulerScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.training_utils import compute_density_for_timestep_sampling, compute_snr

from tui_lab.diffusion import schedules
from tui_lab.diffusion.process import Levels, NoiseProcess, draw_levels, noise_process
from tui_lab.recipe.schema import Loss, NoiseScheduler

DDPM: dict[str, Any] = {"class": "DDPMScheduler"}
FLOW: dict[str, Any] = {"class": "FlowMatchEulerDiscreteScheduler"}
EDM: dict[str, Any] = {"class": "EDMEulerScheduler"}
MIXING: dict[str, Any] = {"class": "UniformMixing"}
PROCESSES = [
    DDPM,
    {**DDPM, "beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 300},
    {**DDPM, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
    {**DDPM, "trained_betas": (0.1, 0.2, 0.5), "num_train_timesteps": 3},
    FLOW,
    {**FLOW, "shift": 3.0, "num_train_timesteps": 50},
    EDM,
    {**EDM, "sigma_min": 0.01, "sigma_max": 20.0, "rho": 3.0, "num_train_timesteps": 40},
    MIXING,
]


def scheduler(knobs: dict[str, Any]) -> NoiseScheduler:
    return NoiseScheduler.model_validate(knobs)


def process_of(knobs: dict[str, Any]) -> NoiseProcess:
    return noise_process(scheduler(knobs))


def all_levels(process: NoiseProcess) -> Levels:
    return process.levels(torch.arange(process.T))


@pytest.mark.parametrize("knobs", PROCESSES, ids=str)
def test_training_sees_the_levels_that_the_screen_draws(knobs: dict[str, Any]) -> None:
    drawn, trained = schedules.levels(scheduler(knobs)), all_levels(process_of(knobs))
    # diffusers' ᾱ is a product in float32, and zero terminal SNR subtracts two of its roots.
    assert trained.alpha.numpy() == pytest.approx(drawn.alpha, rel=1e-3, abs=1e-5)
    assert trained.sigma.numpy() == pytest.approx(drawn.sigma, rel=1e-3)
    assert trained.t.double().numpy() == pytest.approx(drawn.timesteps, rel=1e-5, abs=1e-6)
    assert trained.snr.numpy() == pytest.approx(drawn.snr, rel=2e-3, abs=1e-7)


def test_ddpm_s_are_those_of_diffusers() -> None:
    levels, theirs = all_levels(process_of(DDPM)), DDPMScheduler()
    t = torch.arange(1000)
    assert torch.equal(levels.t, t)
    assert torch.equal(levels.alpha, theirs.alphas_cumprod.sqrt())
    assert torch.allclose(levels.snr, compute_snr(theirs, t), rtol=1e-4)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_s_are_those_of_diffusers(shift: float) -> None:
    levels, theirs = all_levels(process_of({**FLOW, "shift": shift})), FlowMatchEulerDiscreteScheduler(shift=shift)
    assert torch.allclose(levels.sigma, theirs.sigmas.flip(0), atol=1e-6)
    assert torch.allclose(levels.t, theirs.timesteps.flip(0), atol=1e-3)


def test_edm_is_told_and_shown_what_diffusers_tells_and_shows() -> None:
    process, theirs = process_of(EDM), EDMEulerScheduler()
    levels = process.levels(torch.tensor([0, 400, 999]))
    assert levels.sigma[[0, 2]].tolist() == pytest.approx([0.002, 80.0])
    assert torch.allclose(levels.t, theirs.precondition_noise(levels.sigma))
    x_t = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * levels.sigma.reshape(-1, 1, 1, 1)
    for shown, x, sigma in zip(process.model_input(x_t, levels), x_t, levels.sigma, strict=True):
        assert torch.allclose(shown, theirs.precondition_inputs(x, sigma))


class TestCorruption:
    def test_it_adds_the_noise_that_diffusers_adds(self) -> None:
        generator = torch.Generator().manual_seed(0)
        process, theirs = (
            process_of({**DDPM, "beta_schedule": "squaredcos_cap_v2"}),
            DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        )
        x0, eps = torch.randn(2, 6, 3, 4, 4, generator=generator)
        t = torch.tensor([0, 1, 250, 500, 998, 999])
        assert torch.allclose(process.corrupt(x0, eps, process.levels(t)), theirs.add_noise(x0, eps, t), atol=1e-6)

    @pytest.mark.parametrize("knobs", [DDPM, {**FLOW, "shift": 3.0}, EDM, MIXING], ids=str)
    @pytest.mark.parametrize("index", [0, 300, 700, 999])
    def test_x_t_has_the_mean_and_variance_that_the_level_says(self, knobs: dict[str, Any], index: int) -> None:
        process, count = process_of(knobs), 40_000
        levels = process.levels(torch.full((count,), index))
        x0 = torch.full((count, 1), 0.6)
        eps = process.noise((count, 1), torch.Generator().manual_seed(index), "cpu")
        x_t = process.corrupt(x0, eps, levels)
        spread = float(levels.sigma[0]) * (3**-0.5 if knobs == MIXING else 1.0)  # of U(-1, 1), and of N(0, 1)
        assert x_t.mean().item() == pytest.approx(0.6 * float(levels.alpha[0]), abs=0.02 * spread)
        assert x_t.std().item() == pytest.approx(spread, rel=0.02)

    def test_uniform_noise_keeps_to_the_data_s_range(self) -> None:
        eps = process_of(MIXING).noise((10_000,), torch.Generator().manual_seed(0), "cpu")
        assert eps.min().item() == pytest.approx(-1.0, abs=1e-3)
        assert eps.max().item() == pytest.approx(1.0, abs=1e-3)

    def test_the_first_timesteps_get_noise_even_from_half_precision_images(self) -> None:
        process = process_of(DDPM)
        x0 = torch.full((1, 4), 0.5, dtype=torch.bfloat16)
        x_t = process.corrupt(x0, torch.ones(1, 4, dtype=torch.bfloat16), process.levels(torch.tensor([0])))
        assert x_t.dtype == torch.float32
        assert x_t[0, 0].item() == pytest.approx((1 - 1e-4) ** 0.5 * 0.5 + 0.01, abs=1e-6)

    def test_edm_shows_the_model_unit_variance_at_every_level(self) -> None:
        process = process_of({**EDM, "sigma_data": 0.3})
        generator = torch.Generator().manual_seed(0)
        x0 = 0.3 * torch.randn(10_000, 1, generator=generator)
        for index in (0, 400, 999):
            levels = process.levels(torch.full((10_000,), index))
            x_t = process.corrupt(x0, process.noise((10_000, 1), generator, "cpu"), levels)
            assert process.model_input(x_t, levels).std().item() == pytest.approx(1.0, abs=0.03)


def draws(knobs: dict[str, Any], count: int = 100_000, importance: torch.Tensor | None = None, **loss: Any) -> Levels:
    generator = torch.Generator().manual_seed(3)
    return draw_levels(process_of(knobs), Loss(**loss), count, generator, "cpu", importance)[0]


class TestDraws:
    def test_uniform_ddpm_draws_what_it_always_drew(self) -> None:
        """Runs on record depend on these numbers: a torch.randint of the generator as it stands."""
        expected = torch.randint(1000, (64,), generator=torch.Generator().manual_seed(3))
        assert torch.equal(draws(DDPM, 64).t, expected)

    @pytest.mark.parametrize(
        "sampling",
        [
            {"timestep_sampling": "uniform"},
            {"timestep_sampling": "cosine"},
            {"timestep_sampling": "logit_normal", "logit_mean": 0.5, "logit_std": 0.8},
        ],
        ids=lambda sampling: sampling["timestep_sampling"],
    )
    @pytest.mark.parametrize("knobs", [DDPM, {**FLOW, "shift": 3.0}, MIXING], ids=str)
    def test_as_often_as_the_screen_says(self, knobs: dict[str, Any], sampling: dict[str, Any]) -> None:
        few = {**knobs, "num_train_timesteps": 20}
        index = (process_of(few).place(draws(few, **sampling)) * 20).long()
        seen = torch.bincount(index, minlength=20) / len(index)
        assert seen.numpy() == pytest.approx(schedules.density(scheduler(few), Loss(**sampling)), abs=0.005)

    def test_logit_normal_is_that_of_diffusers(self) -> None:
        torch.manual_seed(0)
        theirs = compute_density_for_timestep_sampling("logit_normal", 100_000, logit_mean=0.5, logit_std=0.8)
        ours = process_of(FLOW).place(draws(FLOW, timestep_sampling="logit_normal", logit_mean=0.5, logit_std=0.8))
        quantiles = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
        assert torch.allclose(ours.quantile(quantiles), theirs.quantile(quantiles), atol=0.01)

    def test_edm_draws_ln_sigma_from_a_normal(self) -> None:
        log_sigma = draws({**EDM, "P_mean": -0.4, "P_std": 1.7}).sigma.log()
        assert log_sigma.mean().item() == pytest.approx(-0.4, abs=0.02)
        assert log_sigma.std().item() == pytest.approx(1.7, abs=0.02)

    @pytest.mark.parametrize("knobs", PROCESSES, ids=str)
    def test_place_is_where_at_leads_from(self, knobs: dict[str, Any]) -> None:
        process = process_of(knobs)
        u = torch.tensor([0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
        assert torch.allclose(process.place(process.at(u)), u, atol=1e-3 if process.T == 1000 else 0.51 / process.T)
        assert ((process.place(process.at(u)) >= 0) & (process.place(process.at(u)) < 1)).all()
        assert process.at(torch.tensor([0.0, 1.0])).sigma.isfinite().all()

    @pytest.mark.parametrize("knobs", [DDPM, FLOW, EDM, MIXING], ids=str)
    def test_importance_draws_more_where_told_and_its_correction_leaves_the_mean(self, knobs: dict[str, Any]) -> None:
        process, generator = process_of(knobs), torch.Generator().manual_seed(0)
        importance = torch.tensor([4.0, 1.0, 1.0, 2.0])
        loss = Loss(timestep_sampling="importance")
        levels, correction = draw_levels(process, loss, 200_000, generator, "cpu", importance)
        assert correction is not None
        bins = torch.bincount((process.place(levels) * 4).long(), minlength=4) / 200_000
        assert bins.tolist() == pytest.approx([0.5, 0.125, 0.125, 0.25], abs=0.005)

        def some_loss(at: Levels) -> torch.Tensor:
            return 1.0 / (1.0 + at.snr)

        plain = some_loss(process.draw(200_000, generator, "cpu")).mean().item()
        assert (some_loss(levels) * correction).mean().item() == pytest.approx(plain, rel=0.02)
        assert some_loss(levels).mean().item() != pytest.approx(plain, rel=0.02)

    def test_importance_that_nothing_is_known_of_is_uniform(self) -> None:
        generator = torch.Generator().manual_seed(3)
        levels, correction = draw_levels(process_of(DDPM), Loss(timestep_sampling="importance"), 64, generator)
        assert correction is None
        assert torch.equal(levels.t, draws(DDPM, 64).t)


def test_levels_can_be_sliced_as_ranks_share_a_batch() -> None:
    levels = draws(FLOW, 10)
    half = levels[slice(5, 10)]
    assert len(half) == 5
    assert torch.equal(half.sigma, levels.sigma[5:])
    assert torch.equal(half.t, levels.t[5:])


def test_edm_levels_in_closed_form() -> None:
    """Karras et al. 2022, eq. 5, from the least σ up."""
    sigma = all_levels(process_of(EDM)).sigma.double().numpy()
    i = np.arange(1000)[::-1]
    closed = (80 ** (1 / 7) + i / 999 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert sigma == pytest.approx(closed, rel=1e-6)
    assert all_levels(process_of(EDM)).t[-1].item() == pytest.approx(math.log(80) / 4)
