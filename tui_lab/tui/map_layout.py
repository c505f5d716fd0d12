"""Where the pictures of a map stand: a row for each checkpoint, a column for each step that there is room for."""

from __future__ import annotations

from typing import NamedTuple

GAP = 2
"""Pixels between two pictures: room for the frame of the marked one."""
ROWS, COLUMNS = 2, 4
"""Pictures are reduced rather than fewer of them shown than these, """
LEAST_SIDE = 8
"""but not below so many pixels a side."""


class MapLayout(NamedTuple):
    """Tiles of height × width pixels, a cell being one wide and two high."""

    enlarge: int
    reduce: int
    height: int
    width: int
    rows: int
    columns: int

    @property
    def pitch(self) -> int:
        """Pixels from one row to the next: whole cells, so that a label beside it stands on a line."""
        return -(-(self.height + GAP) // 2) * 2

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """(left, top) of a tile, by its row in view."""
        return GAP // 2 + column * (self.width + GAP), GAP // 2 + row * self.pitch

    def at(self, x: int, y: int) -> tuple[int, int] | None:
        """The (row in view, column) at a cell."""
        row, column = 2 * y // self.pitch, x // (self.width + GAP)
        return (row, column) if row < self.rows and column < self.columns else None


def lay_out(height: int, width: int, rows: int, steps: int, cells_wide: int, cells_high: int) -> MapLayout:
    """Pictures of height × width pixels, as large as can be while all checkpoints and COLUMNS of the steps are in
    view, or ROWS of them where there are more than fit."""
    reductions = range(max(1, min(height, width) // LEAST_SIDE), 0, -1)
    sizes = [(1, reduce) for reduce in reductions] + [(times, 1) for times in range(2, 9)]
    best = _tiles(*sizes[0], height, width, rows, steps, cells_wide, cells_high)
    for enlarge, reduce in sizes[1:]:
        one = _tiles(enlarge, reduce, height, width, rows, steps, cells_wide, cells_high)
        fewest = rows if enlarge > 1 else min(rows, ROWS)
        if one.rows >= fewest and one.columns >= min(steps, COLUMNS):
            best = one
    return best


def _tiles(
    enlarge: int, reduce: int, height: int, width: int, rows: int, steps: int, cells_wide: int, cells_high: int
) -> MapLayout:
    high, wide = height // reduce * enlarge, width // reduce * enlarge
    one = MapLayout(enlarge, reduce, high, wide, 1, 1)
    fitting = max(1, 2 * cells_high // one.pitch), max(1, cells_wide // (wide + GAP))
    return one._replace(rows=min(rows, fitting[0]), columns=min(steps, fitting[1]))
