"""Opening the lab's screen on nothing, on a recipe, or attached to a run."""

from __future__ import annotations

import difflib
import os
import sys

from tui_lab.cli import COMMANDS
from tui_lab.errors import RecipeError, RunError
from tui_lab.tui.terminal import ColourDepth, colour_depth


def open_screen(words: list[str]) -> int:
    """LabError where the words name nothing, or there is no terminal to open it on."""
    if len(words) > 1:
        raise RunError(f"{words[0]!r} is no command{_nearest(words[0])}; see them with: diffusion-lab --help")
    target = words[0] if words else None
    if target is not None:
        _check(target)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise RunError(
            "the lab's screen needs a terminal. Without one there are: diffusion-lab train RECIPE, runs, show RUN, "
            "log RUN, sample RUN, and more: diffusion-lab --help"
        )
    _agree_on_colours()
    from tui_lab.tui.app import run_tui

    for picture in run_tui(target):
        from tui_lab.cli.stills import print_picture

        print_picture(picture)
    return 0


def _agree_on_colours() -> None:
    """Text has as many colours as the pictures. Textual reads these variables when it is imported."""
    depth = colour_depth(os.environ)
    os.environ["TEXTUAL_COLOR_SYSTEM"] = depth.textual_system
    if depth is ColourDepth.NONE:
        os.environ["NO_COLOR"] = "1"


def _check(target: str) -> None:
    """The target is a run or a recipe; where it looks like a path, the error is about that path."""
    from tui_lab.catalog.recipes import find_recipe, list_recipes
    from tui_lab.runs.folder import RunFolder, list_runs

    try:
        RunFolder.open(target)
    except RunError as no_run:
        try:
            find_recipe(target)
        except RecipeError:
            if target.endswith(".toml"):
                raise
            if "/" in target or target.startswith("."):
                raise no_run from None
            names = [*COMMANDS, *(recipe.name for recipe in list_recipes()), *(folder.id for folder in list_runs())]
            raise RunError(
                f"{target!r} is no command, recipe or run{_nearest(target, names)}; "
                "see them with: diffusion-lab --help, recipes, runs"
            ) from no_run


def _nearest(word: str, names: list[str] | None = None) -> str:
    near = difflib.get_close_matches(word, names or list(COMMANDS), n=1)
    return f": did you mean {near[0]}?" if near else ""
