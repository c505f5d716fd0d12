"""A panel of pictures: as large as the cells allow, and cheap to change many times a second."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_lab.sanitize import clean
from tui_lab.tui import pixels
from tui_lab.tui.bandwidth import Quality
from tui_lab.tui.empty_state import empty_lines
from tui_lab.tui.pixels import GridFit, Pixels
from tui_lab.tui.terminal import ColourDepth, ascii_only, colour_depth

GAP = 1
CATCH_UP_SECONDS = 1 / 15
BEST = Quality()
LEAST_SIDE = 8  # pictures are not reduced below so many pixels a side for the sake of showing them all


@dataclass(frozen=True)
class _Layout:
    """Where the pictures are, in pixels of the canvas: a cell is one wide and two high."""

    fit: GridFit
    picked: tuple[int, ...]  # which pictures are shown, in order
    left: int
    tile_width: int
    tile_height: int
    row_height: int  # from one row of pictures to the next: a gap, or lines of text, between them

    def index_at(self, x: int, y: int) -> int | None:
        """The picture at this cell."""
        column, inside_x = divmod(x - self.left, self.tile_width + GAP)
        row, inside_y = divmod(2 * y, self.row_height)
        index = row * self.fit.columns + column
        on_picture = 0 <= column < self.fit.columns and inside_x < self.tile_width and inside_y < self.tile_height
        return self.picked[index] if on_picture and index < len(self.picked) else None


class _Target(NamedTuple):
    """What is to be seen: pixels (2·height, width, 3), lines of text over them by their row, and the colours."""

    canvas: Pixels
    texts: dict[int, str]
    depth: ColourDepth


class PixelView(Widget):
    """Pictures in a grid. `show` takes them as they are; the layout follows the widget's size.

    It draws its lines itself, so borders, padding and tint on this widget do nothing: put them on its container.
    Only rows whose pixels changed are encoded and sent again.
    """

    DEFAULT_CSS = """
    PixelView {
        width: 1fr;
        height: 1fr;
    }
    """
    ALLOW_SELECT = False

    class Selected(Message):
        """A picture was clicked."""

        def __init__(self, view: "PixelView", index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> "PixelView":
            return self.view

    def __init__(
        self,
        *,
        align: str = "left",
        shrink_to_fit: bool = False,
        empty: str = "",
        depth: ColourDepth | None = None,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`align`: "left" or "center". `shrink_to_fit`: reduce the pictures rather than leave some out, and where that
        would go too far, leave out evenly (for a strip over time) rather than the last ones.

        `empty` is what stands here while there is no picture; `depth` overrules what the environment says.
        """
        super().__init__(name=name, id=id, classes=classes)
        self._align = align
        self._shrink_to_fit = shrink_to_fit
        self._empty = empty
        self._asked_depth = depth
        self._images: Pixels | None = None
        self._labels: tuple[str, ...] = ()
        self._layout_now: _Layout | None = None
        self._quality = BEST
        self._target: _Target | None = None
        self.room: Callable[[], int] | None = None
        """How many bytes may be sent now; None: any number. Lines that find no room follow as soon as there is some."""
        self.behind = False
        """Lines are still those of pictures before."""
        self._catches_up = False
        self._canvas: Pixels | None = None
        self._depths: list[ColourDepth] = []
        self._texts: list[str | None] = []
        self._next_row = 0
        self._strips: list[Strip] = []
        self._drawn_for: tuple[Size, Color, Color, ColourDepth] | None = None

    @property
    def shown(self) -> int:
        """How many of the pictures there was room for."""
        return self._layout_now.fit.shown if self._layout_now else 0

    @property
    def depth(self) -> ColourDepth:
        """The colours this view draws with."""
        if self._asked_depth is not None:
            return self._asked_depth
        return ColourDepth.NONE if self.app.no_color else colour_depth(os.environ)

    def show(
        self,
        images: Pixels,
        labels: Sequence[str] | None = None,
        *,
        quality: Quality = BEST,
    ) -> None:
        """(N, H, W, C) or (H, W, C), uint8, C of 1 or 3. `labels`, one a picture, stand below them.

        The array is kept, not copied: hand over one that is not written to again. `quality` is for pictures that will
        be followed by others soon.
        """
        images = images if images.ndim == 4 else images[None]
        self._images = images if len(images) else None
        self._labels = tuple(map(clean, labels or ()))
        self._quality = quality
        self._target = None
        self._redraw()

    def _catch_up(self) -> None:
        """Let more of the lines change that had no room yet."""
        self._catches_up = False
        if self.behind:
            self._redraw()

    def clear(self, empty: str | None = None) -> None:
        """No pictures; with `empty`, other words in their place."""
        self._images = None
        self._empty = self._empty if empty is None else empty
        self._target = None
        self._redraw()

    def image_at(self, x: int, y: int) -> int | None:
        """The index of the picture at this cell of the widget."""
        return self._layout_now.index_at(x, y) if self._layout_now else None

    def on_click(self, event: events.Click) -> None:
        index = self.image_at(event.x, event.y)
        if index is not None:
            self.post_message(self.Selected(self, index))

    def _redraw(self) -> None:
        """Bring the strips up to date, and ask Textual for the rows that changed.

        Below a dialog nothing moves: to tint a picture Textual needs its segments, fifteen times the work. The latest
        one is drawn when the dialog is gone.
        """
        if not self.is_mounted or not self.size or self.app.screen is not self.screen:
            self._drawn_for = None
            return
        changed = self._update_strips()
        if len(changed) == self.size.height:
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips as they are: Textual's cache of styled lines would turn them into segments."""
        if self._drawn_for != self._frame_key():
            self._update_strips()
        strips = self._strips[crop.y : crop.bottom]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _frame_key(self) -> tuple[Size, Color, Color, ColourDepth]:
        _, background = self.background_colors
        return self.size, background, self.styles.color, self.depth

    def _update_strips(self) -> list[int]:
        """Make the strips of rows that differ from the last time, as far as there is room; the numbers of those rows.

        Rows that had to wait come first the next time: from frame to frame, all get their turn.
        """
        key = self._frame_key()
        size, background, _, _ = key
        fresh = self._canvas is None or key != self._drawn_for
        if fresh:
            self._drawn_for, self._target = key, None
        target = self._target = self._target or self._aim(size, background)
        if fresh:
            self._begin(target, size, background)
        rows = self._rows_in_turn(self._changed_rows(target), target)
        assert self._canvas is not None
        for y, strip in zip(rows, self._encode(target.canvas, rows, target.depth, background), strict=True):
            text = target.texts.get(y)
            self._strips[y] = strip if text is None else self._text_strip(text)
            self._canvas[2 * y : 2 * y + 2] = target.canvas[2 * y : 2 * y + 2]
            self._depths[y] = target.depth
            self._texts[y] = text
        if self.behind and not self._catches_up:
            self._catches_up = True
            self.set_timer(CATCH_UP_SECONDS, self._catch_up)
        return list(range(size.height)) if fresh else rows

    def _begin(self, target: _Target, size: Size, background: Color) -> None:
        """Empty lines, over which the others come."""
        self._canvas = np.empty((2 * size.height, size.width, 3), np.uint8)
        self._canvas[...] = background.rgb
        self._depths = [target.depth] * size.height
        self._texts = [None] * size.height
        self._strips = [self._text_strip(" " * size.width)] * size.height

    def _aim(self, size: Size, background: Color) -> _Target:
        canvas, texts = self._draw(size, background)
        depth = self.depth
        if depth is ColourDepth.TRUECOLOR:
            depth = self._quality.depth
        return _Target(pixels.coarsened(canvas, self._quality.coarse), texts, depth)

    def _changed_rows(self, target: _Target) -> list[int]:
        height = len(self._depths)
        if not height:
            return []
        if target.depth is ColourDepth.NONE:  # the shades of each row depend on all of them
            return list(range(height))
        changed = (target.canvas != self._canvas).reshape(height, -1).any(axis=1)
        changed |= [depth is not target.depth for depth in self._depths]
        changed |= [text != target.texts.get(y) for y, text in enumerate(self._texts)]
        rows: list[int] = np.flatnonzero(changed).tolist()
        return rows

    def _rows_in_turn(self, rows: list[int], target: _Target) -> list[int]:
        """As many of the rows as there is room for, from where the last time ended; one at least where there is any."""
        if self.room is None or target.depth is ColourDepth.NONE:
            self.behind = False
            return rows
        turn = [y for y in rows if y >= self._next_row] + [y for y in rows if y < self._next_row]
        room = self.room()
        sizes = pixels.encoded_sizes(target.canvas, target.depth)[turn]
        count = max(1, int(np.searchsorted(sizes.cumsum(), room))) if room > 0 else 0
        self.behind = count < len(rows)
        if self.behind and count:
            self._next_row = turn[count]
        return sorted(turn[:count])

    def _encode(self, canvas: Pixels, rows: list[int], depth: ColourDepth, background: Color) -> Sequence[Strip]:
        if not rows:
            return []
        lines = canvas.reshape(-1, 2, *canvas.shape[1:])[rows].reshape(-1, *canvas.shape[1:])
        if depth is not ColourDepth.NONE:
            return pixels.pixel_strips(lines, depth, background)
        shades = pixels.luminance_rows(lines, self.app.current_theme.dark, ascii_only(os.environ))
        return [self._text_strip(text) for text in shades]

    def _text_strip(self, text: str) -> Strip:
        style, background = self.visual_style.rich_style, self.background_colors[1]
        strip = Strip([Segment(text, Style(color=style.color, bgcolor=style.bgcolor))], self.size.width)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return strip

    def _draw(self, size: Size, background: Color) -> tuple[Pixels, dict[int, str]]:
        """The canvas (2·height, width, 3), and the lines of text that stand over it, by their row."""
        canvas = np.empty((2 * size.height, size.width, 3), np.uint8)
        canvas[...] = background.rgb
        if self._images is None:
            self._layout_now = None
            words = empty_lines(self._empty, *size) if self._empty else []
            return canvas, {row: line for row, line in enumerate(words) if line.strip()}
        layout, tiles = self._lay_out(self._images, size)
        self._layout_now = layout
        texts: dict[int, str] = {}
        for start in range(0, layout.fit.shown, layout.fit.columns):
            row = pixels.grid(tiles[start : start + layout.fit.columns], layout.fit.columns, GAP, background.rgb)
            top = start // layout.fit.columns * layout.row_height
            canvas[top : top + row.shape[0], layout.left : layout.left + row.shape[1]] = row
            if self._labels:
                picked = layout.picked[start : start + layout.fit.columns]
                line = " " * layout.left + " ".join(centred(self._labels[i], layout.tile_width) for i in picked)
                texts[(top + layout.row_height) // 2 - 1] = set_cell_size(line, size.width)
        return canvas, texts

    def _lay_out(self, images: Pixels, size: Size) -> tuple[_Layout, Pixels]:
        count, height, width = images.shape[:3]
        label_rows = 1 if self._labels else 0
        reduce = 1
        fit = pixels.best_grid(count, height, width, *size, GAP, label_rows)
        while self._shrink_to_fit and fit.shown < count and min(height, width) // (reduce + 1) >= LEAST_SIDE:
            reduce += 1
            fit = pixels.best_grid(count, height // reduce, width // reduce, *size, GAP, label_rows)
        picked = np.arange(fit.shown)
        if self._shrink_to_fit and 0 < fit.shown < count:
            picked = np.linspace(0, count - 1, fit.shown).round().astype(np.intp)
        tiles = pixels.upscale(pixels.shrink(images[picked], reduce * fit.shrink), fit.scale)
        tile_height, tile_width = tiles.shape[1:3]
        row_height = 2 * (-(-tile_height // 2) + 1) if label_rows else tile_height + GAP
        columns = min(fit.columns, fit.shown)
        left = max(0, (size.width - columns * (tile_width + GAP) + GAP) // 2) if self._align == "center" else 0
        return _Layout(fit, tuple(picked.tolist()), left, tile_width, tile_height, row_height), tiles


def centred(text: str, width: int) -> str:
    """`text` in the middle of `width` cells, cut where it is longer."""
    text = text if len(text) <= width else text[: max(0, width - 1)] + "…"
    return set_cell_size(text.center(width), width)
