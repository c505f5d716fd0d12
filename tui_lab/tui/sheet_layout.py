"""How a sheet of small grids of pictures is laid out in cells of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.geometry import Size

SMALLEST_SIDE = 8
"""Pictures are not reduced below so many pixels a side."""
ENOUGH_ROWS = 3
"""Rows of the sheet that are worth more than more pictures in each cell."""


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """In columns of the terminal and halves of its lines. Each place of the sheet shows `columns` × `rows` pictures of
    `height` × `width`, with one between them, and a frame of one around them all; `across` ×
    `down` places are in view."""

    enlarge: int
    reduce: int
    height: int
    width: int
    columns: int
    rows: int
    across: int = 1
    down: int = 1

    @property
    def inner_width(self) -> int:
        return self.columns * (self.width + 1) - 1

    @property
    def inner_height(self) -> int:
        return self.rows * (self.height + 1) - 1

    @property
    def pitch_x(self) -> int:
        return self.inner_width + 2

    @property
    def pitch_y(self) -> int:
        """Even: each row of the sheet begins with a line."""
        return (self.inner_height + 3) // 2 * 2

    @property
    def shown(self) -> int:
        """Pictures in each place."""
        return self.columns * self.rows

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """(top, left) of the frame of a place that is in view."""
        return row * self.pitch_y, column * self.pitch_x

    def place_at(self, x: int, y: int) -> tuple[int, int] | None:
        """(row, column) in view of the place at this cell of the terminal."""
        row, column = 2 * y // self.pitch_y, x // self.pitch_x
        return (row, column) if row < self.down and column < self.across else None


def layouts(picture: tuple[int, int], images: int, sheet: tuple[int, int], size: Size) -> list[SheetLayout]:
    """Every scale at which pictures of (height, width) can be shown, the smallest first, each with as many of the
    `images` as leave `sheet` (rows, columns) in view; never an empty list."""
    height, width = picture
    scales = [(1, reduce) for reduce in range(max(1, min(height, width) // SMALLEST_SIDE), 1, -1)]
    scales += [(enlarge, 1) for enlarge in range(1, max(1, min(size.width // width, 2 * size.height // height)) + 1)]
    found = [_fullest(enlarge, reduce, picture, images, sheet, size) for enlarge, reduce in scales]
    fitting = [one for one in found if one.pitch_x <= size.width and one.pitch_y <= 2 * size.height]
    return fitting or found[:1]


def usual(found: Sequence[SheetLayout], sheet: tuple[int, int]) -> int:
    """Which of the layouts a sheet begins with: all columns in view, enough rows, whole pictures, many of them."""

    def worth(at: int) -> tuple[bool, bool, float, int, int]:
        one = found[at]
        enough = one.down >= min(sheet[0], ENOUGH_ROWS)
        return one.across >= sheet[1], enough, 1 / one.reduce, one.shown, one.enlarge

    return max(range(len(found)), key=worth)


def _fullest(
    enlarge: int, reduce: int, picture: tuple[int, int], images: int, sheet: tuple[int, int], size: Size
) -> SheetLayout:
    """Of this scale, the one with the most pictures that keeps the sheet in view, or one picture alone."""
    height, width = (side // reduce * enlarge for side in picture)
    best = _in_view(SheetLayout(enlarge, reduce, height, width, 1, 1), sheet, size)
    for columns in range(1, images + 1):
        rows = -(-images // columns)
        for few in range(1, rows + 1):
            one = _in_view(SheetLayout(enlarge, reduce, height, width, columns, few), sheet, size)
            in_view = one.across >= min(sheet[1], best.across) and one.down >= min(sheet[0], ENOUGH_ROWS, best.down)
            fits = one.pitch_x <= size.width and one.pitch_y <= 2 * size.height
            if best.shown < one.shown <= images and in_view and fits:
                best = one
    return best


def _in_view(one: SheetLayout, sheet: tuple[int, int], size: Size) -> SheetLayout:
    across = max(1, min(sheet[1], size.width // one.pitch_x))
    down = max(1, min(sheet[0], 2 * size.height // one.pitch_y))
    return SheetLayout(one.enlarge, one.reduce, one.height, one.width, one.columns, one.rows, across, down)
