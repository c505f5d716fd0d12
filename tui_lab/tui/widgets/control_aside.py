"""What the chosen row of the control form means, in words and in a picture or a curve."""

from __future__ import annotations

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from tui_lab.diffusion import schedules
from tui_lab.recipe import Recipe
from tui_lab.recipe.denoising import Denoising
from tui_lab.recipe.possible import with_knobs
from tui_lab.tui.chart import Series
from tui_lab.tui.control.form import GUIDANCE, PULL
from tui_lab.tui.control.rows import Row, Subject
from tui_lab.tui.control.tiles import Pixels, Read, tiles_of
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.pixel_view import PixelView

POINTS = 200
"""Of the curve of guidance."""


class ControlAside(Vertical):
    """Beside the rows. It can be given no focus: it only shows."""

    DEFAULT_CSS = """
    ControlAside {
        & #control-help { height: auto; max-height: 60%; margin-bottom: 1; }
        & ContentSwitcher { height: 1fr; }
        & LineChart { max-height: 18; }
        & .-swatch { max-height: 9; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Static(id="control-help")
        with ContentSwitcher(initial="control-pictures"):
            yield PixelView(id="control-pictures")
            curve = LineChart(id="control-curve", x_label="noise's time", y_label="scale")
            curve.can_focus = False
            yield curve

    def show(self, row: Row, asked: Denoising, subject: Subject, images: Read, samples: Pixels | None) -> None:
        """`images` are those of `asked` that are read already; `samples` (B, H, W, C) those on the screen before."""
        self.query_one("#control-help", Static).update(help_words(row, asked, subject))
        switcher = self.query_one(ContentSwitcher)
        if row.section == GUIDANCE and not subject.no_guidance:
            switcher.current = "control-curve"
            self._show_curve(with_knobs(asked, subject.recipe))
            return
        switcher.current = "control-pictures"
        tiles = tiles_of(row, asked, subject, images, samples)
        view = self.query_one("#control-pictures", PixelView)
        view.set_class(asked.pull is not None and row.section == PULL and asked.pull.kind != "likeness", "-swatch")
        if tiles:
            view.show(np.stack([pixels for _, pixels in tiles]), [label for label, _ in tiles])
        else:
            view.clear()

    def _show_curve(self, recipe: Recipe) -> None:
        u = np.linspace(0, 1, POINTS)
        scale = np.array([schedules.guidance_at(recipe.sampling, float(at)) for at in u])
        chart = self.query_one(LineChart)
        low, high = min(1.0, float(scale.min())), max(1.0, float(scale.max()))
        room = 0.05 * max(high - low, 0.5)
        chart.y_range = (low - room, high + room)
        chart.set_series([Series("scale", u, scale), Series("plain", u, np.ones(POINTS), style="dotted", behind=True)])


def help_words(row: Row, asked: Denoising, subject: Subject) -> Content:
    """What the row is, and why it does nothing here where that is so."""
    lines = [Content.styled(row.title, "$primary bold"), Content(row.help)]
    bounds = getattr(getattr(row, "knob", None), "bounds", "")
    if bounds:
        lines.append(Content.styled(bounds, "$secondary"))
    if barred := row.barred(asked, subject):
        lines.append(Content.styled(f"– {barred}", "$warning"))
    if row.section == GUIDANCE and not barred:
        lines.append(Content.styled("0 is the picture's end of the noise's time, 1 that of noise.", "$secondary"))
    return Content("\n").join(lines)
