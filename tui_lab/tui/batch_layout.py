"""How the five stages of a batch stand on a screen: as rows, a column a picture, or as columns, a row a picture;
whichever shows the pictures larger."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tui_lab.tui.pixels import grid, shrink, upscale

Pixels = NDArray[np.uint8]

GAP = 1
WANTED = 4
"""Pictures that should be in sight before they are made larger."""
LEAST_SIDE = 4
"""Pictures are not reduced below so many pixels a side, however small the screen is."""


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """`shown` pictures of the batch, each reduced `by` times or enlarged `scale` times. `wide` and `high`: cells from
    one picture to the next."""

    stages_down: bool
    shown: int
    by: int
    scale: int
    wide: int
    high: int


def batch_layout(count: int, stages: int, height: int, width: int, columns: int, rows: int) -> BatchLayout:
    """The largest size at which WANTED pictures (or all of fewer) fit with all their stages; as many as do. A line
    between them where there is room."""
    largest = max(1, 2 * rows // height)
    sizes = [(1, scale) for scale in range(largest, 0, -1)]
    sizes += [(by, 1) for by in range(2, max(1, min(height, width) // LEAST_SIDE) + 1)]
    best = BatchLayout(True, 0, 1, 1, 1, 1)
    for by, scale in sizes:
        wide, high = width // by * scale + GAP, -(-(height // by) * scale // 2)
        down = (columns + GAP) // wide if stages * high <= rows else 0
        across = rows // high if stages * wide - GAP <= columns else 0
        shown = min(count, max(down, across))
        if shown > best.shown:
            best = BatchLayout(down >= across, shown, by, scale, wide, high)
        if shown >= min(count, WANTED):
            break
    lines = stages if best.stages_down else best.shown
    return replace(best, high=best.high + 1) if lines * (best.high + 1) <= rows + 1 else best


def batch_canvas(pictures: Pixels, layout: BatchLayout, background: tuple[int, int, int]) -> Pixels:
    """(stages, B, H, W, C) as one picture (2 · rows, columns, 3), every tile at the top of its own cells."""
    tiles = upscale(shrink(pictures[:, : layout.shown], layout.by), layout.scale)
    tiles = tiles if layout.stages_down else tiles.swapaxes(0, 1)
    lines = [grid(line, len(line), GAP, background) for line in tiles]
    canvas = np.empty((len(lines), 2 * layout.high, *lines[0].shape[1:]), np.uint8)
    canvas[...] = background
    for at, line in enumerate(lines):
        canvas[at, : line.shape[0]] = line
    return canvas.reshape(-1, *canvas.shape[2:])
