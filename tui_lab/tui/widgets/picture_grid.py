"""Pictures by the thousand: a page of them at a time is read, a frame marks one, arrows carry it through the set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import set_cell_size
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui_lab.data import Images
from tui_lab.sanitize import clean
from tui_lab.tui import pixels
from tui_lab.tui.picture_layout import centred
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.terminal import ColourDepth
from tui_lab.tui.widgets.dataset_panel import labels_of
from tui_lab.tui.widgets.pixel_view import PixelView

SMALLEST_SIDE = 8
"""Pictures are not reduced below so many pixels a side."""
THUMB, TRACK = "█", "░"
FEW, MANY, CELLS = 8, 24, 250
"""By itself the grid reduces pictures until there is one for so many CELLS, FEW at least and MANY at most, and enlarges
them while MANY are in view."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a page is laid out, in pixels (a cell is one wide and two high): each tile has a frame of one pixel around
    it, shared with its neighbours to the sides, and a line of text below."""

    enlarge: int
    reduce: int
    height: int
    width: int
    columns: int
    rows: int

    @property
    def pitch(self) -> int:
        """From one row of tiles to the next: the frame, and the text's line."""
        return (self.height + 2 + 1) // 2 * 2 + 2

    @property
    def page(self) -> int:
        return self.columns * self.rows


