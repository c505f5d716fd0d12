"""What the model sees of the pictures at a step: gathered, cropped, turned, mirrored and scaled on the device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tui_lab.data import Images
from tui_lab.diffusion.forward import normalise
from tui_lab.engine.augment import crop, mirror, turn
from tui_lab.engine.feeds import Feed, Pictures, Request, open_still
from tui_lab.engine.labels import told
from tui_lab.engine.seeds import Generators, Stream
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label


class Batch(NamedTuple):
    """x_0 in [-1, 1], float32 (B, C, H, W), and the classes that a conditional model is told, int64 (B,)."""

    x0: Tensor
    labels: Tensor | None


class Batches:
    """The batches of a run. All that is drawn for one is a function of (training.seed, step, part): it is drawn for the
    whole batch, of which each process takes its share."""

    def __init__(self, recipe: Recipe, images: Images, feed: Feed, device: torch.device) -> None:
        height, width, channels = images.shape
        self.shape = (channels, height, width)
        self._recipe = recipe
        self._margin = images.margin
        self._feed = feed
        self._device = device
        self._generators = Generators(recipe.training.seed, device)

    def draw(self, step: int, part: int, request: Request) -> Batch:
        """`part` counts the batches that are accumulated within a step."""
        pictures = self._feed.take(request)
        return Batch(self._augmented(pictures.pixels, step, part, request), self._labels(pictures, step, part, request))

    def _augmented(self, pixels: Tensor, step: int, part: int, request: Request) -> Tensor:
        dataset, size, mine = self._recipe.dataset, request.size, slice(request.start, request.stop)
        if dataset.random_flip:
            generator = self._generators.at(Stream.FLIP, step, part)
            pixels = mirror(pixels, (torch.rand(size, generator=generator, device=self._device) < 0.5)[mine])
        if not dataset.random_rotation and not any(self._margin):
            return normalise(pixels)
        generator = self._generators.at(Stream.CROP, step, part)
        top, left = (
            torch.randint(room + 1, (size,), generator=generator, device=self._device)[mine] for room in self._margin
        )
        window = self.shape[1:]
        if not dataset.random_rotation:
            return normalise(crop(pixels, top, left, window))
        generator = self._generators.at(Stream.ROTATION, step, part)
        either_way = 2 * torch.rand(size, generator=generator, device=self._device)[mine] - 1
        return turn(normalise(pixels), dataset.random_rotation * either_way, top, left, window)

    def _labels(self, pictures: Pictures, step: int, part: int, request: Request) -> Tensor | None:
        labels = told(self._recipe, pictures.labels)
        dropout, null = self._recipe.loss.class_dropout, null_label(self._recipe)
        if labels is None or null is None:
            return labels
        generator = self._generators.at(Stream.CLASS_DROPOUT, step, part)
        hidden = torch.rand(request.size, generator=generator, device=self._device) < dropout
        return labels.masked_fill(hidden[request.start : request.stop], null)


def training_batch(recipe: Recipe, images: Images, device: torch.device, step: int) -> Batch:
    """Exactly what the learner draws for the update that follows `step`, its first part, if every update before it was
    of the recipe's own batch size. Of a streamed set, which comes in no order of ours: some of its first pictures."""
    training = recipe.training
    size = training.train_batch_size
    position = step * size * training.gradient_accumulation_steps
    batches = Batches(recipe, images, open_still(recipe, images, device), device)
    return batches.draw(step, 0, Request(position, size, 0, size))


def held_out_batch(recipe: Recipe, images: Images, rows: NDArray[np.int64], device: torch.device) -> Batch:
    """These rows as they are, from the middle of their margin, with their own labels."""
    pixels = torch.from_numpy(np.ascontiguousarray(images.take(rows).transpose(0, 3, 1, 2))).to(device)
    return Batch(normalise(pixels), told(recipe, torch.from_numpy(images.labels[rows]).to(device)))
