"""Classes: which a conditional model is told, and what must hold before one is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tui_lab.data import Images
from tui_lab.data.class_labels import class_number
from tui_lab.diffusion.guidance import Predict, guided, scale_over_time
from tui_lab.diffusion.in_parts import PredictOfLabels
from tui_lab.diffusion.process import noise_process
from tui_lab.errors import DataError, RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label, real_classes
from tui_lab.recipe.denoising import ClassLabel


def told(recipe: Recipe, labels: Tensor) -> Tensor | None:
    """What the model is told of `labels` int64 (B,): a missing one (-1) becomes the null class. None: unconditional."""
    if not recipe.model.num_class_embeds:
        return None
    null = null_label(recipe)
    return labels if null is None else labels.masked_fill(labels < 0, null)


def labels_in_turn(recipe: Recipe, count: int, device: torch.device) -> Tensor | None:
    """Each class in turn, int64 (count,). None: unconditional."""
    if not recipe.model.num_class_embeds:
        return None
    return torch.arange(count, device=device) % real_classes(recipe)


def labels_asked(recipe: Recipe, asked: Sequence[ClassLabel], count: int, device: torch.device) -> Tensor | None:
    """int64 (count,): those that are asked for, in turn; every class in turn where none is. None: unconditional."""
    if not asked:
        return labels_in_turn(recipe, count, device)
    chosen = [class_number(recipe, label) for label in asked]
    return torch.tensor([chosen[place % len(chosen)] for place in range(count)], device=device)


def predict_of(recipe: Recipe, predict: PredictOfLabels, labels: Tensor | None, negative: int | None = None) -> Predict:
    """`predict` of a batch of these labels, guided as the recipe's [sampling] says: away from the class `negative`, or
    from the class for none. Plain where there is neither."""
    against = null_label(recipe) if negative is None else negative
    if labels is None or against is None:
        return lambda x_t, t: predict(x_t, t, labels)
    return guided(predict, labels, against, scale_over_time(recipe.sampling, noise_process(recipe.noise_scheduler)))


def check_labels(recipe: Recipe, images: Images) -> None:
    """Raises DataError where a conditional model has no labels to learn, RecipeError where it knows too few."""
    known = recipe.model.num_class_embeds
    if not known:
        return
    labels, hides = images.labels[np.concatenate([images.train_rows, images.held_out_rows])], null_label(recipe)
    missing = int((labels < 0).sum())
    if missing == len(labels):
        raise DataError(
            f"{images.name} has no labels, and model.num_class_embeds {known} wants one for each picture: set it to 0, "
            "or name a label column by dataset.label"
        )
    if missing and hides is None:
        raise DataError(
            f"{missing:,} of the {len(labels):,} pictures of {images.name} have no label: set loss.class_dropout above "
            "0, so that they train the class for none, or model.num_class_embeds to 0"
        )
    classes = max(int(labels.max()) + 1, len(images.classes))
    if classes > real_classes(recipe):
        wanted = classes if hides is None else classes + 1
        extra = "" if hides is None else ", and loss.class_dropout asks for one more, for none"
        raise RecipeError(
            f"{images.name} has {classes} classes{extra}: model.num_class_embeds {known} is too few, set it to {wanted}"
        )
