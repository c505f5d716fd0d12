"""Whether a denoising can be drawn, told before anything is asked of a model."""

from __future__ import annotations

from typing import Any

from tui_lab.catalog.samplers import misfits
from tui_lab.errors import RecipeError
from tui_lab.recipe.checks import problems
from tui_lab.recipe.control_checks import check_control
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.schema import KNOBS, Recipe
from tui_lab.recipe.values import edited


def with_knobs(asked: Denoising, recipe: Recipe) -> Recipe:
    """The source's recipe with the knobs of `asked`, though together they may be impossible. Raises RecipeError."""
    return edited(recipe, {f"sampling.{name}": value for name, value in asked.knobs.items()})


def why_not(asked: Denoising, recipe: Recipe) -> str:
    """In few words why the knobs of `asked` cannot sample what its source's `recipe` trains; "" where they can."""
    try:
        recipe = with_knobs(asked, recipe)
    except RecipeError as error:
        return error.message
    found = next((problem for problem in problems(recipe) if problem.key.startswith("sampling.")), None)
    if found is None:
        return _why_not_steered(asked, recipe)
    return found.message.removeprefix(f"sampling.scheduler {recipe.sampling.scheduler}: ").partition("; ")[0]


def _why_not_steered(asked: Denoising, recipe: Recipe) -> str:
    try:
        check_control(asked, recipe)
    except RecipeError as error:
        return error.message.partition("; ")[0]
    return ""


def choices_of(asked: Denoising, recipe: Recipe, name: str) -> list[tuple[Any, str]]:
    """(value, why not) of each choice of a knob of [sampling], "" for those that can be drawn; of samplers also those
    that are not offered, with their reason."""
    barred = misfits(recipe) if name == "scheduler" else {}
    choices = dict.fromkeys([*KNOBS[f"sampling.{name}"].choices, *barred])
    return [(value, barred.get(value) or why_not(asked.turned(**{name: value}), recipe)) for value in choices]
