"""How much the error at each noise level counts, by each of the loss weightings.

A weighting is a weight on the error in x_0, as in the papers. The model answers something else, whose error is a
multiple of that in x_0, so the weight on its own error is divided by that multiple.
"""

from __future__ import annotations

import numpy as np

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import Levels
from tui_lab.recipe.schema import Loss, Objective

_NO_SIGNAL = 1e-200
"""Stands in for an SNR of exactly 0, so that weight and ratio, both 0 there, still give their quotient's limit."""


def weights(loss: Loss, objective: Objective, levels: Levels, sigma_data: float = 0.5) -> Float:
    """The weight on the squared error of the model's own answer, with shape (T,); 1 everywhere for "none".

    w(x_0) · (error in x_0 / error in the answer)², with w by Hang et al. 2023 (min_snr: min(SNR, γ); its soft form:
    SNR·γ/(SNR+γ), Crowson et al. 2024), Choi et al. 2022 (p2: SNR/(k+SNR)^γ), Salimans & Ho 2022 (snr: SNR), Karras et
    al. 2022 (edm: (σ̃²+σ_data²)/(σ̃·σ_data)², σ̃ = 1/√SNR) and Hoogeboom et al. 2024 (sigmoid: SNR·sigmoid(b - ln SNR)).
    """
    snr = np.maximum(levels.snr, _NO_SIGNAL)
    match loss.weighting:
        case "none":
            return np.ones_like(snr)
        case "min_snr":
            on_x0 = np.minimum(snr, loss.snr_gamma)
        case "soft_min_snr":
            on_x0 = snr * loss.snr_gamma / (snr + loss.snr_gamma)
        case "p2":
            on_x0 = snr / (loss.p2_k + snr) ** loss.p2_gamma
        case "snr":
            on_x0 = snr
        case "edm":
            on_x0 = snr + 1 / sigma_data**2
        case "sigmoid":
            on_x0 = snr / (1 + snr * np.exp(-loss.sigmoid_bias))
    return on_x0 * _x0_error_of(objective, snr, levels, sigma_data)


def _x0_error_of(objective: Objective, snr: Float, levels: Levels, sigma_data: float) -> Float:
    """The squared error in x_0 that a squared error of 1 in the model's answer amounts to."""
    match objective:
        case "epsilon":
            return 1 / snr
        case "sample":
            return np.ones_like(snr)
        case "v_prediction":
            return levels.sigma**2 / (levels.alpha**2 + levels.sigma**2) ** 2
        case "flow":
            return levels.sigma**2
        case "edm":
            return (levels.sigma * sigma_data) ** 2 / (levels.sigma**2 + sigma_data**2)
