"""What to denoise with, chosen: a run, or a folder of a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App

from tui_lab.errors import LabError
from tui_lab.recipe.denoising import Denoising
from tui_lab.runs.exports import is_export, takes_text
from tui_lab.runs.folder import list_runs
from tui_lab.runs.source_recipe import source_recipe
from tui_lab.tui.denoising_choice import asked_of, pipeline_words
from tui_lab.tui.screens.ask import AskText, Choose
from tui_lab.tui.screens.pick_path import PickPath

FOLDER = "a folder …"
MOST_RUNS = 200


async def open_denoising(app: App[Any], now: str = "") -> Denoising | None:
    """As the chosen source draws by itself; None where the person stays with what there is. Await it in a worker."""
    options = [*_runs(), (FOLDER, "a diffusers pipeline, or an export of this lab's")]
    chosen = await app.push_screen_wait(Choose("Denoise with", options, now))
    if chosen == FOLDER:
        picked = await app.push_screen_wait(PickPath(Path.cwd(), "A pipeline's folder", pipeline_words))
        chosen = str(picked) if picked is not None else None
        if picked is not None and not is_export(picked):
            app.notify(f"{picked}: {pipeline_words(picked)}", severity="error", markup=False)
            return None
    if chosen is None:
        return None
    try:
        asked = asked_of(chosen)
        source_recipe(asked.source)  # what cannot be drawn from is said before a screen opens
    except LabError as error:
        app.notify(error.message, severity="error", markup=False)
        return None
    return await _with_prompt(app, asked) if takes_text(Path(asked.source)) else asked


async def _with_prompt(app: App[Any], asked: Denoising) -> Denoising | None:
    """Before minutes go into a picture of nothing."""
    words = "What is drawn, in words. k in the theatre changes it, and has the negative prompt and guidance."
    prompt = await app.push_screen_wait(AskText("Prompt", words, "", str.strip))
    return None if prompt is None else asked.changed(prompt=prompt)


def _runs() -> list[tuple[str, str]]:
    """(id, words) of the newest runs that have a checkpoint."""
    found = []
    for folder in list_runs()[:MOST_RUNS]:
        try:
            steps, recipe = folder.checkpoint_steps(), folder.recipe()
        except (OSError, LabError):
            continue  # deleted, or made by hand
        if steps:
            found.append((folder.id, f"{recipe.recipe.name or recipe.dataset.name}, {_checkpoints(steps)}"))
    return found


def _checkpoints(steps: list[int]) -> str:
    return f"step {steps[0]}" if len(steps) == 1 else f"{len(steps)} checkpoints, step {steps[0]} to {steps[-1]}"
