"""A model that cannot be bettered: E[x₀ | x_t] of Gaussian data, asked as a network is, over every noise process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tui_lab.diffusion.noise_schedulers import training_alphas_cumprod
from tui_lab.diffusion.process import Levels, noise_process
from tui_lab.recipe import NoiseScheduler, Recipe, replaced

MEAN = torch.tensor([0.3, -0.2, 0.1, 0.0], dtype=torch.float64)
COVARIANCE = 0.04 * torch.tensor(
    [[1.0, 0.6, 0.0, 0.2], [0.6, 1.0, -0.3, 0.0], [0.0, -0.3, 0.25, 0.0], [0.2, 0.0, 0.0, 2.0]], dtype=torch.float64
)


def recipe_of(changes: dict[str, Any]) -> Recipe:
    return replaced(Recipe(), changes)


@dataclass(frozen=True)
class GaussianModel:
    """E[x₀ | x_t] = μ + α Σ (α² Σ + σ² I)⁻¹ (x_t - α μ) for x₀ ~ N(μ, Σ), said as the recipe's objective has it.

    It takes what a network takes, (the model's input (B, 4, 1, 1), t (B,)), and finds the noise level from t alone.
    """

    noise: NoiseScheduler
    covariance: Tensor = COVARIANCE

    def __call__(self, model_input: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = (float(value) for value in self.level(float(t[0])))
        x_t = model_input.double().flatten(1)
        if self.noise.objective == "edm":
            x_t = x_t * (sigma**2 + self.noise.sigma_data**2) ** 0.5
        gain = alpha * self.covariance @ torch.linalg.inv(alpha**2 * self.covariance + sigma**2 * torch.eye(4).double())
        x0 = MEAN + (x_t - alpha * MEAN) @ gain.T
        eps = (x_t - alpha * x0) / sigma
        match self.noise.objective:
            case "epsilon":
                answer = eps
            case "sample":
                answer = x0
            case "v_prediction":
                answer = alpha * eps - sigma * x0
            case "flow":
                answer = eps - x0
            case "edm":
                spread = (sigma**2 + self.noise.sigma_data**2) ** 0.5
                c_skip, c_out = (self.noise.sigma_data / spread) ** 2, sigma * self.noise.sigma_data / spread
                answer = (x0 - c_skip * x_t) / c_out
        return answer.reshape(model_input.shape)

    def level(self, t: float) -> tuple[float, float]:
        """(α, σ) where the model is told t; between two whole timesteps, ln(σ/α) lies between theirs."""
        match self.noise.class_name:
            case "FlowMatchEulerDiscreteScheduler":
                sigma = t / self.noise.num_train_timesteps
                return 1.0 - sigma, sigma
            case "EDMEulerScheduler":
                return 1.0, float(np.exp(4.0 * t))
        ratio = float(np.exp(np.interp(t, np.arange(len(self.log_ratios)), self.log_ratios)))
        alpha = (1.0 + ratio**2) ** -0.5
        return alpha, ratio * alpha

    @cached_property
    def log_ratios(self) -> NDArray[np.float64]:
        """ln(σ/α) of every timestep; where ᾱ = 0, of the 2⁻²⁴ that solvers put."""
        alpha_bar = training_alphas_cumprod(self.noise).double().clamp(min=2.0**-24)
        return (0.5 * ((1.0 - alpha_bar) / alpha_bar).log()).numpy()


def data(count: int, seed: int = 0) -> Tensor:
    """x₀ ~ N(μ, Σ), float32 (count, 4, 1, 1)."""
    eps = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (MEAN + eps @ torch.linalg.cholesky(COVARIANCE).T).float().reshape(count, 4, 1, 1)


def levels_of(noise: NoiseScheduler) -> Levels:
    process = noise_process(noise)
    return process.levels(torch.arange(process.T))
