"""Targets, what answers stand for, and loss weights: against each other, closed forms, diffusers and the screen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EDMEulerScheduler
from torch import Tensor

from tests.diffusion.gaussian import COVARIANCE, GaussianModel, data
from tui_lab.diffusion import objective, schedules
from tui_lab.diffusion.process import Levels, NoiseProcess, noise_process
from tui_lab.recipe.schema import Loss, NoiseScheduler

KNOBS: dict[str, dict[str, Any]] = {
    "epsilon": {"prediction_type": "epsilon"},
    "sample": {"prediction_type": "sample"},
    "v_prediction": {"prediction_type": "v_prediction"},
    "flow": {"class": "FlowMatchEulerDiscreteScheduler", "shift": 2.0},
    "edm": {"class": "EDMEulerScheduler", "sigma_data": 0.4},
    "toy": {"class": "UniformMixing"},
}
INDEX = torch.tensor([0, 1, 100, 400, 900])


def process_of(name: str, **knobs: Any) -> NoiseProcess:
    return noise_process(NoiseScheduler.model_validate({**KNOBS[name], **knobs}))


@pytest.fixture
def x0() -> Tensor:
    return torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def eps() -> Tensor:
    return torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(2))


def column(values: Tensor) -> Tensor:
    return values.double()[:, None, None, None]


def test_v_is_the_velocity_of_diffusers(x0: Tensor, eps: Tensor) -> None:
    process = process_of("v_prediction")
    ours = objective.target(process, x0, eps, process.levels(INDEX))
    assert torch.allclose(ours, DDPMScheduler().get_velocity(x0, eps, INDEX), atol=1e-6)


def test_flow_s_velocity_is_how_x_t_moves_with_sigma(x0: Tensor, eps: Tensor) -> None:
    process = process_of("flow")
    near, far = process.levels(INDEX), process.levels(INDEX + 50)
    moved = process.corrupt(x0, eps, far) - process.corrupt(x0, eps, near)
    velocity = objective.target(process, x0, eps, near)
    assert torch.allclose(moved.double() / column(far.sigma - near.sigma), velocity.double(), atol=1e-4)


def test_edm_s_target_is_the_paper_s(x0: Tensor, eps: Tensor) -> None:
    """F = (x_0 - c_skip x_t) / c_out, c_skip = σd²/(σ²+σd²), c_out = σ σd/√(σ²+σd²) (Karras et al. 2022, table 1)."""
    process = process_of("edm")
    levels = process.levels(INDEX)
    sigma, x_t = column(levels.sigma), x0.double() + column(levels.sigma) * eps.double()
    c_skip, c_out = 0.16 / (sigma**2 + 0.16), sigma * 0.4 / (sigma**2 + 0.16).sqrt()
    paper = (x0.double() - c_skip * x_t) / c_out
    assert torch.allclose(objective.target(process, x0, eps, levels).double(), paper, atol=1e-4)


def test_edm_s_answer_stands_for_the_x0_of_diffusers(x0: Tensor, eps: Tensor) -> None:
    process, theirs = process_of("edm"), EDMEulerScheduler(sigma_data=0.4)
    levels = process.levels(INDEX)
    x_t = process.corrupt(x0, eps, levels)
    ours = objective.predicted_x0(process, eps, x_t, levels)
    for index, sigma in enumerate(levels.sigma):
        assert torch.allclose(ours[index], theirs.precondition_outputs(x_t[index], eps[index], sigma), atol=1e-4)


def test_edm_s_target_has_unit_variance_at_every_level() -> None:
    process = process_of("edm")
    x0, eps = 0.4 * torch.randn(20_000, 1), torch.randn(20_000, 1)
    for index in (0, 500, 999):
        target = objective.target(process, x0, eps, process.levels(torch.full((20_000,), index)))
        assert target.std().item() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("name", KNOBS)
def test_a_perfect_answer_gives_back_image_and_noise(name: str, x0: Tensor, eps: Tensor) -> None:
    process = process_of(name)
    levels = process.levels(INDEX)
    x_t = process.corrupt(x0, eps, levels)
    answer = objective.target(process, x0, eps, levels)
    assert torch.allclose(objective.predicted_x0(process, answer, x_t, levels), x0, atol=1e-3)
    lost = 5e-7 / levels.sigma.min().item()  # float32 can tell no less of ε where there is next to none in x_t
    assert torch.allclose(objective.predicted_eps(process, answer, x_t, levels), eps, atol=max(lost, 2e-3))


@pytest.mark.parametrize("name", KNOBS)
def test_whatever_the_answer_x_t_is_made_of_what_it_stands_for(name: str, x0: Tensor, eps: Tensor) -> None:
    """A wrong answer too splits x_t into an image and noise."""
    process = process_of(name)
    levels = process.levels(INDEX)
    x_t, answer = process.corrupt(x0, eps, levels), torch.flip(eps, [0])
    image = objective.predicted_x0(process, answer, x_t, levels)
    noise = objective.predicted_eps(process, answer, x_t, levels)
    assert torch.allclose(process.corrupt(image, noise, levels), x_t, atol=1e-4 * float(levels.sigma.max() + 1))


@pytest.mark.parametrize("name", KNOBS)
def test_an_answer_for_an_image_is_what_a_perfect_model_says_of_it(name: str, x0: Tensor, eps: Tensor) -> None:
    process = process_of(name)
    levels = process.levels(INDEX)
    x_t = process.corrupt(x0, eps, levels)
    answer, lost = objective.answer_for(process, x0, x_t, levels), 5e-7 / levels.sigma.min().item()
    assert torch.allclose(answer, objective.target(process, x0, eps, levels), atol=max(lost, 2e-3))
    assert torch.allclose(objective.predicted_x0(process, answer, x_t, levels), x0, atol=1e-3)
    assert torch.allclose(objective.model_input(process, x_t, levels), process.model_input(x_t, levels))


@pytest.mark.parametrize("name", ["sample", "v_prediction"])
def test_the_image_is_known_even_from_pure_noise(name: str, x0: Tensor, eps: Tensor) -> None:
    process = process_of(name, rescale_betas_zero_snr=True)
    last = process.levels(torch.full((5,), 999))
    answer = objective.target(process, x0, eps, last)
    assert torch.allclose(objective.predicted_x0(process, answer, process.corrupt(x0, eps, last), last), x0)


@pytest.mark.parametrize("name", [name for name in KNOBS if name != "toy"])  # its noise is not Gaussian
def test_no_answer_beats_the_expectation(name: str) -> None:
    """The closed-form E[x_0 | x_t] leaves the least error in whatever is answered: what training tends to is right."""
    noise = NoiseScheduler.model_validate(KNOBS[name])
    process, x0 = process_of(name), data(20_000)
    eps = process.noise(tuple(x0.shape), torch.Generator().manual_seed(1), "cpu")
    for index in (50, 500, 900):
        levels = process.levels(torch.full((20_000,), index))
        x_in = process.model_input(process.corrupt(x0, eps, levels), levels)
        best = GaussianModel(noise)(x_in, levels.t).float()
        target = objective.target(process, x0, eps, levels)
        least = (best - target).square().mean()
        assert least < (best + 0.1 * x_in - target).square().mean()
        assert least < (best - 0.1 * x_in - target).square().mean()
        # What is left in x_0 is the trace of Σ - α² Σ (α² Σ + σ² I)⁻¹ Σ.
        alpha, sigma = float(levels.alpha[0]), float(levels.sigma[0])
        inverse = torch.linalg.inv(alpha**2 * COVARIANCE + sigma**2 * torch.eye(4).double())
        left = (COVARIANCE - alpha**2 * COVARIANCE @ inverse @ COVARIANCE).trace().item() / 4
        found = objective.predicted_x0(process, best, process.corrupt(x0, eps, levels), levels)
        assert (found - x0).square().mean().item() == pytest.approx(left, rel=0.05, abs=1e-6)


class TestLossPerSample:
    def test_mse_means_over_all_but_the_batch(self) -> None:
        prediction = torch.stack([torch.zeros(3, 2, 2), torch.full((3, 2, 2), 2.0)])
        losses = objective.loss_per_sample(Loss(type="mse"), prediction, torch.zeros(2, 3, 2, 2))
        assert losses.tolist() == [0.0, 4.0]

    def test_l1_is_straight_everywhere(self) -> None:
        losses = objective.loss_per_sample(Loss(type="l1"), torch.tensor([[0.2, -0.4], [3.0, 0.0]]), torch.zeros(2, 2))
        assert losses.tolist() == pytest.approx([0.3, 1.5])

    def test_huber_is_half_a_square_near_and_straight_far(self) -> None:
        loss = Loss(type="huber", huber_delta=0.5)
        losses = objective.loss_per_sample(loss, torch.tensor([[0.2], [3.0]]), torch.zeros(2, 1))
        assert losses.tolist() == pytest.approx([0.5 * 0.2**2, 0.5 * (3.0 - 0.25)])

    def test_it_is_taken_in_float32(self) -> None:
        prediction = torch.ones(1, 1000, dtype=torch.bfloat16)
        assert objective.loss_per_sample(Loss(), prediction, torch.full((1, 1000), 0.999)).dtype == torch.float32


WEIGHTINGS = [
    Loss(weighting="none"),
    Loss(weighting="min_snr", snr_gamma=5.0),
    Loss(weighting="soft_min_snr", snr_gamma=3.0),
    Loss(weighting="p2", p2_gamma=0.5, p2_k=2.0),
    Loss(weighting="snr"),
    Loss(weighting="edm"),
    Loss(weighting="sigmoid", sigmoid_bias=-2.0),
]


def papers_weight(loss: Loss, snr: float, sigma_data: float) -> float:
    """On the squared error in x_0, as each paper has it."""
    tilde = snr**-0.5
    return {
        "min_snr": min(snr, loss.snr_gamma),
        "soft_min_snr": 1 / (1 / snr + 1 / loss.snr_gamma),
        "p2": snr / (loss.p2_k + snr) ** loss.p2_gamma,
        "snr": snr,
        "edm": (tilde**2 + sigma_data**2) / (tilde * sigma_data) ** 2,
        "sigmoid": snr / (1 + math.exp(math.log(snr) - loss.sigmoid_bias)),
    }[loss.weighting]


class TestLossWeights:
    @pytest.mark.parametrize("loss", WEIGHTINGS, ids=lambda loss: loss.weighting)
    @pytest.mark.parametrize("name", KNOBS)
    def test_they_are_those_that_the_screen_draws(self, name: str, loss: Loss) -> None:
        noise = NoiseScheduler.model_validate({**KNOBS[name], "sigma_data": 0.4})
        drawn = schedules.weights(loss, noise.objective, schedules.levels(noise), noise.sigma_data)
        process = noise_process(noise)
        trained = objective.loss_weights(loss, process, process.levels(torch.arange(1000))).double().numpy()
        # float32's ᾱ of the first timestep, 1 - 1e-4, is good to 1e-3 in SNR.
        assert trained == pytest.approx(drawn, rel=2e-3, abs=1e-9)

    @pytest.mark.parametrize("loss", WEIGHTINGS[1:], ids=lambda loss: loss.weighting)
    @pytest.mark.parametrize("name", KNOBS)
    def test_weighted_error_in_the_answer_is_the_paper_s_weight_on_the_error_in_x0(self, name: str, loss: Loss) -> None:
        process = process_of(name, sigma_data=0.4)
        levels = process.levels(INDEX)
        x_t = torch.randn(5, 8, generator=torch.Generator().manual_seed(3))
        answer, other = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(4))
        in_answer = objective.loss_per_sample(Loss(), answer, other) * objective.loss_weights(loss, process, levels)
        images = [objective.predicted_x0(process, it, x_t, levels) for it in (answer, other)]
        in_x0 = objective.loss_per_sample(Loss(), *images)
        weights = [papers_weight(loss, float(snr), 0.4) for snr in levels.snr]
        assert in_answer.tolist() == pytest.approx((in_x0 * torch.tensor(weights)).tolist(), rel=5e-3)

    def test_unweighted_is_one_everywhere(self) -> None:
        process = process_of("epsilon")
        assert objective.loss_weights(Loss(), process, process.levels(INDEX)).tolist() == [1.0] * 5

    def test_edm_under_its_own_weighting_counts_every_level_alike(self) -> None:
        process = process_of("edm")
        weights = objective.loss_weights(Loss(weighting="edm"), process, process.levels(torch.arange(1000)))
        assert weights.numpy() == pytest.approx(np.ones(1000), rel=1e-4)

    @pytest.mark.parametrize(("name", "weight"), [("epsilon", 1.0), ("sample", 0.0), ("v_prediction", 0.0)])
    def test_no_signal_at_all_divides_nothing_by_zero(self, name: str, weight: float) -> None:
        zero, one = torch.zeros(1), torch.ones(1)
        nothing = Levels(zero, one, torch.zeros(1, dtype=torch.int64), zero)
        loss = Loss(weighting="min_snr", snr_gamma=5.0)
        assert objective.loss_weights(loss, process_of(name), nothing).item() == pytest.approx(weight, abs=1e-9)
