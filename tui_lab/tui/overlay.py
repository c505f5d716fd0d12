"""Curves of several runs over each other: what is drawn of each, and over what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tui_lab.runs.curves import Column, Curves
from tui_lab.runs.folder import RunFolder
from tui_lab.runs.journal import JournalReader
from tui_lab.tui.chart import Series

SMOOTHINGS = (0.02, 0.05, 0.1, 0.0)
"""How much of what is in view the smoothed line remembers."""


class FollowedCurves:
    """A run's curves, read as they grow; for a thread, as the first look at a long run takes a moment."""

    def __init__(self, folder: RunFolder) -> None:
        self.run = folder.id
        self.curves = Curves()
        self._journal = JournalReader(folder)
        self._began = False

    def read(self) -> None:
        if not self._began:
            self._began = True
            for summary in self._journal.read_past():
                self.curves.feed_summary(summary)
        self.curves.feed(self._journal.read_new())


@dataclass(frozen=True)
class View:
    """`held_out`: that loss, of the averaged weights where there is one. `by_time`: over minutes of training, in which
    pauses count nothing. `smoothing`: an index of SMOOTHINGS."""

    held_out: bool = False
    by_time: bool = False
    smoothing: int = 0

    @property
    def x_label(self) -> str:
        return "minutes of training" if self.by_time else "step"

    @property
    def words(self) -> str:
        """ "held-out loss over steps, smoothed 2 %"."""
        share = SMOOTHINGS[self.smoothing]
        smooth = "" if self.held_out else f", smoothed {share:.0%}" if share else ", raw"
        return f"{'held-out' if self.held_out else 'training'} loss over {self.x_label}{smooth}"


def overlay(runs: Sequence[tuple[str, Curves, str]], view: View) -> list[Series]:
    """One curve a run that has any; `runs` are (name, curves, colour)."""
    series = []
    for name, curves, colour in runs:
        if view.held_out:
            steps, losses = curves.validation
            averaged = curves.validation_ema[1]
            losses = averaged if np.isfinite(averaged).any() else losses
        else:
            steps, losses = curves.steps, curves.loss
        if len(steps):
            x = minutes_at(curves, steps) if view.by_time else steps
            smoothing = 0.0 if view.held_out else SMOOTHINGS[view.smoothing]
            series.append(Series(name, x, losses, colour, smoothing=smoothing))
    return series


def minutes_at(curves: Curves, steps: Column) -> Column:
    """Minutes of training until each of these steps, from the speed at every point of the curve."""
    speed = curves.steps_per_second
    known = np.isfinite(speed) & (speed > 0)
    at, speed = curves.steps[known], speed[known]
    if not len(at):
        return np.asarray(steps, np.float64)
    spent = np.cumsum(np.diff(at, prepend=0.0) / speed) / 60
    return np.interp(steps, at, spent)
