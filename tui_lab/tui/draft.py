"""The recipe on the bench: what the knobs show, and what the next run will be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui_lab.catalog.recipes import own_folder
from tui_lab.catalog.samplers import fitting_sampler
from tui_lab.errors import RecipeError
from tui_lab.recipe import (
    Problem,
    Recipe,
    diff,
    dump_recipe,
    edit_toml,
    edited,
    get,
    load_recipe,
    parse_recipe,
    problems,
)
from tui_lab.runs.files import private_folder, replace_file


@dataclass(frozen=True, slots=True)
class Edit:
    """One turn, so that it can be turned back: the knob that the person turned, and the old values of all that moved
    with it."""

    key: str
    old: dict[str, Any]


class Draft:
    """A recipe, where it came from, and the edits since. The knobs may disagree with each other while they are being
    edited; `problems` says so, and training waits until there is none."""

    def __init__(self, recipe: Recipe, text: str = "", origin: str = "", run: str = "") -> None:
        """`run`: the run whose knobs these are."""
        self.recipe = recipe
        self.base = recipe
        self.origin = origin or recipe.recipe.name
        self.run = run
        self._text = text or dump_recipe(recipe)
        self._edits: list[Edit] = []

    @classmethod
    def load(cls, path: Path) -> Draft:
        """Raises RecipeError."""
        recipe = load_recipe(path)
        return cls(recipe, path.read_text(encoding="utf-8"), recipe.recipe.name or path.stem)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the recipe as it was opened."""
        return {key: new for key, _, new in diff(self.base, self.recipe)}

    @property
    def problems(self) -> list[Problem]:
        return problems(self.recipe)

    @property
    def can_undo(self) -> bool:
        return bool(self._edits)

    def get(self, key: str) -> Any:
        return get(self.recipe, key)

    def set(self, key: str, value: Any) -> bool:
        """Turn a knob; False where it stands there already. Raises RecipeError, and nothing is changed.

        A choice that the sampler cannot follow takes one along that can; one undo brings both back."""
        return self.set_all({key: value})

    def set_all(self, changes: Mapping[str, Any]) -> bool:
        """Turn several knobs as one edit, such as a preset's; the first is the one that undo goes back to."""
        moved = {key: value for key, value in changes.items() if self.get(key) != value}
        if not moved:
            return False
        recipe = edited(self.recipe, moved)
        if "sampling.scheduler" not in moved and (sampler := fitting_sampler(recipe)):
            moved["sampling.scheduler"] = sampler
            recipe = edited(recipe, moved)
        self._edits.append(Edit(next(iter(moved)), {key: self.get(key) for key in moved}))
        self.recipe = recipe
        return True

    def adopt(self, changes: Mapping[str, Any]) -> None:
        """Take over what a run goes on with: no edit of this person's, and no difference from the base."""
        self.base = edited(self.base, changes)
        self.recipe = edited(self.recipe, changes)

    def base_value(self, key: str) -> Any:
        """The value of a knob before this person's edits."""
        return get(self.base, key)

    def undo(self) -> Edit | None:
        """Take the last edit back; None where there is none."""
        if not self._edits:
            return None
        edit = self._edits.pop()
        self.recipe = edited(self.recipe, edit.old)
        return edit

    def to_toml(self) -> str:
        """The recipe as it stands, with the comments of the file it came from."""
        return edit_toml(self._text, self._since_text)

    @property
    def _since_text(self) -> dict[str, Any]:
        return {key: new for key, _, new in diff(parse_recipe(self._text), self.recipe)}

    def save(self, name: str) -> Path:
        """Write it as a recipe of one's own. Raises RecipeError where the name will not do or is taken."""
        name = name.strip().removesuffix(".toml")
        if not re.fullmatch(r"[A-Za-z0-9][\w .-]{0,63}", name):
            raise RecipeError(f"{name!r} cannot name a recipe: letters, digits, blanks, '.', '_' and '-', 64 at most")
        path = own_folder() / f"{name}.toml"
        if path.exists():
            raise RecipeError(f"{path.name} is there already: choose another name")
        text = edit_toml(self._text, {**self._since_text, "recipe.name": name})
        try:
            private_folder(path.parent)
            replace_file(path, text.encode())
        except OSError as error:
            raise RecipeError(f"cannot write {path}: {error.strerror}") from error
        return path
