"""How panes of pictures share a place on the screen: in so many columns, each with so many of the pictures."""

from __future__ import annotations

import math
from typing import NamedTuple

from tui_lab.tui.pixels import best_grid

GAP = 2
"""Cells between two panes."""
FEW = 4
"""Pictures are reduced rather than shown fewer at a time than these, """
LEAST_SIDE = 12
"""but not below so many pixels a side."""


class Arrangement(NamedTuple):
    """`shown`: how many pictures stand in each pane."""

    columns: int
    shown: int


def arrange(panes: int, count: int, height: int, width: int, cells_wide: int, cells_high: int) -> Arrangement:
    """So many panes, each of `count` pictures of height × width pixels, below a line with its name: the pictures as
    large as can be, then as many of them as can be, then the panes as square as can be."""

    def worth(columns: int) -> tuple[float, int, float]:
        wide, high = _pane(panes, columns, cells_wide, cells_high)
        scale, shown = _fit(count, height, width, wide, high)
        return scale, shown, -abs(math.log(max(1, wide) / max(1, 2 * high)))

    columns = max((number for number in range(1, panes + 1) if panes % number == 0), key=worth)
    return Arrangement(columns, worth(columns)[1])


def _pane(panes: int, columns: int, cells_wide: int, cells_high: int) -> tuple[int, int]:
    """Cells for the pictures of each."""
    rows = -(-panes // columns)
    return (cells_wide - GAP * (columns - 1)) // columns, cells_high // rows - 1


def _fit(count: int, height: int, width: int, cells_wide: int, cells_high: int) -> tuple[float, int]:
    """(times as large as they are, how many)."""
    reduce = 1
    while True:
        fit = best_grid(count, height // reduce, width // reduce, cells_wide, cells_high)
        if fit.shown >= min(count, FEW) or min(height, width) // (reduce + 1) < LEAST_SIDE:
            return fit.scale / (fit.shrink * reduce), max(1, fit.shown)
        reduce += 1


def page_of(place: int, count: int, shown: int) -> slice:
    """The pictures that stand beside the one at this place, where so many are shown at a time."""
    first = place // shown * shown
    return slice(first, min(count, first + shown))
