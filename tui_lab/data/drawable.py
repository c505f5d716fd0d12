"""Whether a denoising can be drawn from its source, told without torch, and before anything is asked of a model."""

from __future__ import annotations

from pathlib import Path

from tui_lab.data.class_labels import class_number
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import null_label
from tui_lab.recipe.control_checks import check_control
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.exports import UNKNOWN_DATA, in_latents, takes_text


def drawable(asked: Denoising, source: Recipe) -> Recipe:
    """The source's recipe with the knobs of `asked`. Raises RecipeError with the first thing of it that cannot be;
    pictures that it refers to are not looked at."""
    _check_kind(asked)
    _check_data(asked, source)
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
    check_control(asked, recipe)
    if asked.place is not None and asked.place >= recipe.sampling.num_images:
        last = recipe.sampling.num_images - 1
        raise RecipeError(f"there is no picture {asked.place} in this batch: the last is {last}")
    return recipe


def _check_kind(asked: Denoising) -> None:
    """Prompts are for text-to-image pipelines, which heed little else; no picture, mask or loss is about latents."""
    folder = Path(asked.source).expanduser()
    texts = takes_text(folder)
    if not texts and (asked.prompt or asked.negative_prompt):
        raise RecipeError("prompt: this model was not trained on texts; leave the prompts out, or name a class")
    pictures = asked.start.kind != "noise" or asked.keep is not None or asked.pull is not None
    if texts and (pictures or asked.class_labels or asked.negative_class is not None):
        raise RecipeError("a text-to-image pipeline is steered by its prompts and by guidance: leave the rest out")
    if texts and asked.between is not None and asked.between.kind == "classes":
        raise RecipeError("between: a text-to-image pipeline knows no classes; take a row of seeds")
    if pictures and in_latents(folder):
        raise RecipeError("this pipeline denoises latents, which no picture, mask or loss is about: leave these out")


def _check_data(asked: Denoising, source: Recipe) -> None:
    """A picture of the dataset needs one that is known."""
    referred = [asked.start.image, asked.pull.image if asked.pull is not None else None]
    if source.dataset.name == UNKNOWN_DATA and any(image is not None and image.kind == "data" for image in referred):
        raise RecipeError("this pipeline does not say what it was trained on, and so has no data:N: name a file")


def _check_guidance(recipe: Recipe) -> None:
    """Guidance that was asked for, and not only stands in the recipe, must be possible."""
    if recipe.sampling.guidance_scale != 1.0 and null_label(recipe) is None:
        raise RecipeError(
            "sampling.guidance_scale: this model knows no class for none, which guidance needs; train one with "
            "model.num_class_embeds and loss.class_dropout"
        )
