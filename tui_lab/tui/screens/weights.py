"""Which weights: fresh ones, a checkpoint of a run, or those that a person names by folder or hub id."""

from __future__ import annotations

from typing import Any

from textual.app import App

from tui_lab.errors import LabError, RecipeError
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.tui.screens.ask import AskText, Choose

FRESH, TYPED = "fresh", "name it …"
MOST_RUNS = 50


async def choose_weights(app: App[Any], chosen: str, typed: bool = True) -> str | None:
    """ "" for fresh weights, run@step, or with `typed` what a person typed; None where all stays as it was.

    Await it in a worker.
    """
    options = [(FRESH, "begin with random weights"), *_checkpoints()]
    if typed:
        options.append((TYPED, "a folder of diffusers', or a hub id: owner/name"))
    answer = await app.push_screen_wait(Choose("Weights", options, chosen or FRESH))
    if answer == FRESH:
        return ""
    if answer != TYPED:
        return answer
    ask = AskText("Weights", "A folder of diffusers' with its config.json, or a hub id: owner/name.", chosen, _named)
    named: str | None = await app.push_screen_wait(ask)
    return named


def _checkpoints() -> list[tuple[str, str]]:
    """(run@step, words) of every checkpoint of the newest runs, each run's newest first."""
    found = []
    for folder in list_runs()[:MOST_RUNS]:
        try:
            steps = folder.checkpoint_steps()
            about = _about(folder)
        except (OSError, LabError):
            continue  # deleted, or made by hand
        found += [(f"{folder.id}@{step}", about) for step in reversed(steps)]
    return found


def _about(folder: RunFolder) -> str:
    recipe = folder.recipe()
    return f"{recipe.recipe.name or recipe.dataset.name}, {recipe.model.class_name}"


def _named(text: str) -> str:
    if not text.strip():
        raise RecipeError("Name a folder or a hub id, or press esc")
    return text.strip()
