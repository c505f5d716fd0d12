"""Pictures laid out in a panel, as the pixels that show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from textual.geometry import Size

from tui_lab.tui.cell_rows import CellKind
from tui_lab.tui.picture_layout import Layout
from tui_lab.tui.pixels import Pixels, as_rgb, resized, shrink, upscale

Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Sheet:
    """`images` (N, H, W, C) where `layout` has them in `size` cells; one may be `marked` by a frame."""

    images: Pixels
    layout: Layout
    size: Size
    background: Colour
    marked: int | None = None
    accent: Colour = (255, 255, 255)

    def looks_like(self, other: Sheet | None) -> bool:
        """Whether both show the same."""
        if other is None:
            return False
        mine, others = ((s.layout, s.size, s.background, s.marked, s.accent) for s in (self, other))
        return mine == others and np.array_equal(self.images, other.images)

    def canvas(self, kind: CellKind = CellKind.HALF) -> Pixels:
        """As many pixels a cell as the layout has, or the fine `kind`.

        A picture is enlarged by a whole factor, or reduced to the mean of what each of the canvas's pixels covers.
        """
        across, down = (kind.columns, kind.rows) if kind.is_fine else self.layout.cell
        canvas = self._blank(down, across)
        if not self.layout.picked:
            return canvas
        times_x, times_y = across / self.layout.cell.width, down / self.layout.cell.height
        height, width = int(self.layout.tile_height * times_y), int(self.layout.tile_width * times_x)
        for place, tile in enumerate(self._tiles(height, width)):
            left, top = self.layout.corner(place)
            left, top = int(left * times_x), int(top * times_y)
            canvas[top : top + height, left : left + width] = tile
        self._frame(canvas)
        return canvas

    def cells(self) -> Pixels:
        """The half blocks (2·height, width, 3) that stand for a canvas of more pixels a cell, fast: each has the
        colour at its middle, of pictures that were reduced to about its size."""
        layout, fit = self.layout, self.layout.fit
        canvas = self._blank(2, 1)
        if not layout.picked:
            return canvas
        tiles = self._tiles(layout.tile_height // fit.scale, layout.tile_width // fit.scale)
        coarse = max(1, layout.cell.width // fit.scale)
        tiles = shrink(tiles, coarse)
        x = (2 * np.arange(self.size.width) + 1) * layout.cell.width // 2 - layout.left
        y = (2 * np.arange(2 * self.size.height) + 1) * layout.cell.height // 4
        column, x = np.divmod(x, layout.tile_width + layout.gap)
        row, y = np.divmod(y, layout.row_height)
        place = row[:, None] * fit.columns + column
        on_picture = (
            (y < layout.tile_height)[:, None] & (x < layout.tile_width) & (column >= 0) & (column < fit.columns)
        )
        on_picture &= place < len(layout.picked)
        y = np.minimum(y // fit.scale // coarse, tiles.shape[1] - 1)
        x = np.minimum(x // fit.scale // coarse, tiles.shape[2] - 1)
        rows, columns = np.nonzero(on_picture)
        canvas[rows, columns] = tiles[place[rows, columns], y[rows], x[columns]]
        self._frame(canvas)
        return canvas

    def _blank(self, down: int, across: int) -> Pixels:
        canvas = np.empty((down * self.size.height, across * self.size.width, 3), np.uint8)
        canvas[:1] = self.background
        canvas[1:] = canvas[:1]  # rows are copied many times as fast as colours
        return canvas

    def _tiles(self, height: int, width: int) -> Pixels:
        """The pictures that are shown, at this size: a whole multiple of theirs, or smaller."""
        shown = as_rgb(self.images[list(self.layout.picked)], self.background)
        if self.layout.is_reduced:
            scale = self.layout.fit.scale if height >= self.layout.tile_height else 1
            return upscale(resized(shown, height // scale, width // scale), scale)
        return upscale(shown, max(1, height // shown.shape[1]))

    def _frame(self, canvas: Pixels) -> None:
        """Around the marked picture, in the gap where there is one, else over the picture's edge."""
        layout = self.layout
        if self.marked not in layout.picked:
            return
        shares = (
            canvas.shape[1] / (layout.cell.width * self.size.width),
            canvas.shape[0] / (layout.cell.height * self.size.height),
        )
        thick_x, thick_y = (max(1, int(layout.gap * share / 2 if layout.gap > 1 else share)) for share in shares)
        left, top = layout.corner(layout.picked.index(self.marked))
        x0, x1 = (int(x * shares[0]) for x in (left, left + layout.tile_width))
        y0, y1 = (int(y * shares[1]) for y in (top, top + layout.tile_height))
        inside = canvas[y0:y1, x0:x1].copy()
        canvas[max(0, y0 - thick_y) : y1 + thick_y, max(0, x0 - thick_x) : x1 + thick_x] = self.accent
        inner_y, inner_x = max(y0, thick_y), max(x0, thick_x)
        bottom, right = min(y1, len(canvas) - thick_y), min(x1, canvas.shape[1] - thick_x)
        canvas[inner_y:bottom, inner_x:right] = inside[inner_y - y0 : bottom - y0, inner_x - x0 : right - x0]
