"""What stands on each line of a panel of pictures, and which lines are to change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from textual.strip import Strip

from tui_lab.tui.cell_rows import CellKind, CellRows, ascii_shades, fine_cells, half_blocks
from tui_lab.tui.picture_sheet import Sheet
from tui_lab.tui.pixels import Pixels
from tui_lab.tui.terminal import ColourDepth


class Target(NamedTuple):
    """What is to be seen: pixels, as many a cell as its `kind` has, lines of text over them by their row, and the
    colours; `full` is the same for the terminal's own pixels, where it shows them."""

    canvas: Pixels
    texts: dict[int, str]
    depth: ColourDepth
    kind: CellKind
    full: Sheet | None = None

    def lines(self, height: int) -> Pixels:
        """(rows of cells, all pixels of one, 3), a view."""
        return self.canvas.reshape(height, -1, 3)

    def cells(self, rows: list[int], height: int, background: tuple[int, int, int], dark: bool) -> CellRows:
        """The cells of these rows."""
        pixels = self.lines(height)[rows].reshape(-1, self.canvas.shape[1], 3)
        if self.kind.is_fine:
            return fine_cells(pixels, self.kind)
        if self.kind is CellKind.ASCII:
            return ascii_shades(pixels, background, dark)
        return half_blocks(pixels)


class DrawnRows:
    """`strips` are what Textual is given, a line each; `pixels` what they show, (lines, pixels of one, 3)."""

    def __init__(self) -> None:
        self.strips: list[Strip] = []
        self.pixels: Pixels = np.zeros((0, 0, 3), np.uint8)
        self._depths: list[ColourDepth] = []
        self._texts: list[str | None] = []
        self._full: list[bool] = []
        self._next = 0

    def begin(self, target: Target, height: int, background: tuple[int, int, int], blank: Strip) -> None:
        """Empty lines, over which the others come."""
        self.pixels = np.empty_like(target.lines(height)) if height else self.pixels[:0]
        self.pixels[...] = background
        self._depths = [target.depth] * height
        self._texts = [None] * height
        self._full = [False] * height
        self.strips = [blank] * height

    @property
    def is_full(self) -> bool:
        """Whether any line shows full pixels."""
        return any(self._full)

    def changed(self, target: Target, full: NDArray[np.bool_]) -> list[int]:
        """The lines that differ from what is to be seen; `full`: those that show full pixels then."""
        height = len(self.strips)
        if not height:
            return []
        lines = target.lines(height)
        if target.depth is ColourDepth.NONE or self.pixels.shape != lines.shape:
            return list(range(height))  # without colour, the shades of each line depend on all of them
        changed = (lines != self.pixels).reshape(height, -1).any(axis=1)
        changed |= [depth is not target.depth for depth in self._depths]
        changed |= [text != target.texts.get(y) for y, text in enumerate(self._texts)]
        changed |= full != self._full
        rows: list[int] = np.flatnonzero(changed).tolist()
        return rows

    def in_turn(self, rows: list[int], sizes: NDArray[np.intp], room: int) -> list[int]:
        """As many of `rows`, which take so many bytes, as there is room for, from where the last time ended; one at
        least where there is any room. From frame to frame, all get their turn."""
        first = int(np.searchsorted(rows, self._next))
        turn = rows[first:] + rows[:first]
        count = max(1, int(np.searchsorted(np.roll(sizes, -first).cumsum(), room))) if room > 0 else 0
        if 0 < count < len(rows):
            self._next = turn[count]
        return sorted(turn[:count])

    def put(self, y: int, strip: Strip, target: Target, is_full: bool) -> None:
        """From now on this line is as the target says."""
        lines = target.lines(len(self.strips))
        if self.pixels.shape != lines.shape:
            self.pixels = np.zeros_like(lines)
        self.pixels[y] = lines[y]
        self._depths[y], self._texts[y], self._full[y] = target.depth, target.texts.get(y), is_full
        self.strips[y] = strip
