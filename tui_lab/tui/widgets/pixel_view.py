"""A panel of pictures: as large as the cells allow, and cheap to change many times a second."""

import os
from collections.abc import Callable, Sequence

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_lab.sanitize import clean
from tui_lab.tui.bandwidth import Quality
from tui_lab.tui.cell_rows import CellKind, CellRows, encoded_sizes, luminance_rows
from tui_lab.tui.empty_state import empty_lines
from tui_lab.tui.picture_layout import Layout, label_lines, lay_out
from tui_lab.tui.picture_mode import pictures_of
from tui_lab.tui.picture_sheet import Sheet
from tui_lab.tui.pixel_strip import pixel_strips
from tui_lab.tui.pixels import HALF_CELL, Pixels, coarsened
from tui_lab.tui.terminal import ColourDepth, ascii_only, colour_depth
from tui_lab.tui.widgets.drawn_rows import DrawnRows, Target
from tui_lab.tui.widgets.full_pixels import FullPixels, FullPixelStrip

CATCH_UP_SECONDS = 1 / 15
BEST = Quality()


_Frame = tuple[Size, Color, Color, ColourDepth, int]
"""What a drawing depends on beside the pictures."""


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
        self._layout_now: Layout | None = None
        self._quality = BEST
        self._target: Target | None = None
        self.room: Callable[[], int] | None = None
        """How many bytes may be sent now; None: as many as the line to the terminal has room for. Lines that find no
        room follow as soon as there is some."""
        self.behind = False
        """Lines are still those of pictures before."""
        self._catches_up = False
        self._lines = DrawnRows()
        self._full = FullPixels(self, self._redraw)
        self._sheet: Sheet | None = None
        self._marked: int | None = None
        self._drawn_for: _Frame | None = None

    @property
    def shown(self) -> int:
        """How many of the pictures there was room for."""
        return self._layout_now.fit.shown if self._layout_now else 0

    @property
    def columns(self) -> int:
        """Pictures that stand in a row."""
        return min(self._layout_now.fit.columns, self.shown) if self._layout_now else 0

    @property
    def marked(self) -> int | None:
        """The picture with a frame around it."""
        return self._marked

    @marked.setter
    def marked(self, index: int | None) -> None:
        if index != self._marked:
            self._marked, self._target = index, None
            self._redraw()

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

    def on_hide(self) -> None:
        self._forget_full()

    def on_unmount(self) -> None:
        self._forget_full()

    def _forget_full(self) -> None:
        """The terminal's picture goes with the widget; when it comes again, all is drawn anew."""
        self._full.leave()
        self._drawn_for, self.behind = None, False

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
            self._drawn_for, self.behind = None, False  # all of it is drawn anew, once it can be seen
            return
        changed = self._update_strips()
        width, height = self.size
        if len(changed) == height:
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips as they are: Textual's cache of styled lines would turn them into segments."""
        if self._drawn_for != self._frame_key():
            self._update_strips()
        strips = self._lines.strips[crop.y : crop.bottom]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _frame_key(self) -> _Frame:
        _, background = self.background_colors
        return self.size, background, self.styles.color, self.depth, pictures_of(self.app).epoch

    def _update_strips(self) -> list[int]:
        """Make the strips of rows that differ from the last time, as far as there is room; the numbers of those rows.

        Rows that had to wait come first the next time: from frame to frame, all get their turn.
        """
        key = self._frame_key()
        size, background, *_ = key
        fresh = key != self._drawn_for
        if fresh:
            self._drawn_for, self._target = key, None
            self._full.leave()
        if self._target is None:
            self._target = self._aim(size, background)
            self._full.aim(self._target.full)
        target = self._target
        if fresh:
            self._lines.begin(target, size.height, background.rgb, self._text_strip(" " * size.width))
        rows = self._draw_rows(target, size.height, background)
        if self.behind and not self._catches_up:
            self._catches_up = True
            self.set_timer(CATCH_UP_SECONDS, self._catch_up)
        return list(range(size.height)) if fresh else rows

    def _draw_rows(self, target: Target, height: int, background: Color) -> list[int]:
        """Put the rows there that changed, as far as there is room for them; their numbers."""
        full = self._full.picture.rows if self._full.picture is not None else {}
        full = {y: encoded for y, encoded in full.items() if y not in target.texts}
        changed = self._lines.changed(target, np.isin(np.arange(height), list(full)))
        if not changed:
            return []
        dark = self.app.current_theme.dark
        cells = target.cells(changed, height, background.rgb, dark)
        rows = self._rows_in_turn(changed, cells, target.depth, full)
        if not rows:
            return []
        for y, strip in zip(rows, self._encode(target, rows, changed, cells, full, background), strict=True):
            text = target.texts.get(y)
            self._lines.put(y, strip if text is None else self._text_strip(text), target, y in full)
        if not self.behind:
            self._full.drop_old()
        return rows

    def _aim(self, size: Size, background: Color) -> Target:
        self._sheet = None
        canvas, texts = self._draw(size, background)
        depth, coarse = self.depth, self._quality.coarse
        if depth is ColourDepth.TRUECOLOR:
            depth = self._quality.depth
        wished = pictures_of(self.app).cells
        drawn = canvas.shape[:2] == (wished.rows * size.height, wished.columns * size.width)
        full = self._sheet if self._quality == BEST else None
        return Target(coarsened(canvas, coarse), texts, depth, wished if drawn else CellKind.HALF, full)

    def _rows_in_turn(self, rows: list[int], cells: CellRows, depth: ColourDepth, full: dict[int, str]) -> list[int]:
        """As many of the rows as there is room for."""
        pictures = pictures_of(self.app)
        room = self.room or pictures.room
        if room is None or depth is ColourDepth.NONE:
            self.behind = False
            return rows
        sizes = encoded_sizes(cells, depth)
        for place, y in enumerate(rows):
            sizes[place] = len(full[y]) if y in full else sizes[place]
        chosen = self._lines.in_turn(rows, sizes, room())
        self.behind = len(chosen) < len(rows)
        pictures.promise(int(sizes[np.searchsorted(rows, chosen)].sum()))
        return chosen

    def _encode(
        self,
        target: Target,
        rows: list[int],
        changed: list[int],
        cells: CellRows,
        full: dict[int, str],
        background: Color,
    ) -> Sequence[Strip]:
        """Strips of `rows`, which are some of those that `cells` are of."""
        if target.depth is ColourDepth.NONE:
            plain = target.kind is CellKind.ASCII or ascii_only(os.environ)
            dark = self.app.current_theme.dark
            return [self._text_strip(text) for text in luminance_rows(target.canvas, dark, plain)]
        strips: list[Strip] = []
        places = np.searchsorted(changed, rows)
        as_cells = iter(pixel_strips(cells.rows(places[[y not in full for y in rows]]), target.depth, background))
        picture = self._full.picture
        for y, place in zip(rows, places.tolist(), strict=True):
            if y in full and picture is not None:
                row = cells.rows(slice(place, place + 1))
                strips.append(FullPixelStrip(row, target.depth, background, full[y], picture.part, y))
            else:
                strips.append(next(as_cells))
        return strips

    def _text_strip(self, text: str) -> Strip:
        style, background = self.visual_style.rich_style, self.background_colors[1]
        strip = Strip([Segment(text, Style(color=style.color, bgcolor=style.bgcolor))], self.size.width)
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return strip

    def _draw(self, size: Size, background: Color) -> tuple[Pixels, dict[int, str]]:
        """The canvas, (2·height, width, 3) or of as many pixels a cell as the cells that pictures are drawn with
        have, and the lines of text that stand over it, by their row."""
        if self._images is None:
            self._layout_now = None
            canvas = np.empty((2 * size.height, size.width, 3), np.uint8)
            canvas[...] = background.rgb
            words = empty_lines(self._empty, *size) if self._empty else []
            return canvas, {row: line for row, line in enumerate(words) if line.strip()}
        pictures = pictures_of(self.app)
        kind, full = pictures.cells, pictures.full if self.depth is ColourDepth.TRUECOLOR else None
        layout = self._layout_now = lay_out(
            self._images.shape[:3],
            size,
            labels=bool(self._labels),
            shrink_to_fit=self._shrink_to_fit,
            centre=self._align == "center",
            cell=full or HALF_CELL,
            fine=kind.is_fine,
        )
        accent = Color.parse(self.app.theme_variables["accent"]).rgb
        sheet = Sheet(self._images, layout, size, background.rgb, self._marked, accent)
        texts = label_lines(self._labels, layout, size.width) if self._labels else {}
        if full is not None:
            self._sheet = sheet
            return sheet.cells(), texts
        finer = kind.is_fine and layout.is_reduced and self._quality.coarse == 1
        return sheet.canvas(kind if finer else CellKind.HALF), texts
