"""How well the model denoises images that it does not learn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tui_lab.data import Images
from tui_lab.diffusion.objective import loss_per_sample, loss_weights, target
from tui_lab.diffusion.process import NoiseProcess, noise_process
from tui_lab.engine.batches import Batch, held_out_batch
from tui_lab.engine.labels import PredictOfLabels
from tui_lab.engine.seeds import Generators, Stream
from tui_lab.recipe import Recipe

BATCH_SIZE = 64


@dataclass(frozen=True)
class HeldOutLoss:
    """The unweighted loss by level (its index, 0 the least noise), and the weight that training gives each of them.

    `mean` is weighted as training's loss is, so that the two can be drawn on one axis.
    """

    by_timestep: tuple[tuple[int, float], ...]
    weights: tuple[float, ...]

    @property
    def mean(self) -> float:
        weighted = (weight * loss for weight, (_, loss) in zip(self.weights, self.by_timestep, strict=True))
        return sum(weighted) / len(self.by_timestep)


class Evaluation:
    """The same held-out images at the same levels in the same noise, each time: only the weights differ."""

    def __init__(self, recipe: Recipe, held_out: Batch, process: NoiseProcess, generator: torch.Generator) -> None:
        """Every one of the held-out images (M, C, H, W), with its label, at each of K levels, in noise of its own."""
        self._loss = recipe.loss
        self._held_out = held_out
        self._process = process
        self._timesteps = timesteps(process.T, recipe.evaluation.num_timesteps)
        images = held_out.x0
        shape = (len(self._timesteps) * len(images), *images.shape[1:])
        self._noise = process.noise(shape, generator, images.device)

    @torch.no_grad()
    def loss(self, predict: PredictOfLabels) -> HeldOutLoss:
        """Of the model behind `predict`. What is looked at, (t, image) by (t, image), goes through in even batches."""
        count = len(self._held_out.x0)
        pairs = torch.arange(len(self._noise), device=self._noise.device)
        of_t = torch.tensor(self._timesteps, device=self._noise.device)
        losses = torch.cat([self._losses(of_t[at // count], at, predict) for at in pairs.split(BATCH_SIZE)])
        means = losses.reshape(len(self._timesteps), count).mean(dim=1).tolist()
        weights = loss_weights(self._loss, self._process, self._process.levels(of_t)).tolist()
        return HeldOutLoss(tuple(zip(self._timesteps, means, strict=True)), tuple(weights))

    def _losses(self, t: Tensor, pairs: Tensor, predict: PredictOfLabels) -> Tensor:
        process, levels = self._process, self._process.levels(t)
        which = pairs % len(self._held_out.x0)
        x0, noise = self._held_out.x0[which], self._noise[pairs]
        labels = None if self._held_out.labels is None else self._held_out.labels[which]
        x_t = process.corrupt(x0, noise, levels)
        answer = predict(process.model_input(x_t, levels), levels.t, labels)
        return loss_per_sample(self._loss, answer, target(process, x0, noise, levels))


def open_evaluation(recipe: Recipe, images: Images, device: torch.device) -> Evaluation | None:
    """Of the recipe's number of held-out images; None where there are none."""
    count = min(recipe.evaluation.num_images, len(images.held_out_rows))
    if not count:
        return None
    return Evaluation(
        recipe,
        held_out_batch(recipe, images, images.held_out_rows[:count], device),
        noise_process(recipe.noise_scheduler, device),
        Generators(recipe.training.seed, device).at(Stream.VALIDATION, 0),
    )


def timesteps(num_train_timesteps: int, count: int) -> list[int]:
    """The middles of `count` equal bins of 0 … T-1, rising; fewer where T is smaller."""
    count = min(count, num_train_timesteps)
    return [int((i + 0.5) * num_train_timesteps / count) for i in range(count)]
