"""How a recipe's model counts classes: one of them may stand for none."""

from __future__ import annotations

from tui_lab.recipe.schema import Recipe


def null_label(recipe: Recipe) -> int | None:
    """The class that stands for none, the last of the embedding; None where the recipe never hides classes."""
    return recipe.model.num_class_embeds - 1 if recipe.loss.class_dropout else None


def real_classes(recipe: Recipe) -> int:
    """How many classes the model can be told, without the null class."""
    return recipe.model.num_class_embeds - (null_label(recipe) is not None)
