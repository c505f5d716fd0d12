"""Denoisings that were computed, kept while there is room: what is shown twice is drawn once, wherever it is shown.

    cells = Cells(workbench)
    cells.listen(show)                                             # each cell that has changed
    cells.want(Denoising(source="amber-heron", checkpoint=750))    # drawn in the background
    cells.get(asked)                                               # as far as it is now

A cell's pictures are a function of its `Denoising`, so one that had to go is drawn anew, to the same bytes, when it is
wanted again. Give a run's checkpoint by its number: None is whatever was the newest when it was drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from tui_lab.errors import LabError, WorkbenchError
from tui_lab.recipe.denoising import Denoising
from tui_lab.workbench.answers import DenoisedStep
from tui_lab.workbench.cell import Cell, State

LIMIT = 256 << 20
"""Bytes of pictures that are kept in all."""
BESIDE = 4
"""A cell takes at most such a share of them, so that as many can be looked at beside each other."""
PANES = ("x_t", "x0", "eps", "change")
"""Of every step: the state, the image and the noise that the model foresaw, what the step moved; where a loss pulls,
its gradient too."""


class Denoises(Protocol):
    """Whoever draws: the workbench's client."""

    def denoise(self, asked: Denoising, panes: Sequence[str], device: str) -> AsyncGenerator[DenoisedStep, None]: ...


class Cells:
    """Draws one at a time: what was wanted `first` last, then the others in the order of their wishes.

    A first wish takes the place of what is being drawn, which begins anew later. Belongs to one event loop; hold on to
    no cell, but `get` it whenever it is shown: that is what tells the used ones from those that may go.
    """

    def __init__(self, workbench: Denoises, limit: int = LIMIT, device: str = "auto") -> None:
        self.device = device
        self._workbench = workbench
        self._limit = limit
        self._cells: OrderedDict[str, Cell] = OrderedDict()  # the one used last stands last
        self._wishes: list[Cell] = []
        self._now: Cell | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[Cell], None]] = []
        self._is_closed = False

    @property
    def nbytes(self) -> int:
        """What all that is kept takes."""
        return sum(cell.nbytes for cell in self._cells.values())

    def listen(self, callback: Callable[[Cell], None]) -> Callable[[], None]:
        """Be told of each cell that has changed, in the event loop; what comes back ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def get(self, asked: Denoising) -> Cell | None:
        """As far as it is drawn; None where it never was wanted, or had to go."""
        key = asked.key()
        if key in self._cells:
            self._cells.move_to_end(key)
        return self._cells.get(key)

    def want(self, asked: Denoising, first: bool = True) -> Cell:
        """Draw it, unless it is there. One that was stopped or has failed is tried again."""
        cell = self.get(asked)
        if cell is None:
            cell = self._cells[asked.key()] = Cell(asked)
        if cell.state in ("done", "drawing"):
            return cell
        self._forget_wish(cell)
        cell.rest("waiting")
        self._wishes.insert(0 if first else len(self._wishes), cell)
        if first and self._now is not None:
            self._wishes.insert(1, self._now)
            self._interrupt(self._now, "waiting")
        self._go_on()
        return cell

    def cancel(self, asked: Denoising) -> None:
        """Draw it no further; the steps that are there stay."""
        cell = self._cells.get(asked.key())
        if cell is None or cell.state not in ("waiting", "drawing"):
            return
        self._forget_wish(cell)
        if cell is self._now:
            self._interrupt(cell, "stopped")
        else:
            cell.rest("stopped")
        self._tell(cell)

    async def close(self) -> None:
        """Forget all, and draw nothing any more: a screen that still stands may wish for something."""
        self._is_closed, self._now = True, None
        self._wishes.clear()
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.wait([self._drawing])
        self._cells.clear()

    def _forget_wish(self, cell: Cell) -> None:
        self._wishes = [wish for wish in self._wishes if wish is not cell]

    def _interrupt(self, cell: Cell, state: State) -> None:
        assert self._drawing is not None
        cell.rest(state)
        self._now = None
        self._drawing.cancel()

    def _go_on(self) -> None:
        """The next wish, unless something is being drawn; one that was interrupted is waited for."""
        if self._drawing is None and self._wishes and not self._is_closed:
            self._now = self._wishes.pop(0)
            self._drawing = asyncio.create_task(self._draw(self._now))
            self._drawing.add_done_callback(self._drawn)

    def _drawn(self, task: asyncio.Task[None]) -> None:
        self._drawing = None
        self._go_on()
        if not task.cancelled():
            task.result()

    async def _draw(self, cell: Cell) -> None:
        cell.rest("waiting")
        cell.state = "drawing"
        self._tell(cell)
        try:
            panes = PANES if cell.asked.pull is None else (*PANES, "pull")
            async with contextlib.aclosing(self._workbench.denoise(cell.asked, panes, self.device)) as steps:
                async for step in steps:
                    cell.hear(step, self._limit // BESIDE)
                    self._make_room(cell)
                    self._tell(cell)
            if cell.drawn < cell.count or not cell.count:
                raise WorkbenchError(f"the workbench ended after {cell.drawn} of {cell.count} steps; ask again")
            self._finish(cell, "done")
        except LabError as error:
            self._finish(cell, "failed", error.message)

    def _finish(self, cell: Cell, state: State, error: str = "") -> None:
        self._now = None  # what is wished from here on interrupts nothing
        cell.rest(state, error)
        self._tell(cell)

    def _make_room(self, cell: Cell) -> None:
        """Let go of what was not looked at for the longest time, until all that is kept fits."""
        over = self.nbytes - self._limit
        for key, other in list(self._cells.items()):
            if over > 0 and other is not cell and other.nbytes:
                over -= other.nbytes
                del self._cells[key]

    def _tell(self, cell: Cell) -> None:
        for listener in list(self._listeners):
            listener(cell)
