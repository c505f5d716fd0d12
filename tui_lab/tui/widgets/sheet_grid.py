"""A sheet of pictures: a row for each value of one knob, a column for each of another, in each place a small grid.

Arrows carry a frame through it.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from tui_lab.tui import pixels
from tui_lab.tui.cell_rows import CellKind
from tui_lab.tui.picture_mode import pictures_of
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.sheet_layout import SheetLayout, layouts, usual
from tui_lab.tui.widgets.pixel_view import PixelView


@dataclass(frozen=True, eq=False)
class Place:
    """What stands at a place of the sheet: pictures (B, H, W, C), or words instead, `dim` where they are no news."""

    pictures: Pixels | None = None
    words: str = ""
    dim: bool = True


class SheetGrid(PixelView, can_focus=True):
    """`lay` says how large the sheet is, `fill` what stands at one of its places; `at` is the framed one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(0, -1)", "Left", show=False),
        Binding("right", "move(0, 1)", "Right", show=False),
        Binding("up", "move(-1, 0)", "Up", show=False),
        Binding("down", "move(1, 0)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="A page of rows back"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="A page of rows on"),
        Binding("home", "move(0, -1000)", "First column", show=False, tooltip="The first of this row"),
        Binding("end", "move(0, 1000)", "Last column", show=False, tooltip="The last of this row"),
        Binding("enter", "open", "Open", tooltip="This denoising in the player, step by step"),
        Binding("plus,equals_sign", "resize(1)", "Larger", key_display="+", tooltip="Larger pictures, fewer of them"),
        Binding("minus", "resize(-1)", "Smaller", key_display="-", tooltip="Smaller pictures, more of them"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sheet-grid--dim", "sheet-grid--busy"}
    DEFAULT_CSS = """
    SheetGrid {
        & .sheet-grid--dim { color: $secondary; background: $panel; }
        & .sheet-grid--busy { color: $accent; background: $panel; }
    }
    """

    class Moved(Message):
        """Another place is framed, or others are in view."""

    class Opened(Message):
        """The framed place is to be looked at."""

    def __init__(self) -> None:
        super().__init__(id="sheet-grid")
        self._places: dict[tuple[int, int], Place] = {}
        self._extent = (1, 1)
        self._picture, self._each = (16, 16), 1
        self._at = self._first = (0, 0)
        self._sizing = 0
        self._words_now: set[tuple[int, int, str, bool]] = set()
        self._plans: tuple[object, list[SheetLayout]] = (None, [])

    @property
    def at(self) -> tuple[int, int]:
        """(row, column) of the framed place."""
        return self._at

    @property
    def first(self) -> tuple[int, int]:
        """(row, column) of the first place that is in view."""
        return self._first

    @property
    def plan(self) -> SheetLayout:
        found = self._plans_found()
        return found[max(0, min(len(found) - 1, usual(found, self._extent) + self._sizing))]

    def _plans_found(self) -> list[SheetLayout]:
        asked = (self._picture, self._each, self._extent, self.size)
        if self._plans[0] != asked:
            self._plans = asked, layouts(*asked)
        return self._plans[1]

    def lay(self, rows: int, columns: int) -> None:
        """A sheet of so many rows and columns, nothing in it yet."""
        self._extent, self._places = (rows, columns), {}
        self._sizing = 0
        self.go(*self._at)

    def fill(self, row: int, column: int, place: Place) -> None:
        """The pictures of all places have one shape."""
        self._places[row, column] = place
        if place.pictures is not None and place.pictures.shape[:3] != (self._each, *self._picture):
            self._each, *size = place.pictures.shape[:3]
            self._picture = size[0], size[1]
            self.go(*self._at)

    def draw(self) -> None:
        """Show what was filled in."""
        self._target = None
        self._redraw()
        before, self._words_now = self._words_now, set(self.words_over())
        lines = {y for _, y, _, _ in before ^ self._words_now}  # the pictures' own lines do not know of words
        if lines:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in sorted(lines)))

    # Keys and the mouse

    def go(self, row: int, column: int) -> None:
        """Frame that place, and scroll as far as that takes."""
        self._at = max(0, min(self._extent[0] - 1, row)), max(0, min(self._extent[1] - 1, column))
        layout = self.plan
        self._first = (
            max(min(self._first[0], self._at[0], self._extent[0] - layout.down), self._at[0] - layout.down + 1),
            max(min(self._first[1], self._at[1], self._extent[1] - layout.across), self._at[1] - layout.across + 1),
        )
        self.draw()
        self.post_message(self.Moved())

    def action_move(self, down: int, across: int) -> None:
        self.go(self._at[0] + down, self._at[1] + across)

    def action_page(self, by: int) -> None:
        self.go(self._at[0] + by * self.plan.down, self._at[1])

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def action_resize(self, by: int) -> None:
        found = self._plans_found()
        begun = usual(found, self._extent)
        self._sizing = max(-begun, min(len(found) - 1 - begun, self._sizing + by))
        self.go(*self._at)

    def on_resize(self) -> None:
        self.go(*self._at)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(1, 0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-1, 0)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        found = self.plan.place_at(event.x, event.y)
        if found is None:
            return
        again = self._at == (place := (self._first[0] + found[0], self._first[1] + found[1]))
        self.go(*place)
        if again:
            self.action_open()

    # Drawing

    def _draw(self, size: Size, background: Color) -> tuple[Pixels, dict[int, str]]:
        plan, kind, dim = self.plan, pictures_of(self.app).cells, self._colour("panel")
        if not kind.is_fine or plan.reduce == 1:
            kind = CellKind.HALF
        canvas = np.empty((kind.rows * size.height, kind.columns * size.width, 3), np.uint8)
        canvas[...] = background.rgb

        def part(top: int, left: int, height: int, width: int) -> Pixels:
            """Of the canvas, from places in columns and half lines; cut off at its ends."""
            rows = top * kind.rows // 2, (top + height) * kind.rows // 2
            return canvas[rows[0] : rows[1], left * kind.columns : (left + width) * kind.columns]

        for row, column, place in self._in_view():
            top, left = plan.corner(row, column)
            inner = top + 1, left + 1, plan.inner_height, plan.inner_width
            if (self._first[0] + row, self._first[1] + column) == self._at:
                part(top, left, plan.inner_height + 2, plan.inner_width + 2)[...] = self._colour("accent")
                part(*inner)[...] = background.rgb
            if place.pictures is None:
                part(*inner)[...] = dim
                continue
            for number, picture in enumerate(pixels.as_rgb(place.pictures[: plan.shown], background.rgb)):
                down, across = divmod(number, plan.columns)
                y, x = inner[0] + down * (plan.height + 1), inner[1] + across * (plan.width + 1)
                room = part(y, x, plan.height, plan.width)
                room[...] = _sized(picture, plan, kind)[: room.shape[0], : room.shape[1]]
        return canvas, {}

    def _in_view(self) -> list[tuple[int, int, Place]]:
        """(row, column) in view, and what stands there."""
        layout, nothing = self.plan, Place()
        return [
            (row, column, self._places.get((self._first[0] + row, self._first[1] + column), nothing))
            for row in range(layout.down)
            for column in range(layout.across)
        ]

    def _colour(self, name: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables[name]).rgb

    def render_lines(self, crop: Region) -> list[Strip]:
        """The pictures, and over them the words of places that have none."""
        strips = super().render_lines(Region(0, crop.y, self.size.width, crop.height))
        for x, y, text, dim in self.words_over():
            if crop.y <= y < crop.bottom:
                strip, word = strips[y - crop.y], self._word(text, dim)
                beyond = x + len(text)
                strips[y - crop.y] = Strip.join([strip.crop(0, x), word, strip.crop(beyond, self.size.width)])
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def words_over(self) -> list[tuple[int, int, str, bool]]:
        """(x, y, text, dim) of each line of words, in the middle of its place."""
        layout, found = self.plan, []
        for row, column, place in self._in_view():
            if place.pictures is not None or not place.words:
                continue
            top, left = layout.corner(row, column)
            lines = textwrap.wrap(place.words, layout.inner_width, max_lines=layout.pitch_y // 2 - 1, placeholder="…")
            first = top // 2 + max(0, (layout.pitch_y // 2 - len(lines)) // 2)
            found += [
                (left + 1, first + number, line.center(layout.inner_width), place.dim)
                for number, line in enumerate(lines)
            ]
        return found

    def _word(self, text: str, dim: bool) -> Strip:
        style = self.get_component_rich_style("sheet-grid--dim" if dim else "sheet-grid--busy")
        return Strip([Segment(text, style)], len(text))


def _sized(picture: Pixels, plan: SheetLayout, kind: CellKind) -> Pixels:
    """(H, W, 3) enlarged by a whole factor, or reduced to as many pixels as the cells show."""
    if plan.reduce == 1:
        return pixels.upscale(picture, plan.enlarge)
    return pixels.resized(picture, -(-plan.height * kind.rows // 2), plan.width * kind.columns)
