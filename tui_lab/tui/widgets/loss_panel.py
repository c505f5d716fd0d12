"""The loss: training and held-out curves, a mark for each live change, and the numbers of now."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui_lab.recipe import format_number
from tui_lab.runs.curves import Column, Curves
from tui_lab.runs.provenance import Provenance
from tui_lab.sanitize import clean
from tui_lab.tui.chart import Mark, Series
from tui_lab.tui.loss_marks import loss_marks
from tui_lab.tui.widgets.line_chart import LineChart
from tui_lab.tui.widgets.panel import Panel

RECENT = 200
"""Records that shares of time are averaged over."""
SMOOTHING = 0.02
"""The memory of the smoothed line, as a share of what is in view."""
TIGHT, TALL = 80, 12
"""Columns below which the numbers take a second line, where there are so many lines in all."""


class Parent(NamedTuple):
    """The run that this one was forked from, at `step`."""

    run: str
    step: int
    curves: Curves
    colour: str


class LossPanel(Panel, can_focus=False):
    """Draws the curves of a run; says how to get one where there is none."""

    number, title = 3, "Loss"
    DEFAULT_CSS = """
    LossPanel {
        & LineChart { height: 1fr; }
        & #loss-numbers { height: 1; color: $secondary; }
    }
    """

    log_y: reactive[bool] = reactive(False)
    _curves: Curves | None = None

    @property
    def focus_target(self) -> LineChart:
        return self.query_one(LineChart)

    def compose(self) -> ComposeResult:
        yield LineChart(id="loss-curves", x_label="step", zooms=True)
        yield Static(id="loss-numbers")

    def on_mount(self) -> None:
        self.watch(self.query_one(LineChart), "cursor", self._say_numbers, init=False)

    def action_log_y(self) -> None:
        self.log_y = not self.log_y

    def watch_log_y(self, log_y: bool) -> None:
        self.query_one(LineChart).log_y = log_y
        self.border_subtitle = "log y" if log_y else ""

    def wait(self, words: str) -> None:
        """No run, or one without a step yet: what to press, or what is being waited for."""
        chart = self.query_one(LineChart)
        chart.set_series([])
        chart.empty = words
        self._curves = None
        self._say_numbers()

    def show(self, curves: Curves, provenance: Provenance, colour: str, parent: Parent | None = None) -> None:
        """`colour` is the run's own; a fork's parent lies behind, and a mark says where they part."""
        self._curves = curves
        band = (curves.loss_min, curves.loss_max)
        series = [Series("train", curves.steps, curves.loss, colour, band=band, smoothing=SMOOTHING)]
        steps, held_out = curves.validation
        if len(steps):
            series.append(Series("held-out", steps, held_out, str(self.app.theme_variables["foreground"]), "dashed"))
        marks = loss_marks(curves, provenance)
        if parent is not None and len(parent.curves.steps):
            before = parent.curves
            series.append(
                Series(parent.run, before.steps, before.loss, parent.colour, smoothing=SMOOTHING, behind=True)
            )
            begun = f"fork of {parent.run}"
            marks = (Mark(parent.step, begun, "├", f"step {parent.step}: forked from {parent.run} here"), *marks)
        self.query_one(LineChart).set_series(series, marks)
        self._say_numbers()

    def on_resize(self) -> None:
        self._say_numbers()

    def _say_numbers(self) -> None:
        width, height = self.content_size
        lines = 2 if width < TIGHT and height >= TALL else 1
        line = self.query_one("#loss-numbers", Static)
        line.styles.height = lines
        read = [mark.about for mark in self.query_one(LineChart).read_marks if mark.about]
        words = "" if self._curves is None else numbers(self._curves, width, lines)
        line.update(Content(clean(read[-1], 2 * width) if read else words), layout=False)


def numbers(curves: Curves, width: int, lines: int = 1) -> str:
    """ "loss .1610  held-out .1632  |g| .41  lr 9.8e-4  data 1 %  preview 2 %": of now, as many as fit."""
    rate = _last(curves.lr)
    parts = (
        ("loss {:.4f}", _last(curves.loss)),
        ("held-out {:.4f}", _last(curves.validation[1])),
        ("ema {:.4f}", _last(curves.validation_ema[1])),
        ("lr {}", None if rate is None else format_number(float(f"{rate:.2g}"))),
        ("|g| {:.2f}", _last(curves.grad_norm)),
        ("data {:.0%}", _recent(curves.data_share)),
        ("preview {:.0%}", _recent(curves.preview_share)),
    )
    said = [""]
    for words, value in parts:
        if value is None:
            continue
        if len(longer := f"{said[-1]}  {words.format(value)}".strip()) <= width:
            said[-1] = longer
        elif len(said) < lines:
            said.append(words.format(value))
    return "\n".join(said)


def _last(column: Column) -> float | None:
    """The newest value; None where there is none, or no number."""
    return float(column[-1]) if len(column) and np.isfinite(column[-1]) else None


def _recent(column: Column) -> float | None:
    """The mean of the newest records: a preview's share is all or nothing from step to step."""
    newest = column[-RECENT:]
    newest = newest[np.isfinite(newest)]
    return float(newest.mean()) if len(newest) else None
