"""One way from a `Denoising` to the loop that draws it: for the rank, between its steps, and for the workbench."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tui_lab.data.drawable import drawable
from tui_lab.diffusion.in_parts import InParts, PredictOfLabels
from tui_lab.diffusion.noise_schedulers import sampler_from_config
from tui_lab.diffusion.sampling import DenoisingStep, denoise, image_generators, initial_noise
from tui_lab.engine.labels import labels_asked, predict_of
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Denoising


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """`resolved` says all of what is drawn: every knob, the checkpoint, the classes by number.

    `steps` asks the model once for each `next()`, `in_parts` where it has to; `labels` are int64 (B,), None of a model
    without classes.
    """

    resolved: Denoising
    recipe: Recipe
    labels: Tensor | None
    in_parts: InParts
    steps: Iterator[DenoisingStep]


def begin_drawing(
    asked: Denoising,
    source: Recipe,
    checkpoint: int | None,
    scheduler_config: Mapping[str, Any],
    predict: PredictOfLabels,
    device: torch.device,
) -> Drawing:
    """Check all of `asked` against the source's recipe, and make its loop ready; no call of the model yet.

    `scheduler_config`: the source's noise process. Raises LabError with what of it cannot be.
    """
    recipe = drawable(asked, source)
    knobs = recipe.sampling
    labels = labels_asked(recipe, asked.class_labels, knobs.num_images, device)
    in_parts = InParts(predict)
    steps = denoise(
        predict_of(recipe, in_parts, labels),
        sampler_from_config(scheduler_config, knobs),
        knobs.num_inference_steps,
        initial_noise((knobs.num_images, recipe.dataset.channels, *recipe.dataset.size), knobs.seed, device),
        image_generators(knobs.seed, knobs.num_images),
        eta=knobs.eta,
    )
    return Drawing(asked.resolved(recipe, checkpoint), recipe, labels, in_parts, steps)
