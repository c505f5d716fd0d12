"""Where pictures stand in a panel of cells, and the canvas of pixels that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import set_cell_size
from textual.geometry import Size

from tui_lab.tui.cell_rows import CellKind
from tui_lab.tui.pixels import HALF_CELL, CellSize, GridFit, Pixels, as_rgb, best_grid, resized, row_pitch, upscale

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


def paint(
    images: Pixels, layout: Layout, size: Size, background: tuple[int, int, int], kind: CellKind = CellKind.HALF
) -> Pixels:
    """The canvas that shows images (N, H, W, C), of as many pixels a cell as the layout has, or the fine `kind`.

    A picture is enlarged by a whole factor, or reduced to the mean of what each of the canvas's pixels covers.
    """
    across, down = layout.cell
    if kind.is_fine:
        across, down = kind.columns, kind.rows
    canvas = np.empty((down * size.height, across * size.width, 3), np.uint8)
    canvas[...] = background
    if not layout.picked:
        return canvas
    times_x, times_y = across / layout.cell.width, down / layout.cell.height
    height, width = int(layout.tile_height * times_y), int(layout.tile_width * times_x)
    shown = as_rgb(images[list(layout.picked)], background)
    if layout.is_reduced:
        small = resized(shown, height // layout.fit.scale, width // layout.fit.scale)
        tiles = upscale(small, layout.fit.scale)
    else:
        tiles = upscale(shown, layout.fit.scale)
    for place, tile in enumerate(tiles):
        left, top = layout.corner(place)
        left, top = int(left * times_x), int(top * times_y)
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return canvas


def frame(canvas: Pixels, layout: Layout, size: Size, index: int, colour: tuple[int, int, int]) -> None:
    """Draw a frame around a picture, in the gap, where there is one; else over the picture's edge."""
    if index not in layout.picked:
        return
    times = canvas.shape[1] / (layout.cell.width * size.width), canvas.shape[0] / (layout.cell.height * size.height)
    left, top = layout.corner(layout.picked.index(index))
    x0, x1 = (int(x * times[0]) for x in (left, left + layout.tile_width))
    y0, y1 = (int(y * times[1]) for y in (top, top + layout.tile_height))
    thick_x, thick_y = (max(1, int(layout.gap * share / 2)) if layout.gap > 1 else int(share) or 1 for share in times)
    inside = canvas[y0:y1, x0:x1].copy()
    outer = slice(max(0, y0 - thick_y), y1 + thick_y), slice(max(0, x0 - thick_x), x1 + thick_x)
    canvas[outer] = colour
    inner_y, inner_x = max(y0, thick_y), max(x0, thick_x)
    bottom, right = min(y1, len(canvas) - thick_y), min(x1, canvas.shape[1] - thick_x)
    canvas[inner_y:bottom, inner_x:right] = inside[inner_y - y0 : bottom - y0, inner_x - x0 : right - x0]


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
