"""The noise schedule: how much picture and how much noise there is at each timestep, drawn and shown on a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui_lab.diffusion import schedules
from tui_lab.recipe import Recipe
from tui_lab.tui.chart import Series
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.panel import Panel
from tui_lab.tui.widgets.pixel_view import PixelView

STRIP = 8
"""Timesteps that the strip shows, evenly spread with both ends."""
LOG_SNR_RANGE = (-20.0, 20.0)
"""log-SNR is drawn over the other curves: the bottom of the chart is -20, its top +20."""


class SchedulePanel(Panel, can_focus=False):
    """Curves of √ᾱ, √(1-ᾱ) and log-SNR, the remarks of the linter, and one picture noised at eight timesteps."""

    number, title = 2, "Schedule"
    DEFAULT_CSS = """
    SchedulePanel {
        & LineChart { height: 1fr; min-height: 4; }
        & #schedule-strip { height: 4; }
        & #schedule-remarks { height: auto; max-height: 3; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._recipe: Recipe | None = None
        self._picture: NDArray[np.uint8] | None = None

    @property
    def focus_target(self) -> LineChart:
        return self.query_one(LineChart)

    def compose(self) -> ComposeResult:
        yield LineChart(id="schedule-curves", y_range=(0.0, 1.0), x_label="t")
        yield PixelView(id="schedule-strip", shrink_to_fit=True)
        yield Static(id="schedule-remarks")

    def show(self, recipe: Recipe) -> None:
        """Draw the recipe's schedule, and say what the linter has to say of it."""
        self._recipe = recipe
        noise = recipe.noise_scheduler
        t = np.arange(noise.num_train_timesteps, dtype=np.float64)
        log_snr = np.clip(schedules.log_snr(noise), *LOG_SNR_RANGE)
        self.query_one(LineChart).set_series(
            [
                Series("√ᾱ", t, schedules.sqrt_alphas_cumprod(noise)),
                Series("√(1-ᾱ)", t, schedules.sqrt_one_minus_alphas_cumprod(noise), style="dashed"),
                Series("log-SNR", t, log_snr, style="dotted", own_range=LOG_SNR_RANGE),
            ]
        )
        self.border_subtitle = f"{noise.beta_schedule} · {noise.prediction_type}"
        self.query_one("#schedule-remarks", Static).update(remarks_of(recipe))
        self._show_strip()

    def picture(self, image: NDArray[np.uint8] | None) -> None:
        """The picture (H, W, C) that the strip drowns in noise."""
        self._picture = image
        self._show_strip()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_strip)

    def _show_strip(self) -> None:
        if self._recipe is None or self._picture is None or not self.content_size.height:
            return
        noise, view = self._recipe.noise_scheduler, self.query_one("#schedule-strip", PixelView)
        at = schedules.spread_timesteps(noise.num_train_timesteps, STRIP)
        noised = schedules.to_uint8(schedules.add_noise(self._picture, at, noise))
        height, width = self._picture.shape[:2]
        most = min(self.content_size.height - 6, max(10, self.content_size.height * 45 // 100))
        view.styles.height = strip_rows(height, width, self.content_size.width, most)
        view.show(noised, labels=[str(t) for t in at])


def strip_rows(height: int, width: int, cells_w: int, cells_h: int) -> int:
    """Rows of cells in which eight captioned pictures of height × width pixels show best, at most `cells_h`.

    As they are, in one row or two, else at a half or a quarter; 0 where not even that fits.
    """
    for shrink in (1, 2, 4):
        picture_w, picture_h = max(1, width // shrink), -(-max(1, height // shrink) // 2)
        for columns in (STRIP, STRIP // 2):
            rows = STRIP // columns * (picture_h + 1)
            if columns * (picture_w + 1) - 1 <= cells_w and rows <= cells_h:
                return rows
    return 0


def remarks_of(recipe: Recipe) -> Content:
    """The linter's remarks, a line each: ✓ where all is well, ! where something will go wrong."""
    signs = {"ok": ("✓", "$success"), "warn": ("!", "$warning"), "error": ("✗", "$error")}
    lines = []
    for remark in schedules.lint(recipe):
        sign, colour = signs[remark.level]
        lines.append(Content.assemble((f"{sign} ", colour), (remark.text, "$foreground 80%")))
    return Content("\n").join(lines)
