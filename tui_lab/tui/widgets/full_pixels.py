"""A panel's pictures in the terminal's own pixels: made aside once they have stood still, then put over the cells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from textual.color import Color
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui_lab.tui import kitty
from tui_lab.tui.cell_rows import CellRows
from tui_lab.tui.picture_mode import Pictures, pictures_of
from tui_lab.tui.pixel_strip import PixelStrip
from tui_lab.tui.pixels import CellSize, Pixels
from tui_lab.tui.sixels import SixelPicture
from tui_lab.tui.terminal import ColourDepth, PictureMode

REST_SECONDS = 0.3
"""Pictures that stand still for so long are worth their pixels: those that follow one another are cells."""

DrawPart = Callable[[int, int, int], str]
"""(row, start, end) → the escape sequences of these cells."""


@dataclass(frozen=True, eq=False)
class FullPicture:
    """`canvas` as the terminal takes it: the rows that show more than background, and any part of them."""

    canvas: Pixels
    rows: dict[int, str]
    part: DrawPart
    number: int | None = None  # under which kitty keeps it


class FullPixelStrip(PixelStrip):
    """A row of a picture in the terminal's pixels; where somebody asks for segments, they are those of the cells."""

    __slots__ = ("_part_of", "_row", "_start")

    def __init__(
        self,
        cells: CellRows,
        depth: ColourDepth,
        background: Color,
        encoded: str,
        part: DrawPart,
        row: int,
        start: int = 0,
    ) -> None:
        super().__init__(cells, depth, background, encoded)
        self._part_of = part
        self._row = row
        self._start = start

    def _part(self, start: int, end: int) -> Strip:
        first, last = self._start + start, self._start + end
        encoded = self._part_of(self._row, first, last)
        cells = self._cells.crop(start, end)
        return FullPixelStrip(cells, self._depth, self._background, encoded, self._part_of, self._row, first)


class FullPixels:
    """Of one widget, which is told by `ready` when a picture is there, and draws its rows in its turn."""

    def __init__(self, widget: Widget, ready: Callable[[], None]) -> None:
        self._widget = widget
        self._ready = ready
        self._timer: Timer | None = None
        self._work: asyncio.Task[None] | None = None
        self._aimed: Pixels | None = None
        self._given: int | None = None
        self.picture: FullPicture | None = None

    def aim(self, canvas: Pixels | None, background: tuple[int, int, int]) -> None:
        """These are to be seen, in pixels of the terminal; None: cells alone. What was there goes, if it differs."""
        same = canvas is not None and self._aimed is not None and np.array_equal(canvas, self._aimed)
        if same:
            return
        self._stop()
        self._aimed, self.picture = canvas, None
        if canvas is not None:
            self._timer = self._widget.set_timer(REST_SECONDS, lambda: self._begin(canvas, background))

    def leave(self) -> None:
        """The widget goes, or is hidden: so does its picture."""
        self._stop()
        self._aimed = self.picture = None
        self.drop_old()

    def drop_old(self) -> None:
        """The terminal may forget the picture before this one: nothing shows it any more."""
        if self._given is not None and (self.picture is None or self.picture.number != self._given):
            pictures_of(self._widget.app).kitty.take_back(self._given)
            self._given = self.picture.number if self.picture is not None else None

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        if self._work is not None:
            self._work.cancel()
        self._timer = self._work = None

    def _begin(self, canvas: Pixels, background: tuple[int, int, int]) -> None:
        pictures = pictures_of(self._widget.app)
        if pictures.full is not None:
            self._work = asyncio.create_task(self._make(canvas, background, pictures, pictures.full))

    async def _make(self, canvas: Pixels, background: tuple[int, int, int], pictures: Pictures, cell: CellSize) -> None:
        rows = await asyncio.to_thread(_rows_with_pixels, canvas, cell, background)
        columns, count = canvas.shape[1] // cell.width, canvas.shape[0] // cell.height
        if pictures.choice.mode is PictureMode.SIXEL:
            picture = await asyncio.to_thread(_in_sixels, canvas, cell, rows, columns)
        else:
            if max(columns, count) > kitty.MOST_CELLS:
                return
            number = await pictures.kitty.give(canvas, columns, count)
            if number is None:
                return
            picture = _placed(canvas, number, rows, columns)
        self.drop_old()
        self.picture, self._given = picture, picture.number
        self._ready()


def _rows_with_pixels(canvas: Pixels, cell: CellSize, background: tuple[int, int, int]) -> list[int]:
    lines = canvas.reshape(len(canvas) // cell.height, -1, 3)
    rows: list[int] = np.flatnonzero((lines != np.array(background, np.uint8)).any(axis=(1, 2))).tolist()
    return rows


def _in_sixels(canvas: Pixels, cell: CellSize, rows: list[int], columns: int) -> FullPicture:
    sixels = SixelPicture(canvas, cell)
    return FullPicture(canvas, {row: sixels.row(row, 0, columns) for row in rows}, sixels.row)


def _placed(canvas: Pixels, number: int, rows: list[int], columns: int) -> FullPicture:
    def part(row: int, start: int, end: int) -> str:
        return kitty.placeholders(number, row, start, end)

    return FullPicture(canvas, {row: part(row, 0, columns) for row in rows}, part, number)
