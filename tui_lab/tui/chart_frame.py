"""What stands around the curves: axes and their labels, legend, marks, and the line that reads values.

Lines of `Span`s with roles; the widget gives the roles their colours.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from tui_lab.sanitize import clean
from tui_lab.tui import chart
from tui_lab.tui.chart import Mark, Plot, Scaling, Series, Trace
from tui_lab.tui.pyramid import Pyramid

AXIS, LABEL, MARK = "axis", "label", "mark"

_STROKES = {"solid": "──", "dashed": "╌╌", "dotted": "··", "long": "╾╴"}
_ASCII_STROKES = "*+xo"


class Span(NamedTuple):
    """Text of one role: AXIS, LABEL, MARK, or "line 0", "band 0", … of a series. `read`: under the reading line."""

    text: str
    role: str
    read: bool = False


@dataclass(frozen=True)
class Chart:
    """A drawn chart; `lines` frames it, with or without the reading line, without drawing the curves again."""

    plot: Plot
    width: int
    gutter: int
    y_ticks: tuple[tuple[int, str], ...]
    marks: tuple[Mark, ...]
    mark_row: bool
    legend_row: bool
    x_label: str
    y_label: str
    ascii_glyphs: bool
    rug: tuple[float, ...] = ()

    @property
    def plot_width(self) -> int:
        return self.width - self.gutter

    def x_at(self, cell: int) -> float | None:
        """The x at this column of the chart, None outside the curves."""
        column = cell - self.gutter
        if not 0 <= column < self.plot_width:
            return None
        return self.plot.x_of(column)

    def moved(self, cursor: float | None, cells: int) -> float:
        """The reading line so many cells to the right, kept within the curves; from nowhere it comes at the end."""
        first, last = self.plot.view.x
        return last if cursor is None else min(max(self.plot.x_of(self.plot.cell_of(cursor) + cells), first), last)

    def marks_at(self, x: float) -> list[Mark]:
        """Those in the same column of cells."""
        return [mark for mark in self.marks if self.plot.cell_of(mark.x) == self.plot.cell_of(x)]

    def lines(self, cursor: float | None = None) -> list[list[Span]]:
        """All lines, top to bottom; `cursor` is the x that is read."""
        first, last = self.plot.view.x
        if cursor is not None and not first <= cursor <= last:
            cursor = None
        column = None if cursor is None else self.plot.cell_of(cursor)
        lines = [self._legend_line(cursor)] if self.legend_row else []
        labels = dict(self.y_ticks)
        glyphs = self._with_uprights(column)
        lines += [
            [*self._y_axis(labels.get(row)), *self._curve_line(glyphs[row], self.plot.layer[row], column)]
            for row in range(glyphs.shape[0])
        ]
        if self.mark_row:
            lines.append([Span(" " * self.gutter, AXIS), *self._mark_line()])
        if self.rug:
            lines.append([Span(" " * self.gutter, AXIS), *self._rug_line()])
        lines.append(self._x_axis_line())
        return lines

    def _y_axis(self, label: str | None) -> list[Span]:
        if not self.gutter:
            return []
        if label is None:
            return [Span(" " * (self.gutter - 1) + ("|" if self.ascii_glyphs else "│"), AXIS)]
        return [Span(label.rjust(self.gutter - 1), LABEL), Span("+" if self.ascii_glyphs else "┤", AXIS)]

    def _with_uprights(self, cursor: int | None) -> NDArray[np.str_]:
        """The plot's glyphs, with a thin upright through empty cells at every mark and at the reading line."""
        uprights = {self.plot.cell_of(mark.x) for mark in self.marks} if self.mark_row else set()
        if cursor is not None:
            uprights.add(cursor)
        columns = [column for column in uprights if 0 <= column < self.plot_width]
        glyphs = self.plot.glyphs.copy()
        part = glyphs[:, columns]
        part[self.plot.layer[:, columns] < 0] = "|" if self.ascii_glyphs else "┊"
        glyphs[:, columns] = part
        return glyphs

    def _curve_line(self, glyphs: NDArray[np.str_], layers: NDArray[np.intp], cursor: int | None) -> list[Span]:
        text = "".join(glyphs.tolist())
        edges = {0, len(text), *(np.flatnonzero(np.diff(layers)) + 1).tolist()}
        if cursor is not None:
            edges |= {cursor, cursor + 1}
        spans = []
        for start, end in itertools.pairwise(sorted(edges)):
            number, is_line = divmod(int(layers[start]), 2)
            role = AXIS if number < 0 else f"{'line' if is_line else 'band'} {number}"
            spans.append(Span(text[start:end], role, start == cursor))
        return spans

    def _mark_line(self) -> list[Span]:
        """▲ for every mark in view, and the words of as many as there is room for, the latest first."""
        cells = _Cells(self.plot_width, " ")
        first, last = self.plot.view.x
        seen = [mark for mark in self.marks if first <= mark.x <= last]
        for mark in seen:
            cells.put(self.plot.cell_of(mark.x), "^" if self.ascii_glyphs else mark.sign, MARK)
        for mark in reversed(seen):
            column, text = self.plot.cell_of(mark.x), clean(mark.text)
            if not cells.put_if_free(column + 1, f" {text} ", LABEL):
                cells.put_if_free(column - cell_len(text) - 2, f" {text} ", LABEL)
        return cells.spans()

    def _rug_line(self) -> list[Span]:
        """A short upright for every x of the rug in view, two to a cell; where they crowd, they make a bar."""
        cells = _Cells(self.plot_width, " ")
        first, last = self.plot.view.x
        for dot in sorted({self.plot.dot_of(x) for x in self.rug if first <= x <= last}):
            cell, right = divmod(dot, self.plot.dots_a_cell)
            sides = cells.at(cell)
            upright = "|" if self.ascii_glyphs else "⡇⢸"[right]
            cells.put(cell, "⣿" if sides == "⡇" and upright == "⢸" else upright, MARK)
        return cells.spans()

    def _x_axis_line(self) -> list[Span]:
        cells = _Cells(self.plot_width, "-" if self.ascii_glyphs else "─")
        if self.x_label:
            cells.put_if_free(self.plot_width - cell_len(self.x_label) - 1, f" {self.x_label}", LABEL)
        find = chart.log_ticks if self.plot.view.log_x else chart.nice_ticks
        ticks = find(*self.plot.view.x, max(2, self.plot_width // 8))
        for tick, label in zip(ticks, chart.format_ticks(ticks), strict=True):
            column = self.plot.cell_of(tick)
            padded = f"{label} " if column < (len(label) + 1) // 2 else f" {label} "
            start = min(max(0, column - len(padded) // 2), self.plot_width - len(padded))
            cells.put_if_free(start, padded, LABEL)
        corner = [Span(" " * (self.gutter - 1) + ("+" if self.ascii_glyphs else "└"), AXIS)] if self.gutter else []
        return [*corner, *cells.spans()]

    def _legend_line(self, cursor: float | None) -> list[Span]:
        head = self.y_label if cursor is None else self._reading_x(cursor)
        entries = [self._entry(number, trace, cursor) for number, trace in enumerate(self.plot.traces)]
        room = self.width - self.gutter
        if _cells_of(entries) + cell_len(head) > room:
            entries = [
                self._entry(number, trace, cursor, own_scale=False) for number, trace in enumerate(self.plot.traces)
            ]
        if _cells_of(entries) + cell_len(head) > room:
            if cursor is None:
                head = ""
            else:
                entries = [[Span(" ", LABEL), *entry[1:]] for entry in entries]
        while entries and _cells_of(entries) + cell_len(head) > room:
            entries.pop()
        between = max(0, room - _cells_of(entries) - cell_len(head))
        return [
            Span(" " * self.gutter, AXIS),
            Span(head, LABEL),
            Span(" " * between, AXIS),
            *(span for entry in entries for span in entry),
        ]

    def _entry(self, number: int, trace: Trace, cursor: float | None, own_scale: bool = True) -> list[Span]:
        ascii_stroke = _ASCII_STROKES[number % len(_ASCII_STROKES)] * 2
        stroke = ascii_stroke if self.ascii_glyphs else _STROKES[trace.series.style]
        value = "" if cursor is None else f" {self._reading(trace, cursor)}"
        return [
            Span(f"  {clean(trace.series.name, 40)}{_own_scale(trace.series) if own_scale else ''} ", LABEL),
            Span(stroke, f"line {number}"),
            Span(value, LABEL),
        ]

    def _reading_x(self, x: float) -> str:
        first, last = self.plot.view.x
        number = f"{x:,.0f}".replace(",", " ") if last - first >= 20 else chart.short_number(x)
        near = [clean(mark.text) for mark in self.marks_at(x)]
        return " ".join([self.x_label or "x", number, *near[-1:]])

    def _reading(self, trace: Trace, x: float) -> str:
        index, series = trace.columns.index, trace.series
        if not len(index):
            return "–"
        if not series.smoothing:
            return chart.short_number(float(series.y[np.abs(series.x - x).argmin()]), 3)
        return chart.short_number(float(trace.line[np.abs(index - self.plot.dot_of(x)).argmin()]), 3)


class _Cells:
    """A line that texts are put into where nothing stands yet."""

    def __init__(self, width: int, fill: str) -> None:
        self._text = [fill] * width
        self._role = [AXIS] * width

    def put(self, start: int, text: str, role: str) -> None:
        for offset, character in enumerate(text):
            if 0 <= start + offset < len(self._text):
                self._text[start + offset], self._role[start + offset] = character, role

    def at(self, column: int) -> str:
        return self._text[column]

    def put_if_free(self, start: int, text: str, role: str) -> bool:
        """False, and nothing done, where it would run over the ends or over other text; wide characters count."""
        end = start + len(text)
        if start < 0 or end > len(self._text) or cell_len(text) != len(text):
            return False
        if any(role != AXIS for role in self._role[start:end]):
            return False
        self.put(start, text, role)
        return True

    def spans(self) -> list[Span]:
        spans: list[Span] = []
        for character, role in zip(self._text, self._role, strict=True):
            if spans and spans[-1].role == role:
                spans[-1] = Span(spans[-1].text + character, role)
            else:
                spans.append(Span(character, role))
        return spans


def _own_scale(series: Series) -> str:
    """ " -20…20": what the bottom and the top of the chart mean to a curve with a scale of its own."""
    return "" if series.own_range is None else " {:g}…{:g}".format(*series.own_range)


def _cells_of(entries: Sequence[Sequence[Span]]) -> int:
    return sum(cell_len(span.text) for entry in entries for span in entry)


def draw(
    series: Sequence[Series],
    width: int,
    height: int,
    scaling: Scaling,
    *,
    marks: Sequence[Mark] = (),
    x_label: str = "",
    y_label: str = "",
    ascii_glyphs: bool = False,
    gutter: int = 5,
    rug: Sequence[float] = (),
    pyramids: Sequence[Pyramid] | None = None,
) -> Chart:
    """Draw a chart of `width` × `height` cells: a legend above, and rows for marks and for a rug (an upright at each
    of its x) below where the height allows, an axis on the left where the width does.

    `gutter` is a guess at the width of that axis, such as the last chart's: a wrong one costs drawing twice.
    `pyramids` as in `chart.plot`.
    """
    legend_row, mark_row = height >= 4, bool(marks) and height >= 7
    shown_rug = tuple(rug) if height >= 6 + mark_row else ()
    plot_height = max(1, height - 1 - legend_row - mark_row - bool(shown_rug))
    gutter = 0 if width < 16 else max(gutter, 1)
    plot, y_ticks = _plot_and_ticks(series, width - gutter, plot_height, scaling, ascii_glyphs, pyramids)
    wanted = 1 + max((len(label) for _, label in y_ticks), default=0)
    if gutter and wanted != gutter:
        gutter = wanted
        plot, y_ticks = _plot_and_ticks(series, width - gutter, plot_height, scaling, ascii_glyphs, pyramids)
    words = (x_label, y_label)
    return Chart(plot, width, gutter, y_ticks, tuple(marks), mark_row, legend_row, *words, ascii_glyphs, shown_rug)


def _plot_and_ticks(
    series: Sequence[Series],
    width: int,
    height: int,
    scaling: Scaling,
    ascii_glyphs: bool,
    pyramids: Sequence[Pyramid] | None,
) -> tuple[Plot, tuple[tuple[int, str], ...]]:
    """The curves, and for their y axis the rows that have a label."""
    plot = chart.plot(series, max(1, width), height, scaling, ascii_glyphs, pyramids)
    find = chart.log_ticks if plot.view.log_y else chart.nice_ticks
    ticks = find(*plot.view.y, max(2, height // 3))
    at = plot.view.height_of(np.array(ticks, np.float64))
    rows = np.clip(np.rint((1 - at) * (height - 1)), 0, height - 1).astype(int).tolist()
    labels = [chart.short_number(tick) for tick in ticks] if plot.view.log_y else chart.format_ticks(ticks)
    return plot, tuple(zip(rows, labels, strict=True))
