"""Recipes as TOML: reading with errors that name file, line and nearest key; writing; editing with comments kept."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tui_lab.errors import RecipeError
from tui_lab.recipe.checks import problems
from tui_lab.recipe.schema import KNOBS, Recipe
from tui_lab.recipe.values import as_dict, explain, find_knob

_HEADER = re.compile(r"^\s*\[\s*([\w.\"-]+)\s*\]")
_KEY = re.compile(r"^\s*([\w\"-]+)\s*=")


def load_recipe(path: Path) -> Recipe:
    """The recipe in a file. Raises RecipeError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 text: is it a recipe?") from error
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_recipe(text, str(path))


def parse_recipe(text: str, source: str = "recipe") -> Recipe:
    """The recipe in TOML text; `source` names it in errors. Raises RecipeError: "source:line: what and the way out"."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = where[1] if where else str(text.count("\n") + 1)
        words = re.sub(r" \(at .*\)$", "", str(error))
        raise RecipeError(f"{source}:{line}: not valid TOML: {words}") from error
    try:
        recipe = Recipe.model_validate(tables)
    except ValidationError as error:
        key, message = explain(error)
        raise RecipeError(f"{source}:{_line_of(text, key)}: {message}") from error
    if found := problems(recipe):
        raise RecipeError(f"{source}:{_line_of(text, found[0].key)}: {found[0].message}")
    return recipe


def dump_recipe(recipe: Recipe) -> str:
    """The whole recipe as TOML, every knob said."""
    import tomlkit

    document = tomlkit.document()
    for section, table in as_dict(recipe).items():
        written = tomlkit.table()
        for name, value in table.items():
            written.add(name, list(value) if isinstance(value, tuple) else value)
        document.add(section, written)
    return tomlkit.dumps(document)


def edit_toml(text: str, changes: Mapping[str, Any]) -> str:
    """The TOML text with these knobs set, and all comments and spacing kept. The text must be a valid recipe."""
    import tomlkit

    document = tomlkit.parse(text)
    for key, value in changes.items():
        knob = find_knob(key)
        if knob.section not in document:
            document.add(knob.section, tomlkit.table())
        document[knob.section][knob.name] = list(value) if isinstance(value, tuple) else value
    return tomlkit.dumps(document)


def _line_of(text: str, key: str) -> int:
    """The 1-based line that a key stands on; its section's header where the key is not written; else 1."""
    section, _, name = key.partition(".")
    at_section, inside = 0, False
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            inside = header[1].strip('"') == section
            at_section = number if inside and not at_section else at_section
        elif inside and name and (written := _KEY.match(line)) and written[1].strip('"') == name:
            return number
    if not at_section and key in KNOBS:
        return 1
    return at_section or 1
