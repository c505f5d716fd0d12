"""Whether a denoising can be drawn from its source, told without torch, and before anything is asked of a model."""

from __future__ import annotations

from tui_lab.data.class_labels import class_number
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label
from tui_lab.recipe.denoising import Denoising, Mask


def drawable(asked: Denoising, source: Recipe) -> Recipe:
    """The source's recipe with the knobs of `asked`. Raises RecipeError with the first thing of it that cannot be;
    pictures that it refers to are not looked at."""
    recipe = asked.recipe_of(source)
    if recipe.sampling.guidance_scale != source.sampling.guidance_scale:
        _check_guidance(recipe)
    classes = [*asked.class_labels]
    if asked.negative_class is not None:
        classes.append(asked.negative_class)
    if asked.between is not None and asked.between.kind == "classes":
        classes.append(asked.between.to)
    for label in classes:
        class_number(recipe, label)
    if asked.keep is not None:
        _check_mask(asked.keep, recipe.dataset.size)
    if asked.place is not None and asked.place >= recipe.sampling.num_images:
        last = recipe.sampling.num_images - 1
        raise RecipeError(f"there is no picture {asked.place} in this batch: the last is {last}")
    return recipe


def _check_guidance(recipe: Recipe) -> None:
    """Guidance that was asked for, and not only stands in the recipe, must be possible."""
    if recipe.sampling.guidance_scale != 1.0 and null_label(recipe) is None:
        raise RecipeError(
            "sampling.guidance_scale: this model knows no class for none, which guidance needs; train one with "
            "model.num_class_embeds and loss.class_dropout"
        )


def _check_mask(mask: Mask, size: tuple[int, int]) -> None:
    height, width = size
    if (mask.height, mask.width) != size:
        raise RecipeError(
            f"keep: the mask is {mask.width}×{mask.height} pixels, and the pictures are {width}×{height}: paint it anew"
        )
    if not mask.kept:
        raise RecipeError("keep: the mask keeps no pixel: keep some, or leave the mask out")
    if mask.kept == height * width:
        raise RecipeError("keep: the mask keeps every pixel, so that nothing is left to draw: clear some of it")
