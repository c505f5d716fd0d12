"""What the model is asked for, what its answer says about x_0 and ε, and how the error is weighed.

Shapes: x0, eps, x_t, model_output, prediction, target (B, *); alphas_cumprod (T,); t (B,) int64; snr, weights (B,).
All in float32, whatever the model computes in. `prediction_type` is diffusers': epsilon, sample (x_0) or v_prediction,
with v = √ᾱ ε - √(1-ᾱ) x_0 (Salimans & Ho 2022, section 4).
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (torch's own name for it)

from tui_lab.diffusion.forward import at

PredictionType = Literal["epsilon", "sample", "v_prediction"]


class LossKnobs(Protocol):
    """The recipe's `[loss]` section."""

    @property
    def type(self) -> Literal["mse", "huber"]: ...
    @property
    def huber_delta(self) -> float: ...
    @property
    def weighting(self) -> Literal["none", "min_snr"]: ...
    @property
    def snr_gamma(self) -> float: ...


def target(prediction_type: PredictionType, x0: Tensor, eps: Tensor, alphas_cumprod: Tensor, t: Tensor) -> Tensor:
    """What a perfect model would answer at (x_t, t)."""
    match prediction_type:
        case "epsilon":
            return eps.to(torch.float32)
        case "sample":
            return x0.to(torch.float32)
        case "v_prediction":
            alpha_bar = at(alphas_cumprod, t, x0)
            return alpha_bar.sqrt() * eps.to(torch.float32) - (1.0 - alpha_bar).sqrt() * x0.to(torch.float32)


def predicted_x0(
    prediction_type: PredictionType, model_output: Tensor, x_t: Tensor, alphas_cumprod: Tensor, t: Tensor
) -> Tensor:
    """The x_0 that the model's answer stands for; not clipped."""
    output, x_t = model_output.to(torch.float32), x_t.to(torch.float32)
    alpha_bar = at(alphas_cumprod, t, x_t)
    match prediction_type:
        case "epsilon":
            return (x_t - (1.0 - alpha_bar).sqrt() * output) / alpha_bar.sqrt()
        case "sample":
            return output
        case "v_prediction":
            return alpha_bar.sqrt() * x_t - (1.0 - alpha_bar).sqrt() * output


def predicted_eps(
    prediction_type: PredictionType, model_output: Tensor, x_t: Tensor, alphas_cumprod: Tensor, t: Tensor
) -> Tensor:
    """The noise that the model's answer stands for."""
    output, x_t = model_output.to(torch.float32), x_t.to(torch.float32)
    alpha_bar = at(alphas_cumprod, t, x_t)
    match prediction_type:
        case "epsilon":
            return output
        case "sample":
            return (x_t - alpha_bar.sqrt() * output) / (1.0 - alpha_bar).sqrt()
        case "v_prediction":
            return alpha_bar.sqrt() * output + (1.0 - alpha_bar).sqrt() * x_t


def snr(alphas_cumprod: Tensor, t: Tensor) -> Tensor:
    """The signal-to-noise ratio ᾱ_t / (1 - ᾱ_t), shape (B,)."""
    alpha_bar = alphas_cumprod.to(device=t.device, dtype=torch.float32)[t]
    return alpha_bar / (1.0 - alpha_bar)


def loss_per_sample(loss: LossKnobs, prediction: Tensor, target: Tensor) -> Tensor:
    """The unweighted error of each sample, meaned over everything but the batch: shape (B,)."""
    prediction, target = prediction.to(torch.float32), target.to(torch.float32)
    match loss.type:
        case "mse":
            error = F.mse_loss(prediction, target, reduction="none")
        case "huber":
            error = F.huber_loss(prediction, target, reduction="none", delta=loss.huber_delta)
    return error.flatten(1).mean(dim=1)


def loss_weights(loss: LossKnobs, prediction_type: PredictionType, snr: Tensor) -> Tensor:
    """The weight of each sample's error, shape (B,).

    min_snr (Hang et al. 2023): min(SNR, γ) weighs the error in x_0. The error in ε is SNR times that, and the error in
    v SNR + 1 times, so those are divided out; for ε as min(1, γ / SNR), which also holds at SNR = 0.
    """
    if loss.weighting == "none":
        return torch.ones_like(snr)
    match prediction_type:
        case "epsilon":
            return (loss.snr_gamma / snr).clamp(max=1.0)
        case "sample":
            return snr.clamp(max=loss.snr_gamma)
        case "v_prediction":
            return snr.clamp(max=loss.snr_gamma) / (snr + 1.0)
