"""One way from a `Denoising` to the loop that draws it: for the rank, between its steps, and for the workbench."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tui_lab.data.class_labels import class_number
from tui_lab.data.drawable import drawable
from tui_lab.data.masks import mask_array
from tui_lab.data.reference import picture_of
from tui_lab.diffusion.controls import Pictures, PredictFor, controlled
from tui_lab.diffusion.forward import normalise
from tui_lab.diffusion.guidance import Predict
from tui_lab.diffusion.in_parts import InParts, PredictOfLabels
from tui_lab.diffusion.interpolation import mixed, shares
from tui_lab.diffusion.noise_schedulers import sampler_from_config
from tui_lab.diffusion.own_loss import file_sha256
from tui_lab.diffusion.sampling import DenoisingStep
from tui_lab.engine.labels import labels_asked, predict_of
from tui_lab.recipe import Dataset, Recipe
from tui_lab.recipe.denoising import Denoising, ImageRef


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """`resolved` says all of what is drawn: every knob, the checkpoint, the classes by number.

    `steps` asks the model for each `next()`, `in_parts` where it has to; `labels` are int64 (B,), None of a model
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
    asked = _with_digest(asked)
    knobs, dataset = recipe.sampling, recipe.dataset
    labels = _labels(asked, recipe, device)
    in_parts = InParts(predict)
    steps = controlled(
        asked,
        knobs,
        sampler_from_config(scheduler_config, knobs),
        _predict_for(asked, recipe, in_parts, labels),
        (knobs.num_images, dataset.channels, *dataset.size),
        _pictures(asked, dataset, device),
        device,
    )
    return Drawing(asked.resolved(recipe, checkpoint), recipe, labels, in_parts, steps)


def _with_digest(asked: Denoising) -> Denoising:
    """With the digest of a person's loss file, so that another one is told from it when all is done again. Raises
    LossFileError where it cannot be read."""
    pull = asked.pull
    if pull is None or pull.kind != "file" or pull.sha256:
        return asked
    return asked.changed(pull={**pull.model_dump(), "sha256": file_sha256(Path(pull.path))})


def _pictures(asked: Denoising, dataset: Dataset, device: torch.device) -> Pictures:
    """Raises DataError where one of them cannot be read."""

    def read(reference: ImageRef | None) -> Tensor | None:
        if reference is None:
            return None
        pixels = torch.from_numpy(picture_of(reference, dataset).copy())
        return normalise(pixels.permute(2, 0, 1).contiguous().to(device))

    likeness = asked.pull.image if asked.pull is not None else None
    kept = None if asked.keep is None else torch.from_numpy(mask_array(asked.keep)).to(device)
    return Pictures(read(asked.start.image), read(likeness), kept)


def _labels(asked: Denoising, recipe: Recipe, device: torch.device) -> Tensor | None:
    """int64 (B,): the classes that are asked for in turn, or those of all; in a row all as the first picture, and of
    variations all as the one that they vary. None: unconditional."""
    count = recipe.sampling.num_images
    if asked.variation is None and asked.between is None:
        return labels_asked(recipe, asked.class_labels, count, device)
    place = asked.variation.place if asked.variation is not None else 0
    in_turn = labels_asked(recipe, asked.class_labels, place + 1, device)
    return None if in_turn is None else in_turn[place].repeat(count)


def _predict_for(asked: Denoising, recipe: Recipe, in_parts: InParts, labels: Tensor | None) -> PredictFor:
    """Asks about the classes that `asked` wants at these places of the batch, guided as it says."""
    negative = None if asked.negative_class is None else class_number(recipe, asked.negative_class)
    towards = None
    if asked.between is not None and asked.between.kind == "classes" and labels is not None:
        towards = torch.full_like(labels, class_number(recipe, asked.between.to))

    def predict_for(places: Tensor) -> Predict:
        if labels is None:
            return predict_of(recipe, in_parts, None)
        with torch.inference_mode(False):  # so that gradients may go through an answer about them
            first = predict_of(recipe, in_parts, labels[places], negative)
            if towards is None:
                return first
            share = shares(len(labels), labels.device)[places]
            return mixed(first, predict_of(recipe, in_parts, towards[places], negative), share)

    return predict_for
