"""Where recipes lie, and which there are: those shipped with the lab, and the person's own."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui_lab.errors import RecipeError
from tui_lab.runs.home import lab_home


@dataclass(frozen=True, slots=True)
class ListedRecipe:
    """A recipe by its `[recipe]` table alone: the rest is checked when it is opened. `problem` is one line on a file
    that cannot be read as TOML, "" otherwise."""

    name: str
    path: Path
    description: str
    own: bool
    problem: str = ""


def shipped_folder() -> Path:
    """`tui_lab/recipes` in an installed wheel; the repository's `recipes` in an editable install."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def own_folder() -> Path:
    """Where recipes that a person saves go. It may not be there yet."""
    return lab_home() / "recipes"


def list_recipes() -> list[ListedRecipe]:
    """All recipes, shipped ones first; one of the person's own takes the place of a shipped one of the same name."""
    own = [_listed(path, own=True) for path in _toml_files(own_folder())]
    taken = {recipe.name for recipe in own}
    shipped = [_listed(path, own=False) for path in _toml_files(shipped_folder())]
    return [recipe for recipe in shipped if recipe.name not in taken] + own


def find_recipe(name_or_path: str) -> Path:
    """The file of a recipe, by its name in the list or by its path. Raises RecipeError with the nearest name."""
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        problem = "is a folder, not a recipe" if path.is_dir() else "does not exist"
        raise RecipeError(f"the recipe {name_or_path} {problem}; `diffusion-lab recipes` lists those that there are")
    known = {recipe.name: recipe.path for recipe in list_recipes()}
    if name_or_path in known:
        return known[name_or_path]
    near = difflib.get_close_matches(name_or_path, known, n=1)
    mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
    raise RecipeError(f"there is no recipe {name_or_path!r}; {mend}")


def _toml_files(folder: Path) -> list[Path]:
    try:
        return sorted((path for path in folder.glob("*.toml") if path.is_file()), key=lambda path: path.stem)
    except OSError:
        return []  # a folder that may not be read holds no recipes for this person


def _listed(path: Path, own: bool) -> ListedRecipe:
    """The file's stem is the name that commands take, whatever `recipe.name` says."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return ListedRecipe(path.stem, path, "", own, problem=_one_line(error))
    return ListedRecipe(path.stem, path, _description(content), own)


def _description(content: dict[str, Any]) -> str:
    about = content.get("recipe")
    description = about.get("description") if isinstance(about, dict) else None
    return description if isinstance(description, str) else ""


def _one_line(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return f"is no valid TOML: {' '.join(str(error).split())}"
