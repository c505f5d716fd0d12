"""A sheet as it fills: one place after the other is asked of the desk's cells, and its finished pictures are kept.

They are kept here, for the cells forget what was not looked at for long, and a sheet is looked at as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.pictures.sidecar import Sidecar, sidecar_of
from tui_lab.recipe import Recipe
from tui_lab.recipe.sheets import Sheet, SheetCell, model_calls
from tui_lab.tui.theatre_words import memory_words
from tui_lab.workbench.cell import Cell
from tui_lab.workbench.cells import Cells

At = tuple[int, int]
"""(row, column) of a sheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The samples of a place, uint8 (B, H, W, C), what makes them again, and `memory_words`."""

    pictures: NDArray[np.uint8]
    sidecar: Sidecar | None
    memory: str


class SheetDrawing:
    """Fills `sheet`, the places of the fewest model calls first; `changed` is told of each that looks different now."""

    def __init__(self, cells: Cells, sheet: Sheet, recipe: Recipe, changed: Callable[[At], None]) -> None:
        self.sheet = sheet
        self.finished: dict[At, Finished] = {}
        self.errors: dict[At, str] = {}
        self._cells = cells
        self._changed = changed
        self._now: At | None = None
        self._deaf = cells.listen(self._heard)
        wanted = [(row, column) for row, line in enumerate(sheet.rows) for column in range(len(line))]
        wanted = [at for at in wanted if not self.cell(at).reason]
        self._order = sorted(wanted, key=lambda at: model_calls(self.cell(at).asked, recipe))
        self._running = False

    def cell(self, at: At) -> SheetCell:
        return self.sheet.rows[at[0]][at[1]]

    @property
    def count(self) -> int:
        """Places that can be drawn."""
        return len(self._order)

    @property
    def left(self) -> int:
        """Places that are not drawn yet."""
        return sum(at not in self.finished and at not in self.errors for at in self._order)

    @property
    def running(self) -> bool:
        return self._running and self.left > 0

    def live(self, at: At) -> Cell | None:
        """The cell of a place that is being drawn."""
        return self._cells.get(self.cell(at).asked) if at == self._now else None

    def go_on(self) -> None:
        """Draw what is left, also what failed."""
        self._running = True
        self.errors.clear()
        self._next()

    def stop(self) -> None:
        """Draw no further; what is drawn stays."""
        self._running = False
        if (now := self._now) is not None:
            self._now = None
            self._cells.cancel(self.cell(now).asked)
            self._changed(now)

    def close(self) -> None:
        """It is looked at no more."""
        self.stop()
        self._deaf()

    def _next(self) -> None:
        """Ask for the next place; those that another screen had drawn are there at once."""
        while self._running and self._now is None:
            at = next((at for at in self._order if at not in self.finished and at not in self.errors), None)
            if at is None:
                return
            self._now = at
            cell = self._cells.want(self.cell(at).asked, first=False)
            if cell.done:
                self._take(cell)

    def _heard(self, cell: Cell) -> None:
        if self._now is None or cell.asked.key() != self.cell(self._now).asked.key():
            return
        if cell.state in ("done", "failed", "stopped"):
            self._take(cell)
            self._next()
        else:
            self._changed(self._now)

    def _take(self, cell: Cell) -> None:
        """What became of the place that is being drawn."""
        assert self._now is not None
        at, self._now = self._now, None
        if cell.done:
            samples = cell.pane("x_t", -1).copy()
            sidecar = sidecar_of(cell.resolved, cell.origin, samples) if cell.resolved and cell.origin else None
            self.finished[at] = Finished(samples, sidecar, memory_words(cell))
        else:
            self.errors[at] = cell.error or "stopped"
        self._changed(at)
