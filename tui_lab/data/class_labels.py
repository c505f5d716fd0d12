"""Classes as a person names them: by their number, or by their name in the dataset."""

from __future__ import annotations

from tui_lab.data.load import load_cached
from tui_lab.errors import LabError, RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.classes import real_classes
from tui_lab.recipe.denoising import ClassLabel
from tui_lab.sanitize import clean


def class_number(recipe: Recipe, asked: ClassLabel) -> int:
    """The class of that number, or of that name in the recipe's dataset. Raises RecipeError, naming what there is."""
    known = real_classes(recipe)
    if not known:
        raise RecipeError("this model is unconditional: it takes no class label")
    if str(asked).isdecimal():
        if int(asked) < known:
            return int(asked)
        raise RecipeError(f"there is no class {clean(str(asked), 20)}: the model knows 0 to {known - 1}")
    names = class_names(recipe)[:known]
    if str(asked) in names:
        return names.index(str(asked))
    listed = f"one of {', '.join(clean(name, 24) for name in names[:12])}, or " if names else ""
    raise RecipeError(f"there is no class {clean(str(asked), 40)!r}: take {listed}a number from 0 to {known - 1}")


def class_names(recipe: Recipe) -> tuple[str, ...]:
    """Of the dataset where it is at hand; a pipeline from elsewhere may name them without it."""
    try:
        images = load_cached(recipe.dataset)
    except LabError:
        images = None
    return images.classes if images is not None else recipe.dataset.classes
