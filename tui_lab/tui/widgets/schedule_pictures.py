"""One picture of the person's own under noise: a strip over all levels, and at the brush's level all that is in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.containers import Vertical

from tui_lab.diffusion import schedules
from tui_lab.recipe.schema import NoiseScheduler
from tui_lab.tui.brush_tiles import brush_tiles
from tui_lab.tui.chart import short_number
from tui_lab.tui.picture_layout import GAP, LEAST_SIDE
from tui_lab.tui.pixels import best_grid, shrink
from tui_lab.tui.schedule_words import has_timesteps
from tui_lab.tui.widgets.pixel_view import PixelView

Pixels = NDArray[np.uint8]

FEWEST, MOST = 2, 40
"""Levels that the strip can be asked to show."""
LARGEST_SIDE = 128
"""Larger pictures are reduced before they are drowned: a terminal shows no more, and the knobs stay quick."""
ROOMY = 24
"""Rows for pictures from which on the strip stays in sight beside the brush, or fewer where both fit unreduced."""


class SchedulePictures(Vertical):
    """`level` is where the brush is, None for the strip alone. The owner sets it and the rest, then calls `draw`."""

    DEFAULT_CSS = """
    SchedulePictures {
        height: auto;
        & PixelView { height: 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.noise: NoiseScheduler | None = None
        self.picture: Pixels | None = None
        self.level: int | None = None
        self.count = 8
        self.clipped = True

    def compose(self) -> ComposeResult:
        yield PixelView(id="schedule-strip", shrink_to_fit=True)
        yield PixelView(id="schedule-brush", shrink_to_fit=True)

    def draw(self, columns: int, rows: int) -> None:
        """Show what there is within so many cells."""
        strip, brush = self.query_one("#schedule-strip", PixelView), self.query_one("#schedule-brush", PixelView)
        if self.noise is None or self.picture is None or rows < 2:
            for view in (strip, brush):
                view.styles.height = 0
            return
        picture = fitting(self.picture)
        height, width = picture.shape[:2]
        tiles = None if self.level is None else brush_tiles(picture, self.level, self.noise)
        beside = tiles is not None and rows >= min(ROOMY, 2 * (-(-height // 2) + 1))
        strip_rows = 0
        if tiles is None or beside:
            strip_rows = rows_for(self.count, height, width, columns, rows // 2 if beside else rows)
        strip.styles.height = strip_rows
        brush.styles.height = 0
        if strip_rows:
            at = schedules.spread_timesteps(self.noise.num_train_timesteps, self.count)
            noised = schedules.add_noise(picture, at, self.noise)
            strip.show(self._as_seen(noised), labels=level_words(self.noise, at.tolist()))
        if tiles is not None:
            brush.styles.height = rows_for(len(tiles), height, width, columns, rows - strip_rows)
            seen = np.concatenate([self._as_seen(tile.x[None]) for tile in tiles])
            brush.show(seen, labels=[tile.label for tile in tiles])

    def _as_seen(self, x: NDArray[np.float64]) -> Pixels:
        """As a screen sees it: clipped to [-1, 1], or each picture's whole range squeezed into that."""
        return schedules.to_uint8(x, clip=self.clipped)


def level_words(noise: NoiseScheduler, levels: list[int]) -> list[str]:
    """What each level is called: its timestep, or its σ where the model is not told a timestep."""
    if has_timesteps(noise):
        return [str(level) for level in levels]
    return [f"σ {short_number(sigma, 2)}" for sigma in schedules.levels(noise).sigma[levels].tolist()]


def fitting(picture: Pixels) -> Pixels:
    """The picture (H, W, C), its colours without transparency, no larger than is shown."""
    colours = picture[..., :3]
    by = -(-max(colours.shape[:2]) // LARGEST_SIDE)
    return shrink(colours[None], by)[0] if by > 1 else colours


def rows_for(count: int, height: int, width: int, columns: int, most: int) -> int:
    """Rows of cells in which `count` captioned pictures of height × width pixels show best, at most `most`.

    As large as all of them fit, if need be at a half, a third, … of their size, as a PixelView that shrinks to fit;
    0 where not one would show.
    """
    rows = 0
    for reduce in range(1, max(1, min(height, width) // LEAST_SIDE) + 1):
        small_h = max(1, height // reduce)
        fit = best_grid(count, small_h, max(1, width // reduce), columns, most, GAP, 1)
        if fit.shrink > 1:
            continue
        rows = -(-fit.shown // fit.columns) * (-(-small_h * fit.scale // 2) + 1)
        if fit.shown == count:
            break
    return rows
