"""How well the model denoises images that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tui_lab.diffusion.forward import add_noise
from tui_lab.diffusion.objective import loss_per_sample, loss_weights, snr, target
from tui_lab.recipe import Recipe

BATCH_SIZE = 64

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x_t, t) → the model's answer, all float32."""


@dataclass(frozen=True)
class HeldOutLoss:
    """The unweighted loss by timestep, and the weight that training gives each of them.

    `mean` is weighted as training's loss is, so that the two can be drawn on one axis.
    """

    by_timestep: tuple[tuple[int, float], ...]
    weights: tuple[float, ...]

    @property
    def mean(self) -> float:
        weighted = (weight * loss for weight, (_, loss) in zip(self.weights, self.by_timestep, strict=True))
        return sum(weighted) / len(self.by_timestep)


class Evaluation:
    """The same held-out images at the same timesteps in the same noise, each time: only the weights differ."""

    def __init__(self, recipe: Recipe, images: Tensor, alphas_cumprod: Tensor, generator: torch.Generator) -> None:
        """Every one of `images`, float32 (M, C, H, W) in [-1, 1], at each of K timesteps, in noise of its own."""
        self._recipe = recipe
        self._images = images
        self._alphas_cumprod = alphas_cumprod
        self._timesteps = timesteps(recipe.noise_scheduler.num_train_timesteps, recipe.evaluation.num_timesteps)
        self._noise = torch.randn(
            (len(self._timesteps) * len(images), *images.shape[1:]), generator=generator, device=images.device
        )

    @torch.no_grad()
    def loss(self, predict: Predict) -> HeldOutLoss:
        """Of the model behind `predict`. What is looked at, (t, image) by (t, image), goes through in even batches."""
        count = len(self._images)
        pairs = torch.arange(len(self._noise), device=self._noise.device)
        of_t = torch.tensor(self._timesteps, device=self._noise.device)
        losses = torch.cat([self._losses(of_t[at // count], at, predict) for at in pairs.split(BATCH_SIZE)])
        means = losses.reshape(len(self._timesteps), count).mean(dim=1).tolist()
        noise = self._recipe.noise_scheduler
        weights = loss_weights(self._recipe.loss, noise.prediction_type, snr(self._alphas_cumprod, of_t)).tolist()
        return HeldOutLoss(tuple(zip(self._timesteps, means, strict=True)), tuple(weights))

    def _losses(self, t: Tensor, pairs: Tensor, predict: Predict) -> Tensor:
        x0, noise = self._images[pairs % len(self._images)], self._noise[pairs]
        answer = predict(add_noise(x0, noise, self._alphas_cumprod, t), t)
        kind = self._recipe.noise_scheduler.prediction_type
        return loss_per_sample(self._recipe.loss, answer, target(kind, x0, noise, self._alphas_cumprod, t))


def timesteps(num_train_timesteps: int, count: int) -> list[int]:
    """The middles of `count` equal bins of 0 … T-1, rising; fewer where T is smaller."""
    count = min(count, num_train_timesteps)
    return [int((i + 0.5) * num_train_timesteps / count) for i in range(count)]
