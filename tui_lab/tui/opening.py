"""What the lab opens on: the recipe and the run that were asked for, that are going, or that were open last."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tui_lab.catalog.recipes import find_recipe
from tui_lab.errors import LabError, RecipeError, RunError
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.lock import is_locked
from tui_lab.tui.draft import Draft
from tui_lab.tui.memory import Memory

QUICKSTART = "pixel-faces-16"


def opening(target: str | None, memory: Memory) -> tuple[Draft, RunFolder | None]:
    """(draft, run) of a recipe or a run that is named; without one, of the run that is going, else of what was open
    last. Raises LabError where `target` is neither."""
    if target is not None:
        return _named(target)
    run = _going() or _remembered(memory)
    if run is not None:
        with contextlib.suppress(LabError):
            return Draft.load(run.recipe_path), run
    if memory.recipe:
        with contextlib.suppress(LabError):
            return Draft.load(Path(memory.recipe)), None
    return Draft.load(find_recipe(QUICKSTART)), None


def _named(target: str) -> tuple[Draft, RunFolder | None]:
    try:
        path = find_recipe(target)
    except RecipeError as no_recipe:
        try:
            folder = RunFolder.open(target)
        except RunError as no_run:
            raise LabError(f"{no_recipe.message}; and {no_run.message}") from no_run
        return Draft.load(folder.recipe_path), folder
    return Draft.load(path), None


def _going() -> RunFolder | None:
    """The newest run that something trains now."""
    return next((folder for folder in list_runs() if is_locked(folder)), None)


def _remembered(memory: Memory) -> RunFolder | None:
    if not memory.run:
        return None
    with contextlib.suppress(LabError):
        return RunFolder.open(memory.run)
    return None
