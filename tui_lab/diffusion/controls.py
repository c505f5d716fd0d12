"""The control that a `Denoising` asks for, put together: the noise it begins with, what it starts from, what steers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tui_lab.diffusion.guidance import Predict
from tui_lab.diffusion.image_start import ImageStart
from tui_lab.diffusion.inpainting import Inpainting
from tui_lab.diffusion.interpolation import row
from tui_lab.diffusion.inversion import reconstruct
from tui_lab.diffusion.loss_guidance import Gradient, LossGuidance, gradient_of, loss_of
from tui_lab.diffusion.own_loss import OwnLoss
from tui_lab.diffusion.sampling import DenoisingStep, denoise, image_generator, image_generators, initial_noise
from tui_lab.diffusion.steering import Steering
from tui_lab.diffusion.variations import variations
from tui_lab.recipe.denoising import Denoising, Pull
from tui_lab.recipe.schema import Sampling

PredictFor = Callable[[Tensor], Predict]
"""Places in the batch, int64 (b,) → the model as it is asked about these pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What a denoising refers to, read, on its device; None where it refers to none.

    `start` and `likeness`: float32 (C, H, W) in [-1, 1], of the size that is drawn. `kept`: bool (H, W), True where a
    pixel of `start` stays.
    """

    start: Tensor | None = None
    likeness: Tensor | None = None
    kept: Tensor | None = None


def controlled(
    asked: Denoising,
    sampling: Sampling,
    scheduler: Any,
    predict_for: PredictFor,
    shape: tuple[int, ...],
    pictures: Pictures,
    device: torch.device,
) -> Generator[DenoisingStep, None, None]:
    """The steps of `asked`, where `data.drawable` allows it; `sampling` has its knobs, `shape` is (B, C, H, W).

    The model is called once for each step, and once more where a loss pulls. The process of a loss of one's own begins
    with the first step and goes with the generator; one that fails raises LossFileError on the way.
    """
    with ExitStack() as closed_in_the_end:
        steering: list[Steering] = []
        if asked.pull is not None:
            gradient = _gradient(asked.pull, pictures, closed_in_the_end)
            steering.append(LossGuidance(gradient, asked.pull.scale, predict_for))
        image = None if pictures.start is None else pictures.start.expand(shape)
        if pictures.kept is not None and image is not None:  # last: nothing moves what is kept
            steering.append(Inpainting(image, pictures.kept))
        predict = predict_for(torch.arange(shape[0], device=device))
        if asked.start.kind == "inversion" and image is not None:
            yield from reconstruct(predict, scheduler, sampling.num_inference_steps, image, steering)
            return
        start = ImageStart(image, asked.start.strength) if asked.start.kind == "image" and image is not None else None
        x_T, generators = noise_of(asked, sampling.seed, shape)
        n, eta = sampling.num_inference_steps, sampling.eta
        yield from denoise(predict, scheduler, n, x_T.to(device), generators, eta, start, steering)


def noise_of(asked: Denoising, seed: int, shape: tuple[int, ...]) -> tuple[Tensor, list[torch.Generator]]:
    """x_T (B, C, H, W) on the CPU, and what makes the noise that a sampler adds to each picture.

    The pictures of a row, and the variations of one, are all given the same on the way: what differs between them is
    where they begin, and what they are of.
    """
    count = shape[0]
    fresh = initial_noise(shape, seed)
    if asked.variation is not None:
        origin, place = asked.variation.seed, asked.variation.place
        original = initial_noise((place + 1, *shape[1:]), origin)[place]
        moved = variations(original, fresh, asked.variation.amount)
        return moved, [image_generator(origin, place) for _ in range(count)]
    if asked.between is not None:
        alike = [image_generator(seed, 0) for _ in range(count)]
        if asked.between.kind == "classes":
            return fresh[:1].repeat(count, 1, 1, 1), alike
        other = initial_noise((1, *shape[1:]), int(asked.between.to))[0]
        return row(fresh[0], other, count), alike
    return fresh, image_generators(seed, count)


def _gradient(pull: Pull, pictures: Pictures, closed_in_the_end: ExitStack) -> Gradient:
    if pull.kind == "file":
        return closed_in_the_end.enter_context(closing(OwnLoss(Path(pull.path), pull.sha256)))
    return gradient_of(loss_of(pull, pictures.likeness))
