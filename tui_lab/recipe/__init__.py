"""What a run is: the recipe's schema, its TOML, its checks. Torch-free, and quick to import."""

from tui_lab.recipe.checks import Problem, problems
from tui_lab.recipe.knobs import Knob, format_number
from tui_lab.recipe.relevance import irrelevant
from tui_lab.recipe.schema import KNOBS, SECTIONS, Dataset, Loss, NoiseScheduler, Recipe
from tui_lab.recipe.toml import dump_recipe, edit_toml, load_recipe, parse_recipe
from tui_lab.recipe.values import as_dict, diff, edited, find_knob, flat, get, parse_assignment, recipe_hash, replaced

__all__ = [
    "KNOBS",
    "SECTIONS",
    "Dataset",
    "Knob",
    "Loss",
    "NoiseScheduler",
    "Problem",
    "Recipe",
    "as_dict",
    "diff",
    "dump_recipe",
    "edit_toml",
    "edited",
    "find_knob",
    "flat",
    "format_number",
    "get",
    "irrelevant",
    "load_recipe",
    "parse_assignment",
    "parse_recipe",
    "problems",
    "recipe_hash",
    "replaced",
]
