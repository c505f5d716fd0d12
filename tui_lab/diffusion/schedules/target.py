"""What a perfect model would answer at one noise level, by each objective."""

from __future__ import annotations

import numpy as np

from tui_lab.diffusion.schedules.betas import Float
from tui_lab.diffusion.schedules.levels import levels
from tui_lab.recipe.schema import NoiseScheduler, Objective


def target(objective: Objective, x0: Float, eps: Float, index: int, noise: NoiseScheduler) -> Float:
    """The answer at x_t = α · x_0 + σ · ε of level `index`, with the shape of `x0` and `eps`.

    epsilon: ε. sample: x_0. v_prediction: α · ε - σ · x_0 (Salimans & Ho 2022). flow: ε - x_0 (Liu et al. 2022). edm:
    F = (x_0 - c_skip · x_t) / c_out (Karras et al. 2022, eq. 7), with x_t put in so that nothing cancels at small σ.
    """
    alpha, sigma = levels(noise).alpha[index], levels(noise).sigma[index]
    match objective:
        case "epsilon":
            return eps
        case "sample":
            return x0
        case "v_prediction":
            return alpha * eps - sigma * x0
        case "flow":
            return eps - x0
        case "edm":
            data = noise.sigma_data
            return (sigma / data * x0 - data * eps) / np.sqrt(sigma**2 + data**2)
