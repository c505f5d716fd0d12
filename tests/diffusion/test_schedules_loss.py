"""Which levels training draws, how it weighs them, and what part of the loss each gets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tui_lab.diffusion import schedules
from tui_lab.recipe.schema import Loss, NoiseScheduler, Objective

LINEAR = NoiseScheduler()
FLOW = NoiseScheduler.model_validate({"class": "FlowMatchEulerDiscreteScheduler"})
EDM = NoiseScheduler.model_validate({"class": "EDMEulerScheduler"})
WEIGHTINGS = ("none", "min_snr", "soft_min_snr", "p2", "snr", "edm", "sigmoid")


def test_weights_on_x0_are_the_papers() -> None:
    levels = schedules.levels(LINEAR)
    snr = levels.snr
    on_x0 = {
        "none": np.ones(1000),
        "min_snr": np.minimum(snr, 5),  # Hang et al. 2023
        "soft_min_snr": snr * 5 / (snr + 5),
        "p2": snr / (1 + snr),  # Choi et al. 2022, γ = k = 1
        "snr": snr,
        "edm": (1 / snr + 0.25) / (1 / snr * 0.25),  # Karras et al. 2022, σ_data = 0.5
        "sigmoid": snr / (1 + np.exp(levels.log_snr + 1)),  # b = -1
    }
    for name, expected in on_x0.items():
        found = schedules.weights(Loss.model_validate({"weighting": name}), "sample", levels)
        np.testing.assert_allclose(found, expected, rtol=1e-10, err_msg=name)


ERRORS: list[tuple[NoiseScheduler, Objective]] = [
    (LINEAR, "epsilon"),
    (LINEAR, "v_prediction"),
    (FLOW, "flow"),
    (EDM, "edm"),
]


@pytest.mark.parametrize(("noise", "objective"), ERRORS, ids=[objective for _, objective in ERRORS])
@pytest.mark.parametrize("weighting", WEIGHTINGS[1:])
def test_the_same_error_in_x0_costs_the_same_whatever_the_model_answers(
    noise: NoiseScheduler, objective: Objective, weighting: str
) -> None:
    """The answer that belongs to a wrong x₀, weighed as the model's, is that x₀'s error weighed as x₀'s."""
    levels, loss = schedules.levels(noise), Loss.model_validate({"weighting": weighting})
    x0, eps, off = np.array([0.3]), np.array([-1.1]), 0.01
    for index in (0, 300, 990):
        alpha, sigma = levels.alpha[index], levels.sigma[index]
        right = schedules.target(objective, x0, eps, index, noise)
        eps_of_wrong = (alpha * x0 + sigma * eps - alpha * (x0 + off)) / sigma
        wrong = schedules.target(objective, x0 + off, eps_of_wrong, index, noise)
        ours = schedules.weights(loss, objective, levels, noise.sigma_data)[index] * (right - wrong) ** 2
        theirs = schedules.weights(loss, "sample", levels, noise.sigma_data)[index] * off**2
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_weights_hold_where_no_picture_is_left() -> None:
    zero = NoiseScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    for weighting in WEIGHTINGS:
        loss = Loss.model_validate({"weighting": weighting})
        assert np.isfinite(schedules.weights(loss, "v_prediction", schedules.levels(zero))).all()
    last = schedules.weights(Loss(weighting="min_snr"), "epsilon", schedules.levels(zero))[-1]
    assert last == pytest.approx(1)  # min(1, γ / SNR) for SNR → 0


def test_edms_weighting_leaves_edms_own_answer_alone() -> None:
    found = schedules.weights(Loss(weighting="edm"), "edm", schedules.levels(EDM), EDM.sigma_data)
    np.testing.assert_allclose(found, 1)


SAMPLINGS = (
    Loss(),
    Loss(timestep_sampling="logit_normal"),
    Loss(timestep_sampling="logit_normal", logit_mean=-1.0, logit_std=0.5),
    Loss(timestep_sampling="cosine"),
)


@pytest.mark.parametrize("loss", SAMPLINGS, ids=lambda loss: f"{loss.timestep_sampling} {loss.logit_mean}")
def test_the_density_is_that_of_draws(loss: Loss) -> None:
    drawn, draw = schedules.density(FLOW, loss), np.random.default_rng(0)
    assert drawn.sum() == pytest.approx(1, abs=1e-12)
    match loss.timestep_sampling:
        case "logit_normal":
            u = 1 / (1 + np.exp(-draw.normal(loss.logit_mean, loss.logit_std, 400_000)))
        case "cosine":
            u = 1 - 1 / (np.tan(math.pi / 2 * draw.uniform(size=400_000)) + 1)  # CosMap, Esser et al. 2024, eq. 21
        case _:
            u = draw.uniform(size=400_000)
    counted = np.bincount((u * 20).astype(int), minlength=20) / 400_000
    np.testing.assert_allclose(drawn.reshape(20, 50).sum(axis=1), counted, atol=0.003)


def test_edm_draws_a_log_normal() -> None:
    drawn, sigma = schedules.density(EDM, Loss()), schedules.levels(EDM).sigma
    draws = np.exp(np.random.default_rng(0).normal(-1.2, 1.2, 400_000))
    for bound in (0.02, 0.1, 0.3, 1.0, 5.0):
        assert drawn[sigma < bound].sum() == pytest.approx((draws < bound).mean(), abs=0.005)
    far = NoiseScheduler.model_validate({"class": "EDMEulerScheduler", "P_mean": 10.0, "P_std": 0.05})
    assert schedules.density(far, Loss()).argmax() == 999  # and no 0 / 0, though no draw comes near a level


def test_importance_is_even_before_losses_are_known() -> None:
    np.testing.assert_allclose(schedules.density(LINEAR, Loss(timestep_sampling="importance")), 1 / 1000)


def test_a_share_of_the_loss_is_draws_times_weight() -> None:
    loss = Loss(timestep_sampling="cosine", weighting="min_snr")
    share = schedules.loss_share(LINEAR, loss)
    product = schedules.density(LINEAR, loss) * np.minimum(5 / schedules.levels(LINEAR).snr, 1)
    np.testing.assert_allclose(share, product / product.sum())
    assert share.sum() == pytest.approx(1)


def test_an_infinite_weight_gets_all_of_the_loss() -> None:
    custom = (0.1,) * 9 + (1.0,)
    noise = NoiseScheduler(trained_betas=custom, num_train_timesteps=10)
    share = schedules.loss_share(noise, Loss(weighting="edm"))
    assert share[-1] == pytest.approx(1) and np.isfinite(share).all()
