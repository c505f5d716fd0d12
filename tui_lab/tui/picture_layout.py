"""Where pictures stand in a panel of cells, and the labels below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import set_cell_size
from textual.geometry import Size

from tui_lab.tui.pixels import HALF_CELL, CellSize, GridFit, best_grid, row_pitch

GAP = 1
LEAST_SIDE = 8  # pictures are not reduced below so many pixels a side for the sake of showing them all


@dataclass(frozen=True)
class Layout:
    """Where the pictures are, in pixels, of which a `cell` has so many."""

    fit: GridFit
    picked: tuple[int, ...]  # which pictures are shown, in order
    left: int
    tile_width: int
    tile_height: int
    row_height: int  # from one row of pictures to the next: a gap, or lines of text, between them
    gap: int = GAP
    cell: CellSize = HALF_CELL

    @property
    def is_reduced(self) -> bool:
        """Whether pictures lost pixels: there, finer cells show more of them."""
        return self.fit.shrink > 1

    def corner(self, place: int) -> tuple[int, int]:
        """(left, top) of the picture shown at this place."""
        row, column = divmod(place, self.fit.columns)
        return self.left + column * (self.tile_width + self.gap), row * self.row_height

    def index_at(self, x: int, y: int) -> int | None:
        """The picture at this cell, by its middle."""
        across = (2 * x + 1) * self.cell.width // 2 - self.left
        column, inside_x = divmod(across, self.tile_width + self.gap)
        row, inside_y = divmod(y * self.cell.height, self.row_height)
        index = row * self.fit.columns + column
        on_picture = 0 <= column < self.fit.columns and inside_x < self.tile_width and inside_y < self.tile_height
        return self.picked[index] if on_picture and index < len(self.picked) else None


def lay_out(
    shape: tuple[int, int, int],
    size: Size,
    *,
    labels: bool = False,
    shrink_to_fit: bool = False,
    centre: bool = False,
    cell: CellSize = HALF_CELL,
    fine: bool = False,
) -> Layout:
    """Pictures of `shape` (count, height, width) in `size` cells.

    `shrink_to_fit`: reduce them rather than leave some out, and where that would go too far, leave out evenly rather
    than the last ones. `fine`: halve them rather than leave some out, for cells that show that detail.
    """
    count, height, width = shape
    label_rows = int(labels)
    gap = GAP * cell.width

    def fitted(reduce: int) -> GridFit:
        fit = best_grid(
            count, height // reduce, width // reduce, *size, gap, label_rows, cell=cell, whole_cells=fine and reduce > 1
        )
        return fit._replace(shrink=fit.shrink * reduce)

    reduce, most = 1, min(height, width) // LEAST_SIDE
    fit = fitted(1)
    while fit.shown < count and reduce < (most if shrink_to_fit else min(most, 2) if fine else 1):
        reduce += 1
        fit = fitted(reduce)
    picked = np.arange(fit.shown)
    if shrink_to_fit and 0 < fit.shown < count:
        picked = np.linspace(0, count - 1, fit.shown).round().astype(np.intp)
    tile_height = max(1, height // fit.shrink) * fit.scale
    tile_width = max(1, width // fit.shrink) * fit.scale
    columns = min(fit.columns, fit.shown)
    left = max(0, (size.width * cell.width - columns * (tile_width + gap) + gap) // 2) if centre else 0
    if labels and cell is not HALF_CELL:  # a label begins at a cell
        left -= left % cell.width
    pitch = row_pitch(tile_height, gap, label_rows, cell, fine and fit.shrink > 1)
    return Layout(fit, tuple(picked.tolist()), left, tile_width, tile_height, pitch, gap, cell)


def label_lines(labels: Sequence[str], layout: Layout, width: int) -> dict[int, str]:
    """The lines of text below the pictures, `width` cells wide, by their row."""
    lines: dict[int, str] = {}
    for place, index in enumerate(layout.picked):
        left, top = layout.corner(place)
        row = (top + layout.row_height) // layout.cell.height - 1
        label = centred(labels[index], layout.tile_width // layout.cell.width)
        lines[row] = set_cell_size(lines.get(row, ""), left // layout.cell.width) + label
    return {row: set_cell_size(line, width) for row, line in lines.items()}


def centred(text: str, width: int) -> str:
    """`text` in the middle of `width` cells, cut where it is longer."""
    text = text if len(text) <= width else text[: max(0, width - 1)] + "…"
    return set_cell_size(text.center(width), width)
