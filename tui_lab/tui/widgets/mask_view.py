"""A picture to paint a mask over: keys move a brush, the mouse draws. What is drawn anew is dimmed and hatched."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Size
from textual.message import Message

from tui_lab.tui import pixels
from tui_lab.tui.cell_rows import luminance_rows
from tui_lab.tui.mask_canvas import Box, MaskCanvas, Pixel
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.terminal import ColourDepth, ascii_only
from tui_lab.tui.widgets.pixel_view import PixelView

LARGEST_BRUSH = 64
LEAST_IN_VIEW = 8
"""Zooming in ends where fewer pixels than this would be in view."""
MARGIN = 1
"""Pixels of the canvas around the picture, for the brush's frame."""
DIMMED = 0.3
RIGHT_BUTTON = 3


@dataclass(frozen=True, slots=True)
class Window:
    """What of the picture is in view: each of its pixels is `enlarge` of the canvas's, or `reduce` of them are one."""

    top: int
    left: int
    height: int
    width: int
    enlarge: int
    reduce: int

    @property
    def step(self) -> int:
        """Pixels of the picture that an arrow goes."""
        return self.reduce


def zooms(height: int, width: int, size: Size) -> list[tuple[int, int]]:
    """(enlarge, reduce) of every size that a picture can be shown in, the smallest first: the first shows all of it."""
    room_h, room_w = max(1, 2 * size.height - 2 * MARGIN), max(1, size.width - 2 * MARGIN)
    whole = min(room_h // height, room_w // width)
    most = max(1, whole, min(room_h, room_w) // LEAST_IN_VIEW)
    if whole >= 1:
        return [(times, 1) for times in range(whole, most + 1)]
    reduce = max(-(-height // room_h), -(-width // room_w))
    return [*((1, by) for by in range(reduce, 1, -1)), *((times, 1) for times in range(1, most + 1))]


class MaskView(PixelView, can_focus=True):
    """Paints into a MaskCanvas. `keeps` says what the brush does: keep pixels, or have them drawn anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(0,-1)", "Left", show=False, tooltip="Move the brush left"),
        Binding("right", "move(0,1)", "Right", show=False, tooltip="Move the brush right"),
        Binding("up", "move(-1,0)", "Up", show=False, tooltip="Move the brush up"),
        Binding("down", "move(1,0)", "Down", show=False, tooltip="Move the brush down"),
        Binding("shift+left", "draw(0,-1)", "Draw left", show=False, tooltip="Paint on to the left"),
        Binding("shift+right", "draw(0,1)", "Draw right", show=False, tooltip="Paint on to the right"),
        Binding("shift+up", "draw(-1,0)", "Draw up", show=False, tooltip="Paint on upwards"),
        Binding("shift+down", "draw(1,0)", "Draw down", show=False, tooltip="Paint on downwards"),
        Binding(
            "space", "paint", "Paint", tooltip="Paint what is under the brush, or the rectangle; shift+arrows go on"
        ),
        Binding("x", "other", "Keep/anew", tooltip="The brush keeps pixels, or has them drawn anew"),
        Binding("right_square_bracket", "grow(1)", "Larger", key_display="]", show=False, tooltip="A larger brush"),
        Binding("left_square_bracket", "grow(-1)", "Smaller", key_display="[", show=False, tooltip="A smaller brush"),
        Binding("r", "rectangle", "Rectangle", tooltip="A rectangle from here: go to its other corner, and space"),
        Binding("f", "fill", "Fill", tooltip="Fill the area that the brush is in"),
        Binding("i", "invert", "Invert", show=False, tooltip="Keep what is drawn anew, and the other way round"),
        Binding("c", "clear(True)", "Clear", show=False, tooltip="Keep every pixel"),
        Binding("a", "clear(False)", "All anew", show=False, tooltip="Draw every pixel anew"),
        Binding("u", "undo", "Undo", tooltip="Take the last stroke back"),
        Binding("U,ctrl+r", "redo", "Redo", key_display="U", show=False, tooltip="Paint again what was taken back"),
        Binding("plus,equals_sign", "zoom(1)", "Closer", key_display="+", show=False, tooltip="Larger, less of it"),
        Binding("minus", "zoom(-1)", "Farther", key_display="-", show=False, tooltip="Smaller, more of it"),
    ]

    class Painted(Message):
        """The mask, or the brush, is another one."""

    def __init__(self, image: Pixels, canvas: MaskCanvas) -> None:
        """`image`: uint8 (H, W, C)."""
        super().__init__()
        self._image = image
        self.canvas = canvas
        height, width = canvas.shape
        self.at = Pixel(height // 2, width // 2)
        self.brush = max(1, min(height, width) // 16)
        self.keeps = False
        self._corner: Pixel | None = None
        self._zoom = 0
        self._window = Window(0, 0, height, width, 1, 1)
        self._stroke: Pixel | None = None  # where a drag was last
        self._stroke_keeps = False

    def on_mount(self) -> None:
        self._changed()

    @property
    def draws_rectangle(self) -> bool:
        return self._corner is not None

    def drop_rectangle(self) -> bool:
        """Give up a rectangle that was begun; whether there was one."""
        had, self._corner = self._corner is not None, None
        if had:
            self._changed()
        return had

    @property
    def _box(self) -> Box:
        """What the brush is over, or the rectangle."""
        if self._corner is not None:
            return Box.between(self._corner, self.at)
        return Box.around(self.at, self.brush)

    def _changed(self) -> None:
        self._target = None
        self._redraw()
        self.refresh_bindings()
        self.post_message(self.Painted())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return True if self.canvas.can_undo else None
        return True

    # Keys

    def _go(self, row: int, column: int) -> None:
        height, width = self.canvas.shape
        self.at = Pixel(max(0, min(height - 1, row)), max(0, min(width - 1, column)))

    def action_move(self, down: int, right: int) -> None:
        step = self._window.step
        self._go(self.at.row + down * step, self.at.column + right * step)
        self._changed()

    def action_draw(self, down: int, right: int) -> None:
        before, step = self.at, self._window.step
        self._go(self.at.row + down * step, self.at.column + right * step)
        self._edit(lambda: self.canvas.line(before, self.at, self.brush, self.keeps))

    def action_paint(self) -> None:
        box, self._corner = self._box, None
        self._edit(lambda: self.canvas.paint(box, self.keeps))

    def action_rectangle(self) -> None:
        if self._corner is not None:
            self.action_paint()
            return
        self._corner = self.at
        self._changed()

    def action_fill(self) -> None:
        self._edit(lambda: self.canvas.fill(self.at, self.keeps))

    def action_invert(self) -> None:
        self._edit(self.canvas.invert)

    def action_clear(self, keep: bool) -> None:
        self._edit(lambda: self.canvas.paint_all(keep))

    def action_undo(self) -> None:
        self.canvas.undo()
        self._changed()

    def action_redo(self) -> None:
        self.canvas.redo()
        self._changed()

    def action_other(self) -> None:
        self.keeps = not self.keeps
        self._changed()

    def action_grow(self, by: int) -> None:
        self.brush = max(1, min(LARGEST_BRUSH, *self.canvas.shape, self.brush + by))
        self._changed()

    def action_zoom(self, by: int) -> None:
        height, width = self.canvas.shape
        self._zoom = max(0, min(len(zooms(height, width, self.size)) - 1, self._zoom + by))
        self._changed()

    def _edit(self, stroke: Callable[[], None]) -> None:
        self.canvas.begin()
        stroke()
        self.canvas.end()
        self._changed()

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self.focus()
        at = self._pixel_at(event)
        self.at, self._stroke = at, at
        self._stroke_keeps = self.keeps is not (event.button == RIGHT_BUTTON)
        self.capture_mouse()
        if self._corner is not None:
            self._corner = at
        else:
            self.canvas.begin()
            self.canvas.paint(self._cell_box(event), self._stroke_keeps)
        self._changed()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._stroke is None:
            return
        event.stop()
        self.at = self._pixel_at(event)
        if self._corner is None:
            self.canvas.line(self._stroke, self.at, self.brush, self._stroke_keeps)
            self.canvas.paint(self._cell_box(event), self._stroke_keeps)
        self._stroke = self.at
        self._changed()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._stroke is None:
            return
        event.stop()
        self._stroke = None
        self.release_mouse()
        if self._corner is not None:
            box, self._corner = self._box, None
            self._edit(lambda: self.canvas.paint(box, self._stroke_keeps))
        else:
            self.canvas.end()
            self._changed()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_grow(-1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_grow(1)

    def on_click(self, event: events.Click) -> None:
        event.stop()

    def _pixel_at(self, event: events.MouseEvent) -> Pixel:
        """The picture's pixel under the pointer, or the nearest one; of two in a cell the upper one."""
        y, x = self._canvas_place(event)
        window = self._window
        row = window.top + y * window.reduce // window.enlarge
        column = window.left + x * window.reduce // window.enlarge
        height, width = self.canvas.shape
        return Pixel(max(0, min(height - 1, row)), max(0, min(width - 1, column)))

    def _canvas_place(self, event: events.MouseEvent) -> tuple[int, int]:
        top, left = self._origin
        return 2 * event.y - top, event.x - left

    def _cell_box(self, event: events.MouseEvent) -> Box:
        """The brush around both pixels that a cell may show, so that a click paints all that it points at."""
        upper = self._pixel_at(event)
        y, _ = self._canvas_place(event)
        window = self._window
        lower = window.top + ((y + 1) * window.reduce + window.reduce - 1) // window.enlarge
        around = Box.around(upper, self.brush)
        whole_cell = window.enlarge == 1
        return around._replace(bottom=around.bottom + max(0, lower - upper.row)) if whole_cell else around

    # Drawing

    @property
    def _origin(self) -> tuple[int, int]:
        """(y, x) of the picture's first pixel in view, on the canvas."""
        window = self._window
        high, wide = (side * window.enlarge // window.reduce for side in (window.height, window.width))
        above = (2 * self.size.height - high) // 2
        return max(MARGIN, above - above % 2), max(MARGIN, (self.size.width - wide) // 2)

    def _look(self, size: Size) -> Window:
        """The window at this zoom, moved no farther than it takes to have the brush in it."""
        height, width = self.canvas.shape
        choices = zooms(height, width, size)
        self._zoom = min(self._zoom, len(choices) - 1)
        enlarge, reduce = choices[self._zoom]
        high = min(height, max(1, (2 * size.height - 2 * MARGIN) * reduce // enlarge))
        wide = min(width, max(1, (size.width - 2 * MARGIN) * reduce // enlarge))
        before = self._window
        top = max(min(before.top, self.at.row, height - high), self.at.row - high + 1)
        left = max(min(before.left, self.at.column, width - wide), self.at.column - wide + 1)
        return Window(top, left, high, wide, enlarge, reduce)

    def _draw(self, size: Size, background: Color) -> tuple[Pixels, dict[int, str]]:
        window = self._window = self._look(size)
        rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
        shown = pixels.as_rgb(self._image[rows, columns], background.rgb)
        shown = pixels.upscale(pixels.shrink(shown, window.reduce), window.enlarge)
        kept = self._scaled(self.canvas.kept[rows, columns], window)[: shown.shape[0], : shown.shape[1]]
        canvas = np.empty((2 * size.height, size.width, 3), np.uint8)
        canvas[...] = background.rgb
        top, left = self._origin
        bottom, right = min(len(canvas), top + len(shown)), min(size.width, left + shown.shape[1])
        shown, kept = shown[: bottom - top, : right - left], kept[: bottom - top, : right - left]
        if self.depth is ColourDepth.NONE:
            canvas[top:bottom, left:right] = shown
            return canvas, self._signs(canvas, kept, top, left)
        accent = np.array(Color.parse(self.app.theme_variables["accent"]).rgb)
        canvas[top:bottom, left:right] = np.where(kept[..., None], shown, hatched(shown, accent))
        frame = self._frame(canvas.shape[:2], top, left)
        y, x = np.nonzero(frame)
        canvas[y, x] = np.where(((y + x) % 2 == 0)[:, None], 255, 0)
        return canvas, {}

    @staticmethod
    def _scaled(kept: NDArray[np.bool_], window: Window) -> NDArray[np.bool_]:
        """The mask as the picture is scaled: a pixel that stands for several is drawn anew where half of them are."""
        share = pixels.shrink(kept[..., None].astype(np.uint8) * 254, window.reduce)
        return pixels.upscale(share, window.enlarge)[..., 0] > 127

    def _frame(self, shape: tuple[int, int], top: int, left: int) -> NDArray[np.bool_]:
        """The line around the brush or the rectangle, just outside of its pixels, on a canvas of this shape."""
        window, (high, wide) = self._window, shape

        def place(pixel: int, first: int, origin: int, most: int) -> int:
            return max(-1, min(most, origin + (pixel - first) * window.enlarge // window.reduce))

        box = self._box
        y0, y1 = (place(row, window.top, top, high) for row in (box.top, box.bottom))
        x0, x1 = (place(column, window.left, left, wide) for column in (box.left, box.right))
        frame = np.zeros((high + 2, wide + 2), bool)
        frame[y0 : y1 + 2, x0 : x1 + 2] = True
        frame[y0 + 1 : y1 + 1, x0 + 1 : x1 + 1] = False
        return frame[1:-1, 1:-1]

    def _signs(self, canvas: Pixels, kept: NDArray[np.bool_], top: int, left: int) -> dict[int, str]:
        """Every line in characters, where there is no colour: shades for what stays, strokes for what is drawn anew,
        and + around the brush."""
        plain = ascii_only(os.environ)
        shades = luminance_rows(canvas, self.app.current_theme.dark, plain)
        inside, anew = np.zeros(canvas.shape[:2], bool), np.zeros(canvas.shape[:2], bool)
        inside[top : top + len(kept), left : left + kept.shape[1]] = True
        anew[top : top + len(kept), left : left + kept.shape[1]] = ~kept
        frame = self._frame(canvas.shape[:2], top, left)
        cells = np.array([list(row) for row in shades])
        cells[~(inside[0::2] | inside[1::2])] = " "
        cells[anew[0::2] | anew[1::2]] = "/" if plain else "╱"
        cells[frame[0::2] | frame[1::2]] = "+"
        return {row: "".join(line) for row, line in enumerate(cells.tolist())}


def hatched(shown: Pixels, accent: NDArray[np.int_]) -> Pixels:
    """(H, W, 3) dimmed, with diagonal stripes of a colour: how pixels look that are drawn anew."""
    y, x = np.indices(shown.shape[:2])
    stripe = np.less((x + y) % 4, 2)[..., None]
    dim = shown * DIMMED
    return np.rint(np.where(stripe, dim * 0.4 + accent * 0.6, dim)).astype(np.uint8)
