"""One picture at every checkpoint and at evenly spaced steps of its denoising: training goes down, denoising right."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Size
from textual.message import Message

from tui_lab.pictures.grid import evenly
from tui_lab.tui import pixels
from tui_lab.tui.map_layout import MapLayout, lay_out
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.widgets.pixel_view import PixelView
from tui_lab.workbench.cell import Cell

CellOf = Callable[[int], Cell | None]


class CheckpointMap(PixelView, can_focus=True):
    """`set_rows` says which checkpoints, `cell_of` what is drawn of one; `row` and `column` are where the cursor is.

    A tile is kept once it was seen, for as long as it stands here: its cell may go meanwhile.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(0, -1)", "Step back", show=False, tooltip="Towards the noise"),
        Binding("right", "move(0, 1)", "Step on", show=False, tooltip="Towards the picture"),
        Binding("up", "move(-1, 0)", "Checkpoint before", show=False, tooltip="The checkpoint before"),
        Binding("down", "move(1, 0)", "Next checkpoint", show=False, tooltip="The next checkpoint"),
        Binding("home", "move(0, -1000000)", "Noise", show=False, tooltip="The noisiest step"),
        Binding("end", "move(0, 1000000)", "Picture", show=False, tooltip="The finished picture"),
        Binding("enter", "open", "Open", tooltip="Play this denoising, from this step"),
    ]

    class Moved(Message):
        """The cursor is elsewhere, or other rows are in view."""

    class Opened(Message):
        """The person wants to see the cell under the cursor."""

    def __init__(self, cell_of: CellOf) -> None:
        super().__init__()
        self._cell_of = cell_of
        self._checkpoints: tuple[int, ...] = ()
        self._pane, self._picture = "x0", 0
        self._shape = (0, 0)
        self._steps = 0
        self._tiles: dict[tuple[int, int], Pixels] = {}
        self._top = 0
        self.row = 0
        self.column = 0

    def set_rows(self, checkpoints: tuple[int, ...], row: int) -> None:
        self._checkpoints, self.row = checkpoints, row
        self.changed()

    def look_at(self, pane: str, picture: int) -> None:
        """Which pane, and which of the batch."""
        self._pane, self._picture = pane, picture
        self._tiles.clear()
        self.changed()

    def changed(self) -> None:
        """Some of its cells are further than they were."""
        self._target = None
        self._redraw()

    @property
    def layout_now(self) -> MapLayout | None:
        """None before the size of a picture is known."""
        if not self._steps or not self._checkpoints:
            return None
        return lay_out(*self._shape, len(self._checkpoints), self._steps, *self.size)

    @property
    def in_view(self) -> range:
        """The rows that there is room for."""
        layout = self.layout_now
        return range(self._top, min(len(self._checkpoints), self._top + (layout.rows if layout else 1)))

    @property
    def places(self) -> list[int]:
        """The steps that have a column, by their place among those that are kept."""
        layout = self.layout_now
        return evenly(self._steps, layout.columns) if layout else []

    # Keys and the mouse

    def action_move(self, down: int, right: int) -> None:
        self._go(self.row + down, self.column + right)

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        layout = self.layout_now
        found = layout.at(event.x, event.y) if layout else None
        if found is not None and self._top + found[0] < len(self._checkpoints):
            again = (self._top + found[0], found[1]) == (self.row, self.column)
            self._go(self._top + found[0], found[1])
            if again:
                self.action_open()

    def _go(self, row: int, column: int) -> None:
        self.row = max(0, min(len(self._checkpoints) - 1, row))
        self.column = max(0, min(len(self.places) - 1, column))
        self.changed()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        self.changed()
        self.post_message(self.Moved())

    # Drawing

    def _draw(self, size: Size, background: Color) -> tuple[Pixels, dict[int, str]]:
        self._learn_the_shape()
        canvas = np.empty((2 * size.height, size.width, 3), np.uint8)
        canvas[...] = background.rgb
        layout = self.layout_now
        if layout is None:
            return canvas, {}
        self._top = max(0, min(self._top, self.row, len(self._checkpoints) - layout.rows))
        self._top = max(self._top, self.row - layout.rows + 1)
        places = self.places
        self._tiles = {key: tile for key, tile in self._tiles.items() if key[1] in places}
        empty, frame = (Color.parse(self.app.theme_variables[name]).rgb for name in ("panel", "accent"))
        for down, row in enumerate(self.in_view):
            for across, place in enumerate(places):
                left, top = layout.corner(down, across)
                if (row, across) == (self.row, self.column):
                    canvas[top - 1 : top + layout.height + 1, left - 1 : left + layout.width + 1] = frame
                tile = self._tile(row, place)
                spot = canvas[top : top + layout.height, left : left + layout.width]
                spot[...] = empty
                if tile is not None:
                    rgb = pixels.as_rgb(tile[None], background.rgb)
                    shown = pixels.upscale(pixels.shrink(rgb, layout.reduce), layout.enlarge)[0]
                    spot[...] = shown[: spot.shape[0], : spot.shape[1]]
        return canvas, {}

    def _learn_the_shape(self) -> None:
        if self._steps:
            return
        for checkpoint in self._checkpoints:
            cell = self._cell_of(checkpoint)
            if cell is not None and cell.levels:
                self._steps, self._shape = cell.keeps, (cell.pixels.shape[3], cell.pixels.shape[4])
                self.column = len(self.places) - 1
                self.post_message(self.Moved())
                return

    def _tile(self, row: int, place: int) -> Pixels | None:
        """(H, W, C); None while it is not drawn."""
        if (row, place) not in self._tiles:
            cell = self._cell_of(self._checkpoints[row])
            if cell is None or place >= len(cell.levels):
                return None
            self._tiles[row, place] = cell.pane(self._pane, place)[self._picture].copy()
        return self._tiles[row, place]
