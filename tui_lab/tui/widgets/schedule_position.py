"""Where in the noise process a denoising is: the schedule's curves, with the present step marked on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.containers import Vertical

from tui_lab.diffusion import schedules
from tui_lab.errors import RecipeError
from tui_lab.recipe import Recipe
from tui_lab.recipe.schema import NoiseScheduler
from tui_lab.tui.schedule_curves import Shown, series_of
from tui_lab.tui.schedule_words import has_timesteps
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.workbench.cell import Level


def positions(noise: NoiseScheduler, levels: Sequence[Level]) -> NDArray[np.float64]:
    """Where on the axis of the process's T levels, 0 to T-1, each step's noise stands, by its σ/α. Raises RecipeError
    where the process has no levels."""
    ratio = schedules.levels(noise).sigma_ratio
    known = np.where(np.isfinite(ratio), ratio, np.finfo(np.float64).max)
    with np.errstate(divide="ignore"):
        asked = np.array([level.sigma for level in levels]) / np.array([level.alpha for level in levels])
    asked = np.clip(np.nan_to_num(asked, posinf=np.finfo(np.float64).max), known[0], known[-1])
    return np.interp(np.log(asked), np.log(known), np.arange(len(known), dtype=np.float64))


class SchedulePosition(Vertical):
    """The picture and the noise that each level has, and log-SNR; uprights where the sampler asks the model."""

    DEFAULT_CSS = "SchedulePosition { height: 1fr; & LineChart { height: 1fr; min-height: 4; } }"

    def __init__(self) -> None:
        super().__init__()
        self._noise: NoiseScheduler | None = None
        self._places: tuple[tuple[Level, ...], NDArray[np.float64]] = (), np.zeros(0)

    def compose(self) -> ComposeResult:
        chart = LineChart(keeps_cursor=True)
        chart.can_focus = False
        yield chart

    def show(self, recipe: Recipe) -> None:
        """The curves of this recipe's process."""
        chart, self._noise, self._places = self.query_one(LineChart), None, ((), np.zeros(0))
        try:
            picture_and_noise = Shown.of(recipe).sets[0]
        except RecipeError as error:
            chart.empty = error.message
            chart.set_series([])
            return
        self._noise = recipe.noise_scheduler
        chart.y_range = picture_and_noise.y_range
        chart.x_label = "t" if has_timesteps(recipe.noise_scheduler) else "level"
        chart.set_series(series_of(picture_and_noise, [], log_x=False, log_y=False))

    def mark(self, levels: Sequence[Level], place: int) -> None:
        """The levels that are known of the denoising, and which of them is looked at (-1: none)."""
        chart = self.query_one(LineChart)
        if self._noise is None or not levels:
            chart.rug, chart.cursor, self._places = (), None, ((), np.zeros(0))
            return
        known, places = self._places
        if known != tuple(levels):
            places = positions(self._noise, levels)
            self._places = tuple(levels), places
            chart.rug = tuple(places.tolist())
        chart.cursor = float(places[place]) if place >= 0 else None
