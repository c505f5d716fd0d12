"""What the model is asked for, what its answer says about x_0 and ε, and how the error is weighed.

x_t = α x_0 + σ ε, and the answer is, by the objective:

| objective | answer | by |
|---|---|---|
| epsilon | ε | Ho et al. 2020 |
| sample | x_0 | |
| v_prediction | v = α ε - σ x_0, where α² + σ² = 1 | Salimans & Ho 2022, section 4 |
| flow | v = ε - x_0, where α + σ = 1 | Liu et al. 2022 |
| edm | F = (x_0 - c_skip x_t) / c_out, where α = 1 | Karras et al. 2022, eq. 7 and table 1 |

Shapes: x0, eps, x_t, output, prediction, target (B, *); weights (B,). All in float32, whatever the model computes in.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, l1_loss, mse_loss

from tui_lab.diffusion.forward import over
from tui_lab.diffusion.process import Levels
from tui_lab.recipe.schema import Loss, Objective

_NO_SIGNAL = 1e-30
"""Stands in for an SNR of exactly 0, so that a weight and a ratio that are both 0 there still give their limit."""


class Answered(Protocol):
    """What the model was trained to answer; a `NoiseProcess` says it. `sigma_data` counts for edm alone."""

    @property
    def objective(self) -> Objective: ...
    @property
    def sigma_data(self) -> float: ...


def target(process: Answered, x0: Tensor, eps: Tensor, levels: Levels) -> Tensor:
    """What a perfect model would answer at x_t = α x_0 + σ ε."""
    x0, eps = x0.to(torch.float32), eps.to(torch.float32)
    alpha, sigma = over(levels.alpha, x0), over(levels.sigma, x0)
    match process.objective:
        case "epsilon":
            return eps
        case "sample":
            return x0
        case "v_prediction":
            return alpha * eps - sigma * x0
        case "flow":
            return eps - x0
        case "edm":
            # (x_0 - c_skip x_t) / c_out with x_t put in, so that nothing cancels where σ is small.
            return (sigma / process.sigma_data * x0 - process.sigma_data * eps) / _spread(process, sigma)


def model_input(process: Answered, x_t: Tensor, levels: Levels) -> Tensor:
    """What the model is shown of x_t; in EDM c_in x_t, at unit variance."""
    return x_t / _spread(process, over(levels.sigma, x_t)) if process.objective == "edm" else x_t


def predicted_x0(process: Answered, output: Tensor, x_t: Tensor, levels: Levels) -> Tensor:
    """The x_0 that the model's answer stands for; not clipped."""
    output, x_t = output.to(torch.float32), x_t.to(torch.float32)
    alpha, sigma = over(levels.alpha, x_t), over(levels.sigma, x_t)
    match process.objective:
        case "epsilon":
            return (x_t - sigma * output) / alpha
        case "sample":
            return output
        case "v_prediction":
            return alpha * x_t - sigma * output
        case "flow":
            return x_t - sigma * output
        case "edm":
            spread = _spread(process, sigma)
            return (process.sigma_data / spread) ** 2 * x_t + sigma * process.sigma_data / spread * output


def predicted_eps(process: Answered, output: Tensor, x_t: Tensor, levels: Levels) -> Tensor:
    """The noise that the model's answer stands for."""
    output, x_t = output.to(torch.float32), x_t.to(torch.float32)
    alpha, sigma = over(levels.alpha, x_t), over(levels.sigma, x_t)
    match process.objective:
        case "epsilon":
            return output
        case "sample":
            return (x_t - alpha * output) / sigma
        case "v_prediction":
            return alpha * output + sigma * x_t
        case "flow":
            return x_t + alpha * output
        case "edm":
            spread = _spread(process, sigma)
            return sigma / spread**2 * x_t - process.sigma_data / spread * output


def answer_for(process: Answered, x0: Tensor, x_t: Tensor, levels: Levels) -> Tensor:
    """The answer that stands for `x0` at x_t, of which σ is not 0: the inverse of `predicted_x0`."""
    x0, x_t = x0.to(torch.float32), x_t.to(torch.float32)
    eps = (x_t - over(levels.alpha, x_t) * x0) / over(levels.sigma, x_t)
    return target(process, x0, eps, levels)


def loss_per_sample(loss: Loss, prediction: Tensor, target: Tensor) -> Tensor:
    """The unweighted error of each sample, meaned over everything but the batch: shape (B,)."""
    prediction, target = prediction.to(torch.float32), target.to(torch.float32)
    match loss.type:
        case "mse":
            error = mse_loss(prediction, target, reduction="none")
        case "l1":
            error = l1_loss(prediction, target, reduction="none")
        case "huber":
            error = huber_loss(prediction, target, reduction="none", delta=loss.huber_delta)
    return error.flatten(1).mean(dim=1)


def loss_weights(loss: Loss, process: Answered, levels: Levels) -> Tensor:
    """The weight of each sample's error in what the model answers, shape (B,); 1 for "none".

    The papers' weights are on the squared error in x_0: min_snr min(SNR, γ) (Hang et al. 2023), soft_min_snr
    SNR γ / (SNR + γ) (Crowson et al. 2024), p2 SNR / (k + SNR)^γ (Choi et al. 2022), snr SNR, edm
    (σ̃² + σ_data²) / (σ̃ σ_data)² with σ̃² = 1/SNR (Karras et al. 2022), sigmoid SNR sigmoid(b - ln SNR) (Hoogeboom et al.
    2024). Each is multiplied by the squared error in x_0 that one of 1 in the answer amounts to.
    """
    snr = levels.snr.clamp(min=_NO_SIGNAL)
    match loss.weighting:
        case "none":
            return torch.ones_like(snr)
        case "min_snr":
            on_x0 = snr.clamp(max=loss.snr_gamma)
        case "soft_min_snr":
            on_x0 = snr * loss.snr_gamma / (snr + loss.snr_gamma)
        case "p2":
            on_x0 = snr / (loss.p2_k + snr) ** loss.p2_gamma
        case "snr":
            on_x0 = snr
        case "edm":
            on_x0 = snr + process.sigma_data**-2
        case "sigmoid":
            on_x0 = snr * (loss.sigmoid_bias - snr.log()).sigmoid()
    match process.objective:
        case "epsilon":
            return on_x0 / snr
        case "sample":
            return on_x0
        case "v_prediction":
            return on_x0 / (snr + 1.0)
        case "flow":
            return on_x0 * levels.sigma**2
        case "edm":
            return on_x0 * (levels.sigma * process.sigma_data / _spread(process, levels.sigma)) ** 2


def _spread(process: Answered, sigma: Tensor) -> Tensor:
    """√(σ² + σ_data²): the standard deviation of EDM's x_t."""
    return (sigma**2 + process.sigma_data**2).sqrt()
