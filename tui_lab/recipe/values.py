"""Reading and changing single knobs of a recipe, and telling recipes apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tui_lab.errors import RecipeError
from tui_lab.recipe.checks import problems
from tui_lab.recipe.knobs import Knob, nearest
from tui_lab.recipe.schema import KNOBS, SECTIONS, Recipe

NOT_INTENT = ("recipe.name", "recipe.description", "training.device")
"""What does not change what is learnt, and so is left out of a recipe's hash."""


def find_knob(key: str) -> Knob:
    """The knob of a key. A bare name will do where only one section has it. Raises RecipeError with the nearest key."""
    if key in KNOBS:
        return KNOBS[key]
    same_name = [knob for knob in KNOBS.values() if knob.name == key]
    if len(same_name) == 1:
        return same_name[0]
    if same_name:
        raise RecipeError(f"{key!r} is in several sections: say {' or '.join(knob.key for knob in same_name)}")
    section, _, name = key.partition(".")
    if section in SECTIONS and name:
        hint = nearest(name, [knob.name for knob in KNOBS.values() if knob.section == section])
    else:
        hint = nearest(key, list(KNOBS)) or nearest(key, [knob.name for knob in KNOBS.values()])
    raise RecipeError(f"{key!r} is not a knob{hint or '; `diffusion-lab recipes --knobs` lists them'}")


def parse_assignment(text: str) -> tuple[str, Any]:
    """("optimizer.learning_rate", 3e-4) of "optimizer.learning_rate=3e-4". Raises RecipeError."""
    key, equals, value = text.partition("=")
    if not equals:
        raise RecipeError(f"{text!r} is no assignment: write KEY=VALUE, such as optimizer.learning_rate=3e-4")
    knob = find_knob(key.strip())
    return knob.key, knob.parse(value)


def get(recipe: Recipe, key: str) -> Any:
    """The value of a knob in a recipe."""
    knob = find_knob(key)
    return as_dict(recipe)[knob.section][knob.name]


def replaced(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with these knobs changed, validated as a whole. Raises RecipeError; the given recipe is untouched."""
    changed = edited(recipe, changes)
    if found := problems(changed):
        raise RecipeError(found[0].message)
    return changed


def edited(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """As `replaced`, but each knob is checked by itself alone: for a draft, whose knobs are changed one after the other
    (a fourth block needs four widths and four types before it fits together)."""
    tables = as_dict(recipe)
    for key, value in changes.items():
        knob = find_knob(key)
        tables[knob.section][knob.name] = value
    try:
        return Recipe.model_validate(tables)
    except ValidationError as error:
        raise RecipeError(explain(error)[1]) from error


def explain(error: ValidationError) -> tuple[str, str]:
    """(key, one line) of pydantic's first complaint."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if isinstance(part, str)]
    key, given = ".".join(path[:2]), first["input"]
    if first["type"] == "extra_forbidden":
        if len(path) == 1:
            return key, f"[{path[0]}] is not a section{nearest(path[0], list(SECTIONS))}"
        names = [knob.name for knob in KNOBS.values() if knob.section == path[0]]
        return key, f"{key} is not a known key{nearest(path[1], names)}"
    if key not in KNOBS:
        return key, f"[{key}] must be a table of keys, not {given!r}"
    knob, wanted = KNOBS[key], {"float": "a number", "int": "a whole number", "bool": "true or false", "text": "a text"}
    if knob.choices:
        hint = nearest(given, [str(choice) for choice in knob.choices]) if isinstance(given, str) else ""
        return key, f"{key} is {knob.bounds}, not {given!r}{hint}"
    if knob.kind == "list":
        items = {"float": "finite numbers", "int": "whole numbers"}.get(knob.item_kind, "words")
        example = f" such as [{knob.format(knob.default)}]" if knob.default else ""
        return key, f"{key} takes a list of {items}{example}, not {given!r}"
    bounds = f" ({knob.bounds})" if knob.bounds else ""
    return key, f"{key} takes {wanted[knob.kind]}{bounds}, not {given!r}"


def as_dict(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Plain tables by section, keys as in the file."""
    return recipe.model_dump(by_alias=True)


def flat(recipe: Recipe) -> dict[str, Any]:
    """{"optimizer.learning_rate": 1e-4, …} in the order of the file."""
    return {f"{section}.{name}": value for section, table in as_dict(recipe).items() for name, value in table.items()}


def diff(a: Recipe, b: Recipe) -> list[tuple[str, Any, Any]]:
    """(key, value in a, value in b) of every knob that differs."""
    other = flat(b)
    return [(key, value, other[key]) for key, value in flat(a).items() if value != other[key]]


def recipe_hash(recipe: Recipe) -> str:
    """12 hex digits of what will be learnt: equal for recipes that differ in name, description or device alone."""
    intent = {key: value for key, value in flat(recipe).items() if key not in NOT_INTENT}
    return hashlib.sha256(json.dumps(intent, sort_keys=True).encode()).hexdigest()[:12]
