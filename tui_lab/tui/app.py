"""The Textual app: themes, the palette, what is opened first, and how it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from textual.app import App, SystemCommand
from textual.screen import ActiveBinding, Screen

from tui_lab.catalog.recipes import find_recipe
from tui_lab.errors import LabError, RecipeError, RunError
from tui_lab.runs.folder import RunFolder, list_runs
from tui_lab.runs.lock import is_locked
from tui_lab.tui.draft import Draft
from tui_lab.tui.memory import Memory
from tui_lab.tui.screens.lab import LabScreen
from tui_lab.tui.theme import DARK, LIGHT

QUICKSTART = "pixel-faces-16"


class LabApp(App[None]):
    """One screen, the lab, under whatever is opened over it."""

    TITLE = "diffusion-lab"
    CSS_PATH = "lab.tcss"
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, draft: Draft, memory: Memory, run: RunFolder | None) -> None:
        super().__init__()
        self._memory = memory
        self.lab = LabScreen(draft, memory, run)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = memory.theme if memory.theme in self.available_themes else DARK.name

    def get_default_screen(self) -> Screen[None]:
        return self.lab

    def on_mount(self) -> None:
        # The line dropped: leave at once. A run has its own session and goes on.
        with contextlib.suppress(NotImplementedError, ValueError):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.exit)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette offers what the keys of this screen do, by the same declarations, then Textual's own."""
        seen = set()
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.action not in seen and not binding.system:
                seen.add(binding.action)
                key = self.get_key_display(binding)
                help = f"{binding.tooltip or binding.description} ({key})"
                yield SystemCommand(binding.description, help, partial(self._run_binding, active))
        yield from super().get_system_commands(screen)

    async def _run_binding(self, active: ActiveBinding) -> None:
        if not active.enabled:
            self.notify(f"{active.binding.description} needs a run: t trains one, r opens one", markup=False)
            return
        await self.run_action(active.binding.action, active.node)


def run_tui(target: str | None = None) -> None:
    """Open the lab on a recipe or a run; with neither, on the run that is going, else on what was open last.

    Raises LabError where `target` is neither.
    """
    memory = Memory.load()
    draft, run = opening(target, memory)
    app = LabApp(draft, memory, run)
    app.run()


def opening(target: str | None, memory: Memory) -> tuple[Draft, RunFolder | None]:
    """What to open: (draft, run). Raises LabError."""
    if target is not None:
        return _named(target)
    run = _going() or _remembered(memory)
    if run is not None:
        with contextlib.suppress(LabError):
            return Draft.load(run.recipe_path), run
    for recipe in (memory.recipe, str(find_recipe(QUICKSTART))):
        with contextlib.suppress(LabError):
            return Draft.load(Path(recipe)), None
    raise RecipeError(f"the recipe {QUICKSTART} is missing: install diffusion-lab again")


def _named(target: str) -> tuple[Draft, RunFolder | None]:
    try:
        return Draft.load(find_recipe(target)), None
    except RecipeError as no_recipe:
        if Path(target).is_file():
            raise
        try:
            folder = RunFolder.open(target)
        except RunError as no_run:
            raise LabError(f"{no_recipe.message}; and {no_run.message}") from no_run
        return Draft.load(folder.recipe_path), folder


def _going() -> RunFolder | None:
    """The newest run that something trains now."""
    return next((folder for folder in list_runs() if is_locked(folder)), None)


def _remembered(memory: Memory) -> RunFolder | None:
    if not memory.run:
        return None
    with contextlib.suppress(LabError):
        return RunFolder.open(memory.run)
    return None
