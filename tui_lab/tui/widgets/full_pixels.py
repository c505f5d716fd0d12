"""A panel's pictures in the terminal's own pixels: made aside once they have stood still, then put over the cells."""

from __future__ import annotations

import asyncio
import threading
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
from tui_lab.tui.picture_sheet import Sheet
from tui_lab.tui.pixel_strip import PixelStrip
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.sixels import SixelPicture
from tui_lab.tui.terminal import ColourDepth, PictureMode

REST_SECONDS = 0.3
"""Pictures that stand still for so long are worth their pixels: those that follow one another are cells."""

DrawPart = Callable[[int, int, int], str]
"""(row, start, end) → the escape sequences of these cells."""


@dataclass(frozen=True, eq=False)
class FullPicture:
    """As the terminal takes it: the rows that show more than background, and any part of them."""

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
        self._stopped = threading.Event()
        self._aimed: Sheet | None = None
        self._given: int | None = None
        self.picture: FullPicture | None = None

    def aim(self, sheet: Sheet | None) -> None:
        """This is to be seen; None: cells alone. What was there goes, if it differs."""
        if sheet is not None and sheet.looks_like(self._aimed):
            return
        self._stop()
        self._aimed, self.picture = sheet, None
        if sheet is not None:
            self._timer = self._widget.set_timer(REST_SECONDS, lambda: self._begin(sheet))

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
        self._stopped.set()
        self._timer = self._work = None

    def _begin(self, sheet: Sheet) -> None:
        pictures = pictures_of(self._widget.app)
        if pictures.full is not None:
            self._stopped = threading.Event()
            self._work = asyncio.create_task(self._make(sheet, pictures, self._stopped))

    async def _make(self, sheet: Sheet, pictures: Pictures, stopped: threading.Event) -> None:
        if pictures.choice.mode is PictureMode.SIXEL:
            picture = await asyncio.to_thread(_in_sixels, sheet, stopped)
        else:
            if max(sheet.size) > kitty.MOST_CELLS:
                return
            canvas = await asyncio.to_thread(sheet.canvas)
            number = await pictures.kitty.give(canvas, *sheet.size)
            if number is None:
                return
            picture = _placed(sheet, canvas, number)
        self.drop_old()
        self.picture, self._given = picture, picture.number
        self._ready()


def _rows_with_pixels(sheet: Sheet, canvas: Pixels) -> list[int]:
    lines = canvas.reshape(sheet.size.height, -1, 3)
    rows: list[int] = np.flatnonzero((lines != np.array(sheet.background, np.uint8)).any(axis=(1, 2))).tolist()
    return rows


def _in_sixels(sheet: Sheet, stopped: threading.Event) -> FullPicture:
    """As far as it comes before it is `stopped`: nobody sees it then."""
    canvas = sheet.canvas()
    sixels = SixelPicture(canvas, sheet.layout.cell)
    rows = {}
    for row in _rows_with_pixels(sheet, canvas):
        if stopped.is_set():
            break
        rows[row] = sixels.row(row, 0, sheet.size.width)
    return FullPicture(rows, sixels.row)


def _placed(sheet: Sheet, canvas: Pixels, number: int) -> FullPicture:
    def part(row: int, start: int, end: int) -> str:
        return kitty.placeholders(number, row, start, end)

    return FullPicture({row: part(row, 0, sheet.size.width) for row in _rows_with_pixels(sheet, canvas)}, part, number)