def tilings(height: int, width: int, size: Size) -> list[Tiling]:
    """Every way to show pictures of height × width in so many cells, the smallest first; the last column of cells is
    the scroll bar's."""
    found = []
    reductions = range(1, max(1, min(height, width) // SMALLEST_SIDE) + 1)
    for reduce in sorted(reductions, reverse=True):
        tile = height // reduce, width // reduce
        found.append(_tiling(1, reduce, *tile, size))
    largest = max(1, min((size.width - 3) // width, (2 * size.height - 4) // height))
    found += [_tiling(times, 1, height * times, width * times, size) for times in range(2, largest + 1)]
    fitting = [one for one in found if one.width + 3 <= size.width and one.pitch <= 2 * size.height]
    return fitting or found[:1]


def _tiling(enlarge: int, reduce: int, height: int, width: int, size: Size) -> Tiling:
    one = Tiling(enlarge, reduce, height, width, max(1, (size.width - 2) // (width + 1)), 1)
    return Tiling(enlarge, reduce, height, width, one.columns, max(1, 2 * size.height // one.pitch))


def usual(choices: Sequence[Tiling], size: Size, count: int) -> int:
    """Which of the tilings a grid of so many cells begins with: where few pictures are all there is, the largest that
    shows them all."""
    whole = [i for i, one in enumerate(choices) if one.page >= count]
    if whole and count <= MANY:
        return whole[-1]
    enough = max(FEW, min(MANY, size.area // CELLS))
    plain = next((i for i, one in enumerate(choices) if one.reduce == 1), len(choices) - 1)
    at = plain
    while at + 1 < len(choices) and choices[at + 1].page >= MANY:
        at += 1
    while at and choices[at].page < enough:
        at -= 1
    return at


class PictureGrid(PixelView, can_focus=True):
    """`show_rows` takes the rows of `Images` to go through; `at` is the marked one's place among them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Left", show=False),
        Binding("right", "move(1)", "Right", show=False),
        Binding("up", "move_row(-1)", "Up", show=False),
        Binding("down", "move_row(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False, tooltip="A page of pictures back"),
        Binding("pagedown", "move_page(1)", "Page down", show=False, tooltip="A page of pictures on"),
        Binding("home", "go(0)", "First", show=False, tooltip="The first picture"),
        Binding("end", "go(-1)", "Last", show=False, tooltip="The last picture"),
        Binding("enter", "open", "Large", tooltip="This picture large, with its numbers"),
        Binding("plus,equals_sign", "resize(1)", "Larger", key_display="+", tooltip="Larger pictures, fewer of them"),
        Binding("minus", "resize(-1)", "Smaller", key_display="-", tooltip="Smaller pictures, more of them"),
    ]

    class Moved(Message):
        """Another picture is marked, or another page is in view."""

    class Opened(Message):
        """The person wants to see the marked picture large."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source: Images | None = None
        self._rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self._at = 0
        self._top = 0  # the first row of tiles in view
        self._sizing = 0  # steps from the usual tiling
        self._page: tuple[object, Pixels, list[str]] | None = None

    # What is shown

    def show_rows(self, images: Images, rows: NDArray[np.int64], at: int = 0) -> None:
        self._source, self._rows, self._page = images, rows, None
        self._at = self._top = 0
        self._empty = "" if len(rows) else "no picture here"
        self.go(at)

    @property
    def at(self) -> int:
        """The place of the marked picture among the rows."""
        return self._at

    @property
    def rows(self) -> NDArray[np.int64]:
        return self._rows

    @property
    def in_view(self) -> tuple[int, int]:
        """(first, beyond the last) place of the pictures on this page."""
        tiling = self.tiling
        first = self._top * tiling.columns
        return first, min(len(self._rows), first + tiling.page)

    @property
    def tiling(self) -> Tiling:
        height, width, _ = self._source.shape if self._source is not None else (16, 16, 3)
        choices = tilings(height, width, self.size)
        return choices[max(0, min(len(choices) - 1, usual(choices, self.size, len(self._rows)) + self._sizing))]

    def go(self, at: int) -> None:
        """Mark the picture at this place, and scroll as far as that takes."""
        self._at = max(0, min(len(self._rows) - 1, at))
        tiling = self.tiling
        line = self._at // tiling.columns
        self._turn_to(max(min(self._top, line), line - tiling.rows + 1))

    def _turn_to(self, top: int) -> None:
        tiling = self.tiling
        lines = -(-len(self._rows) // tiling.columns)
        self._top = max(0, min(lines - tiling.rows, top))
        self._target = None
        self._redraw()
        self.post_message(self.Moved())

    # Keys and the mouse

    def action_move(self, by: int) -> None:
        self.go(self._at + by)

    def action_move_row(self, by: int) -> None:
        to = self._at + by * self.tiling.columns
        if 0 <= to < len(self._rows):
            self.go(to)

    def action_move_page(self, by: int) -> None:
        tiling = self.tiling
        self._top = max(0, self._top + by * tiling.rows)
        self.go(self._at + by * tiling.page)

    def action_go(self, at: int) -> None:
        self.go(at if at >= 0 else len(self._rows) - 1)

    def action_open(self) -> None:
        if len(self._rows):
            self.post_message(self.Opened())

    def action_resize(self, by: int) -> None:
        height, width, _ = self._source.shape if self._source is not None else (16, 16, 3)
        choices = tilings(height, width, self.size)
        begun = usual(choices, self.size, len(self._rows))
        self._sizing = max(-begun, min(len(choices) - 1 - begun, self._sizing + by))
        self._top = self._at // self.tiling.columns
        self.go(self._at)

    def on_resize(self) -> None:
        self.go(self._at)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._turn_to(self._top + 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._turn_to(self._top - 1)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        tiling = self.tiling
        if event.x >= self.size.width - 1:
            lines = -(-len(self._rows) // tiling.columns)
            self._turn_to(round(event.y / max(1, self.size.height - 1) * (lines - tiling.rows)))
            return
        column, line = event.x // (tiling.width + 1), 2 * event.y // tiling.pitch
        at = (self._top + line) * tiling.columns + column
        if column < tiling.columns and line < tiling.rows and at < len(self._rows):
            again = at == self._at
            self.go(at)
            if again:
                self.action_open()

    # Drawing

    def _draw(self, size: Size, background: Color) -> tuple[Pixels, dict[int, str]]:
        if self._source is None or not len(self._rows):
            self._images = None
            return super()._draw(size, background)
        canvas = np.empty((2 * size.height, size.width, 3), np.uint8)
        canvas[...] = background.rgb
        tiling = self.tiling
        first, beyond = self.in_view
        tiles, labels = self._tiles(self._source, tiling, first, beyond)
        tiles = pixels.as_rgb(tiles, background.rgb)
        texts: dict[int, str] = {}
        frame = self._colour("accent")
        for line in range(tiling.rows):
            words = []
            for column in range(tiling.columns):
                number = line * tiling.columns + column
                if number >= len(tiles):
                    break
                top, left = line * tiling.pitch, column * (tiling.width + 1)
                marked = first + number == self._at
                if marked:
                    canvas[top : top + tiling.height + 2, left : left + tiling.width + 2] = frame
                canvas[top + 1 : top + 1 + tiling.height, left + 1 : left + 1 + tiling.width] = tiles[number]
                words.append(centred(f"▸{labels[number]}" if marked else labels[number], tiling.width))
            if words:
                row = ((line + 1) * tiling.pitch) // 2 - 1
                texts[row] = set_cell_size(" " + " ".join(words), size.width - 1)
        self._draw_bar(canvas, texts, tiling, size)
        return canvas, texts

    def _tiles(self, source: Images, tiling: Tiling, first: int, beyond: int) -> tuple[Pixels, list[str]]:
        """The page's pictures at their size on the screen, and their labels; read anew only for another page."""
        key = (id(source), first, beyond, tiling.enlarge, tiling.reduce)
        if self._page is None or self._page[0] != key:
            rows = self._rows[first:beyond]
            tiles = pixels.upscale(pixels.shrink(source.take(rows), tiling.reduce), tiling.enlarge)
            names = labels_of(source, rows) if source.classes else [f"#{row}" for row in rows.tolist()]
            self._page = key, tiles, [clean(name, 40) for name in names]
        return self._page[1], self._page[2]

    def _draw_bar(self, canvas: Pixels, texts: dict[int, str], tiling: Tiling, size: Size) -> None:
        """How far through the set the page is, in the last column of the canvas and of the lines of text."""
        lines = -(-len(self._rows) // tiling.columns)
        if lines <= tiling.rows:
            return
        high = 2 * size.height
        thumb = max(2, round(high * tiling.rows / lines))
        top = round((high - thumb) * self._top / (lines - tiling.rows))
        canvas[:, -1] = self._colour("border")
        canvas[top : top + thumb, -1] = self._colour("secondary")
        for row, text in texts.items():
            texts[row] = text + (THUMB if top <= 2 * row < top + thumb else TRACK)

    def _text_strip(self, text: str) -> Strip:
        strip = super()._text_strip(text)
        if text[-1:] not in (THUMB, TRACK):
            return strip
        bar = super()._text_strip(text[-1]).crop(0, 1)
        if self.depth is not ColourDepth.NONE:
            colour = self._colour("secondary" if text[-1] == THUMB else "border")
            bar = Strip([Segment(" ", Style(bgcolor=RichColor.from_rgb(*colour)))])
        return Strip.join([strip.crop(0, self.size.width - 1), bar])

    def _colour(self, name: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables[name]).rgb
