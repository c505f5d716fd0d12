"""Two lines that keep a run in sight on every tab of a narrow terminal."""

from __future__ import annotations

import numpy as np
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui_lab.tui.chart import Floats, decimate, quantiles
from tui_lab.tui.widgets.header import SIGNS

_BARS = "▁▂▃▄▅▆▇█"


class RunStrip(Widget):
    """The run's numbers, and its loss as a row of bars."""

    DEFAULT_CSS = """
    RunStrip { height: 2; display: none; padding: 0 1; background: $surface; }
    """

    words: reactive[str] = reactive("")
    status: reactive[str] = reactive("")

    def __init__(self) -> None:
        super().__init__()
        self._steps: Floats = np.empty(0)
        self._loss: Floats = np.empty(0)

    def show(self, status: str, words: str, steps: Floats, loss: Floats) -> None:
        self.status, self.words = status, words
        self._steps, self._loss = steps, loss
        self.refresh()

    def render(self) -> Content:
        sign, colour = SIGNS.get(self.status, ("", "$secondary"))
        bars = sparkline(self._steps, self._loss, max(1, self.content_size.width - 6))
        return Content.assemble(
            (f"{sign} ", colour), (self.words, "$foreground"), "\n", ("loss  ", "$secondary"), (bars, "$primary")
        )


def sparkline(x: Floats, y: Floats, width: int) -> str:
    """A bar a column, from the lowest of what is shown to the highest but a few; blanks where there is no point yet."""
    columns = decimate(x, y, width)
    if not len(columns.index):
        return ""
    low, high = float(columns.mean.min()), float(quantiles(columns.mean, [0.95])[0])
    height = np.clip((columns.mean - low) / ((high - low) or 1.0), 0, 1)
    bars = [" "] * (int(columns.index[-1]) + 1)
    for at, level in zip(columns.index, height, strict=True):
        bars[int(at)] = _BARS[round(float(level) * (len(_BARS) - 1))]
    return "".join(bars)
