"""Targets, what answers stand for, and loss weights: against each other, closed forms and diffusers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr

from tui_lab.diffusion import objective
from tui_lab.diffusion.forward import add_noise
from tui_lab.diffusion.objective import PredictionType
from tui_lab.recipe.schema import Loss

SCHEDULER = DDPMScheduler()
ALPHA_BAR = SCHEDULER.alphas_cumprod
T = torch.tensor([0, 1, 100, 400, 600])
PREDICTION_TYPES: list[PredictionType] = ["epsilon", "sample", "v_prediction"]


@pytest.fixture
def x0() -> torch.Tensor:
    return torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def eps() -> torch.Tensor:
    return torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(2))


def test_v_is_the_velocity_of_diffusers(x0: torch.Tensor, eps: torch.Tensor) -> None:
    ours = objective.target("v_prediction", x0, eps, ALPHA_BAR, T)
    assert torch.allclose(ours, SCHEDULER.get_velocity(x0, eps, T), atol=1e-6)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
def test_a_perfect_answer_gives_back_image_and_noise(
    prediction_type: PredictionType, x0: torch.Tensor, eps: torch.Tensor
) -> None:
    x_t = add_noise(x0, eps, ALPHA_BAR, T)
    answer = objective.target(prediction_type, x0, eps, ALPHA_BAR, T)
    assert torch.allclose(objective.predicted_x0(prediction_type, answer, x_t, ALPHA_BAR, T), x0, atol=1e-4)
    assert torch.allclose(objective.predicted_eps(prediction_type, answer, x_t, ALPHA_BAR, T), eps, atol=1e-3)


@pytest.mark.parametrize("prediction_type", ["sample", "v_prediction"])
def test_the_image_is_known_even_from_pure_noise(
    prediction_type: PredictionType, x0: torch.Tensor, eps: torch.Tensor
) -> None:
    nothing_left, t = torch.zeros(1), torch.zeros(5, dtype=torch.int64)
    answer = objective.target(prediction_type, x0, eps, nothing_left, t)
    assert torch.equal(objective.predicted_x0(prediction_type, answer, eps, nothing_left, t), x0)


def test_snr_is_that_of_diffusers() -> None:
    assert torch.allclose(objective.snr(ALPHA_BAR, T), compute_snr(SCHEDULER, T), rtol=1e-4)


class TestLossPerSample:
    def test_mse_means_over_all_but_the_batch(self) -> None:
        prediction = torch.stack([torch.zeros(3, 2, 2), torch.full((3, 2, 2), 2.0)])
        losses = objective.loss_per_sample(Loss(type="mse"), prediction, torch.zeros(2, 3, 2, 2))
        assert losses.tolist() == [0.0, 4.0]

    def test_huber_is_half_a_square_near_and_straight_far(self) -> None:
        loss = Loss(type="huber", huber_delta=0.5)
        losses = objective.loss_per_sample(loss, torch.tensor([[0.2], [3.0]]), torch.zeros(2, 1))
        assert losses.tolist() == pytest.approx([0.5 * 0.2**2, 0.5 * (3.0 - 0.25)])

    def test_it_is_taken_in_float32(self) -> None:
        prediction = torch.ones(1, 1000, dtype=torch.bfloat16)
        loss = objective.loss_per_sample(Loss(), prediction, torch.full((1, 1000), 0.999))
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(1e-6, rel=0.01)


class TestMinSNR:
    loss = Loss(weighting="min_snr", snr_gamma=5.0)
    snr = torch.tensor([1e-3, 1.0, 5.0, 100.0])

    def weights(self, prediction_type: PredictionType) -> list[float]:
        return objective.loss_weights(self.loss, prediction_type, self.snr).tolist()

    def test_the_weights_of_each_prediction_type(self) -> None:
        capped = self.snr.clamp(max=5.0)
        assert self.weights("sample") == pytest.approx(capped.tolist())
        assert self.weights("epsilon") == pytest.approx((capped / self.snr).tolist())
        assert self.weights("v_prediction") == pytest.approx((capped / (self.snr + 1)).tolist())

    def test_it_is_one_loss_in_three_guises(self) -> None:
        """The error in x_0 is the same whichever way the model says it, and then so is the weighted loss."""
        x0, eps, answer_x0 = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(3))
        x_t, snr = add_noise(x0, eps, ALPHA_BAR, T), objective.snr(ALPHA_BAR, T)
        alpha_bar = ALPHA_BAR[T][:, None]
        answer_eps = (x_t - alpha_bar.sqrt() * answer_x0) / (1 - alpha_bar).sqrt()
        weighted = []
        for prediction_type in PREDICTION_TYPES:
            answer = objective.target(prediction_type, answer_x0, answer_eps, ALPHA_BAR, T)
            target = objective.target(prediction_type, x0, eps, ALPHA_BAR, T)
            weights = objective.loss_weights(self.loss, prediction_type, snr)
            weighted.append(weights * objective.loss_per_sample(self.loss, answer, target))
        assert torch.allclose(weighted[0], weighted[1], rtol=1e-3)
        assert torch.allclose(weighted[2], weighted[1], rtol=1e-3)

    @pytest.mark.parametrize(("prediction_type", "weight"), [("epsilon", 1.0), ("sample", 0.0), ("v_prediction", 0.0)])
    def test_no_signal_at_all_divides_nothing_by_zero(self, prediction_type: PredictionType, weight: float) -> None:
        assert objective.loss_weights(self.loss, prediction_type, torch.zeros(1)).item() == weight

    def test_unweighted_is_one_everywhere(self) -> None:
        assert objective.loss_weights(Loss(weighting="none"), "epsilon", self.snr).tolist() == [1.0] * 4


def test_the_recipe_s_section_is_all_it_reads() -> None:
    loss = SimpleNamespace(type="mse", huber_delta=1.0, weighting="none", snr_gamma=5.0)
    assert objective.loss_per_sample(loss, torch.ones(2, 3), torch.zeros(2, 3)).tolist() == [1.0, 1.0]
