"""Whether a command makes sense for a run, told as it is taken."""

from __future__ import annotations

from typing import Any

from tui_lab.data.drawable import drawable
from tui_lab.errors import RecipeError
from tui_lab.recipe import KNOBS, Recipe, get, replaced
from tui_lab.recipe.denoising import parse_denoising
from tui_lab.runs.environment import place
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.launcher import check_batch
from tui_lab.runs.spool import DENOISING, OF, Command
from tui_lab.sanitize import clean

_DRAWING_KINDS = ("preview", "sample")


def checked(command: Command, recipe: Recipe, run: RunFolder) -> Command:
    """The command with its values as their knobs' types. RecipeError says what is wrong with it."""
    if command.kind == "set":
        changes = command.data.get("changes")
        if set(command.data) != {"changes"} or not isinstance(changes, dict) or not changes:
            raise RecipeError("a set needs changes: {knob: value}")
        for key in changes:
            if key not in KNOBS:
                raise RecipeError(f"there is no knob {str(key)[:80]!r}")
            if not KNOBS[key].live:
                raise RecipeError(f"{key} cannot change while a run goes on: fork the run with --set {key}=…")
        changed = replaced(recipe, changes)
        check_batch(changed.training.train_batch_size, place().ranks)
        return Command(
            command.id,
            command.kind,
            {"changes": {key: get(changed, key) for key in changes}},
            command.client,
            command.time,
        )
    if command.kind == "undo":
        to = command.data.get("to")
        if set(command.data) - {"to"} or not (to is None or (isinstance(to, int) and not isinstance(to, bool))):
            raise RecipeError("an undo takes nothing but to: a step")
    if command.kind == "cancel" and (set(command.data) != {OF} or not isinstance(command.data[OF], str)):
        raise RecipeError(f"a cancel takes nothing but {OF}: a sample's id")
    if command.kind in _DRAWING_KINDS and DENOISING in command.data:
        _check_denoising(command.data, recipe, run)
    elif command.kind in _DRAWING_KINDS:
        wishes = {f"sampling.{name}": value for name, value in command.data.items()}
        for key in wishes:
            if key not in KNOBS:
                raise RecipeError(f"there is no knob {key[:80]!r}")
        replaced(recipe, wishes)
    return command


def _check_denoising(data: dict[str, Any], recipe: Recipe, run: RunFolder) -> None:
    """Of a live run: it draws from what it has learnt just now, and from nothing else."""
    if set(data) != {DENOISING} or not isinstance(data[DENOISING], dict):
        raise RecipeError(f"a preview takes knobs, or a whole {DENOISING}, and not both")
    asked = parse_denoising(data[DENOISING])
    if asked.source not in (run.id, str(run.path)):
        raise RecipeError(f"{run.id} draws from its own weights alone, not from those of {clean(asked.source, 80)}")
    if asked.checkpoint is not None:
        raise RecipeError("a live run draws from its weights as they are: leave the checkpoint out")
    drawable(asked, recipe)
