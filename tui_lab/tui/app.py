"""The Textual app: its first picture, the lab behind it, themes, the palette, and how it leaves.

Only what the first picture needs is imported here; the lab itself (numpy, pydantic) follows once that picture stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import os
import signal
import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual import work
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete
from textual.screen import ActiveBinding, Screen

from tui_lab.errors import LabError
from tui_lab.tui.bandwidth import Line, asked_speed, link_speed
from tui_lab.tui.memory import Memory
from tui_lab.tui.screens.opening import OpeningScreen
from tui_lab.tui.terminal import PictureMode
from tui_lab.tui.theme import DARK, LIGHT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import RenderableType
    from textual.driver import Driver

    from tui_lab.tui.picture_mode import Pictures
    from tui_lab.tui.screens.lab import LabScreen
    from tui_lab.tui.terminal_replies import Reply

_LOOK_SECONDS = 0.03
"""How often one looks whether there is room again for what was left out."""
_PATIENCE_SECONDS = 2.0
"""A terminal may have forgotten to answer, and be waiting itself."""


class LabApp(App[LabError]):
    """One screen, the lab, under whatever is opened over it. Exits with the error that kept the lab from opening."""

    TITLE = "diffusion-lab"
    CSS_PATH = "lab.tcss"

    def __init__(self, target: str | None = None) -> None:
        """`target`: a recipe or a run."""
        super().__init__()
        self._target = target
        self._memory = Memory.load()
        self.line = Line(link_speed(os.environ), asked_speed(os.environ))
        self.lab: LabScreen | None = None
        self.left_behind: list[NDArray[np.uint8]] = []
        """Pictures (H, W, 3) for the shell's scrollback, printed once the screen is gone."""
        self.pictures: Pictures | None = None
        self._left_out_at: float | None = None
        self._has_waited = False
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = self._memory.theme if self._memory.theme in self.available_themes else DARK.name

    def get_driver_class(self) -> type[Driver]:
        """Textual's own for this terminal, and where it has a line, one that watches it."""
        chosen = super().get_driver_class()
        if chosen.__module__ != "textual.drivers.linux_driver":
            return chosen
        from tui_lab.tui.driver import LineDriver

        return LineDriver

    def terminal_gone(self) -> None:
        """Nobody sees this any more, and no signal said so."""
        self._leave_at_once()

    def get_default_screen(self) -> Screen[None]:
        return OpeningScreen()

    def on_mount(self) -> None:
        # The line dropped: leave at once. A run has its own session and goes on.
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self._leave_at_once)
        self.call_after_refresh(self._open)

    def _leave_at_once(self) -> None:
        if self.lab is not None and self.lab.is_mounted and self.lab.is_running:
            self.lab.remember()
        self.exit()

    async def action_quit(self) -> None:
        """Ctrl+q: without a question, as a person who presses it expects."""
        self._leave_at_once()

    @work
    async def _open(self) -> None:
        try:
            self.lab = await asyncio.to_thread(_build_lab, self._target, self._memory)
        except LabError as error:
            self.exit(error)
            return
        before = self.screen
        self._begin_pictures()
        await self.push_screen(self.lab)
        # What stands now stays: a full collection would walk all of it, and a key's echo would wait for that.
        gc.collect()
        gc.freeze()
        for key in before.typed if isinstance(before, OpeningScreen) else ():
            self.simulate_key(key)

    def _begin_pictures(self) -> None:
        from tui_lab.tui.app_terminal import redraw_pictures, terminal_of
        from tui_lab.tui.picture_mode import Pictures

        terminal, redraw = terminal_of(self, self.line), partial(redraw_pictures, self)
        self.pictures = Pictures(os.environ, self._memory.pictures, terminal, redraw)
        self.pictures.begin()
        self.app_resume_signal.subscribe(self, self._resume_pictures)

    def _resume_pictures(self, _: App[LabError]) -> None:
        if self.pictures is not None:
            self.pictures.resumed()

    def terminal_replied(self, reply: Reply) -> None:
        """The terminal said something of itself, perhaps because it was asked."""
        if self.pictures is not None:
            self.pictures.take(reply)

    def last_words_to_terminal(self) -> str:
        """What takes our pictures from it."""
        return self.pictures.kitty.last_words() if self.pictures is not None else ""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """A whole screen waits for room on the line, and with it all that comes meanwhile: as one opens it is drawn ten
        times, of which the last is wanted. To a terminal that takes nothing, nothing is sent."""
        too_much = self.line.is_full and not self._has_waited and _is_whole(renderable, self.size.area)
        if self._left_out_at is None and not too_much and not self.line.is_stuck:
            self._has_waited = False
            super()._display(screen, renderable)
        elif self._left_out_at is None:
            self._left_out_at = time.monotonic()
            self.set_timer(_LOOK_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        """Draw what was left out, as it is now."""
        assert self._left_out_at is not None
        patient = time.monotonic() - self._left_out_at < _PATIENCE_SECONDS
        if self.line.is_stuck or (patient and self.line.is_full):
            self.set_timer(_LOOK_SECONDS, self._catch_up)
        else:
            self._left_out_at, self._has_waited = None, True
            self.refresh()

    def on_resize(self) -> None:
        if self.pictures is not None:
            self.pictures.resized()

    def pop_screen(self) -> AwaitComplete:
        """A screen's workers end before its widgets go: an answer that comes then finds all of them, or nobody."""
        for node in self.screen.walk_children(with_self=True):
            self.workers.cancel_node(node)
        return super().pop_screen()

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
        for mode in PictureMode:
            yield SystemCommand(f"Pictures: {mode.title}", mode.help, partial(self._draw_pictures, mode))
        yield from super().get_system_commands(screen)

    def _draw_pictures(self, mode: PictureMode) -> None:
        """All of them anew, and so the next time."""
        if self.pictures is not None:
            self._memory.pictures = mode.value
            self.pictures.ask(mode)

    async def _run_binding(self, active: ActiveBinding) -> None:
        if not active.enabled:
            self.notify(f"{active.binding.description} needs a run: t trains one, r opens one", markup=False)
            return
        await self.run_action(active.binding.action, active.node)


def _is_whole(update: RenderableType | None, cells: int) -> bool:
    """Whether it draws most of a screen of so many cells."""
    if isinstance(update, ChopsUpdate):
        return 2 * sum(end - start for _, start, end in update.spans) > cells
    return isinstance(update, LayoutUpdate)


def _build_lab(target: str | None, memory: Memory) -> LabScreen:
    """In a thread: the imports take longer than all else. Raises LabError."""
    opening = importlib.import_module("tui_lab.tui.opening")
    lab = importlib.import_module("tui_lab.tui.screens.lab")
    draft, run = opening.opening(target, memory)
    screen: LabScreen = lab.LabScreen(draft, memory, run)
    return screen


_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE_BYTES = 256 << 10


def _keep_the_heap_small() -> None:
    """glibc gives every thread a heap of its own, each with its own waste: a few megabytes, where one would do. And it
    learns to take ever larger arrays from the heap, where what is freed stays: those of curves go back at once."""
    with contextlib.suppress(OSError, AttributeError):  # another libc
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def run_tui(target: str | None = None) -> list[NDArray[np.uint8]]:
    """Open the lab on a recipe or a run; with neither, on the run that is going, else on what was open last. Gives the
    pictures (H, W, 3) that the person wants to find in the shell.

    Raises LabError where `target` is neither.
    """
    _keep_the_heap_small()
    app = LabApp(target)
    error = app.run()
    if error is not None:
        raise error
    return app.left_behind
