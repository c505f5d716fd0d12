"""Rows of a picture as Textual takes them: strips that are escape sequences already.

Textual sends them as they are. Rich's segments, which cost fifty times as much, are built only when somebody asks for
them (an SVG export, a dialog that tints what is below it).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.color import Color as RichColor
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from tui_lab.tui.cell_rows import CellRows, encode_rows
from tui_lab.tui.colours import palette_16, palette_256
from tui_lab.tui.terminal import ColourDepth

_Colour = int | tuple[float, ...]
"""A place in a palette, or red, green and blue."""


class PixelStrip(Strip):
    """A row of cells that is already escape sequences; cut without ever becoming segments.

    It leans on Strip's private `_render_cache` and `_segments` (Textual is pinned to a minor version for that).
    """

    __slots__ = ("_background", "_built", "_cells", "_depth")

    def __init__(self, cells: CellRows, depth: ColourDepth, background: Color, encoded: str | None = None) -> None:
        """`cells`: one row of them."""
        self._built: list[Segment] | None = None
        super().__init__((), cells.width)
        self._cells = cells
        self._depth = depth
        self._background = background
        self._render_cache = encoded
        self._cell_count = cells.width

    @property
    def _segments(self) -> list[Segment]:
        if self._built is None:
            self._built = _segments_of(self._cells, self._depth, self._background)
        return self._built

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        """Strip's own initialiser assigns an empty list: not built yet."""
        self._built = segments or None

    def __bool__(self) -> bool:
        return self._cells.width > 0

    def render(self, console: Console) -> str:
        """The row as escape sequences; `console` has no say, the strip knows its depth."""
        if self._render_cache is None:
            self._render_cache = encode_rows(self._cells, self._depth, self._background)[0]
        return self._render_cache

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Cells from `start` up to `end`."""
        width = self._cells.width
        start, end = max(0, start), width if end is None else min(width, end)
        return self if (start, end) == (0, width) else self._part(start, max(start, end))

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Pieces that end at `cuts`."""
        ends = [cut for cut in cuts if cut <= self._cells.width]
        return [self.crop(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def _part(self, start: int, end: int) -> Strip:
        return PixelStrip(self._cells.crop(start, end), self._depth, self._background)


def pixel_strips(cells: CellRows, depth: ColourDepth, background: Color) -> list[PixelStrip]:
    """A strip a row. Each keeps its cells: hand over arrays that nobody writes to again."""
    encoded = encode_rows(cells, depth, background)
    return [PixelStrip(cells.rows(slice(y, y + 1)), depth, background, text) for y, text in enumerate(encoded)]


def _segments_of(row: CellRows, depth: ColourDepth, background: Color) -> list[Segment]:
    """Runs of equal cells as Rich's segments, in the colours that the escape sequences have."""
    front, back, glyphs = row.front[0], row.back[0], row.glyph[0].tolist()
    if depth is ColourDepth.TRUECOLOR:
        fronts, backs = [list(map(tuple, colours.tolist())) for colours in (front, back)]
    else:
        index = palette_256 if depth is ColourDepth.PALETTE else palette_16
        fronts, backs = index(front).tolist(), index(back).tolist()
    blank = (back == background.rgb).all(axis=-1) & ((front == background.rgb).all(axis=-1) | (row.glyph[0] == 0))
    cells = [
        None if empty else (row.kind.glyphs[glyph] if front != back else " ", front, back)
        for empty, glyph, front, back in zip(blank.tolist(), glyphs, fronts, backs, strict=True)
    ]
    segments: list[Segment] = []
    start = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or cells[end] != cells[start]:
            segments.append(_segment(cells[start], end - start, background))
            start = end
    return segments


def _segment(cell: tuple[str, _Colour, _Colour] | None, width: int, background: Color) -> Segment:
    if cell is None:
        return Segment(" " * width, Style.from_color(bgcolor=background.rich_color))
    glyph, front, back = cell
    return Segment(glyph * width, _style(front, back))


@lru_cache(maxsize=4096)
def _style(front: _Colour, back: _Colour) -> Style:
    return Style.from_color(*(_rich_color(colour) for colour in (front, back)))


def _rich_color(colour: _Colour) -> RichColor:
    return RichColor.from_ansi(colour) if isinstance(colour, int) else RichColor.from_rgb(*colour)
