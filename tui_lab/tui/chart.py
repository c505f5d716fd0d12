"""Curves as text: points are reduced to the columns shown, drawn as dots (a braille cell holds 2 × 4), and framed.

The order of work is what keeps it fast: `decimate` first, and by way of a `Pyramid`, so that a million points cost
little more than a hundred.
Nothing here knows Textual; the widget is `tui_lab.tui.widgets.line_chart`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_lab.tui.pyramid import Parts, Pyramid, parts_of

Floats = NDArray[np.float64]

DASHES: dict[str, tuple[int, int]] = {"solid": (1, 0), "dashed": (4, 3), "dotted": (2, 2), "long": (9, 3)}
"""Line styles: so many columns of dots drawn, so many left out."""


@dataclass(frozen=True, eq=False)
class Series:
    """One curve. `x` rises; points that are not finite are left out.

    `colour` None takes the theme's next. `style` is a key of DASHES. `band` is a low and a high for every point, drawn
    dimly; with `smoothing` and no band, it is the points themselves. `smoothing` is the memory of an exponential mean,
    as a share of the x in view (0.02 is a fiftieth of the picture): the line is that mean. `own_range` gives a curve of
    another unit a scale of its own: what stands at the bottom and at the top of the chart; it has no labels. `behind`
    lets all others lie over it, wherever it stands among them.
    """

    name: str
    x: NDArray[np.number]
    y: NDArray[np.number]
    colour: str | None = None
    style: str = "solid"
    band: tuple[NDArray[np.number], NDArray[np.number]] | None = None
    smoothing: float = 0.0
    own_range: tuple[float, float] | None = None
    behind: bool = False


@dataclass(frozen=True)
class Mark:
    """Something that happened at `x`: a sign below the curves, with a few words where there is room. `about` is the
    whole of it, for whoever reads there."""

    x: float
    text: str
    sign: str = "▲"
    about: str = ""


@dataclass(frozen=True, eq=False)
class Columns:
    """Points gathered by column; only columns that hold a point, in rising order.

    `index` (k,) is the column; `mean`, `low`, `high` of its y; `count` of points.
    """

    index: NDArray[np.intp]
    mean: Floats
    low: Floats
    high: Floats
    count: NDArray[np.intp]


def decimate(
    x: NDArray[np.number],
    y: NDArray[np.number],
    columns: int,
    x_range: tuple[float, float] | None = None,
    band: tuple[NDArray[np.number], NDArray[np.number]] | None = None,
    log_x: bool = False,
    pyramid: Pyramid | None = None,
) -> Columns:
    """Reduce (n,) points to at most `columns` columns over `x_range` (default: all of x; above 0 where `log_x`).

    `low` and `high` are those of `band` where it is given. O(n) and exact; with the curve's `pyramid`, a long view
    costs no more than a short one, and a point may stand an eighth of a column beside its place.
    """
    first, last = x_range or (float(x[0]), float(x[-1])) if len(x) else (0.0, 1.0)
    start, stop = _positions(x, np.array([first, np.nextafter(last, np.inf)])).tolist()
    if pyramid is not None:
        parts = pyramid.parts(x, y, band, slice(start, stop), columns)
    else:
        parts = parts_of(x[start:stop], y[start:stop], band and (band[0][start:stop], band[1][start:stop]))
    held = parts.points > 0
    if not held.all():
        parts = Parts(parts.x[held], parts.total[held], parts.points[held], parts.low[held], parts.high[held])
    if not len(parts.x):
        empty = np.empty(0)
        return Columns(np.empty(0, np.intp), empty, empty, empty, np.empty(0, np.intp))
    # A column starts at the first point at or beyond its left edge: edges are few, so they search for the points.
    at = (np.arange(columns) - 0.5) / max(columns - 1, 1)
    edges = first * (last / first) ** at if log_x else first + (last - first) * at
    starts = _positions(parts.x, edges)
    index = np.flatnonzero(np.diff(np.append(starts, len(parts.x))))
    starts = starts[index]
    count = np.add.reduceat(parts.points, starts)
    return Columns(
        index,
        np.add.reduceat(parts.total, starts) / count,
        np.minimum.reduceat(parts.low, starts),
        np.maximum.reduceat(parts.high, starts),
        count.astype(np.intp),
    )


def _positions(x: NDArray[np.number], values: Floats) -> NDArray[np.intp]:
    """Where in sorted `x` the first element at or beyond each value is. In x's own type: else numpy copies all of x."""
    if np.issubdtype(x.dtype, np.integer):
        return np.searchsorted(x, np.ceil(values).astype(x.dtype))
    return np.searchsorted(x, values.astype(x.dtype))


def smoothed(columns: Columns, memory: float) -> Floats:
    """The exponential mean of the points, by column, unbiased from the first: m = Σ λ^(c-i) nᵢyᵢ / Σ λ^(c-i) nᵢ.

    `memory` is in columns: λ = exp(-1/memory). Columns without points age the mean and add nothing.
    """
    if memory <= 0 or not len(columns.index):
        return columns.mean
    decays = np.exp(-np.diff(columns.index, prepend=columns.index[0]) / memory)
    result = np.empty(len(columns.index))
    total = weight = 0.0
    for i, (decay, mean, count) in enumerate(
        zip(decays.tolist(), columns.mean.tolist(), columns.count.tolist(), strict=True)
    ):
        total = total * decay + mean * count
        weight = weight * decay + count
        result[i] = total / weight
    return result


# --- scales ---------------------------------------------------------------------------------------------------------


def quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    """The values below which these shares of (n,) lie, linear between neighbours: numpy's own, without the 1.6 MB of
    masked arrays that it imports for them."""
    return np.interp(np.multiply(shares, len(values) - 1), np.arange(len(values)), np.sort(values))


def robust_range(lines: Sequence[Floats], lows: Sequence[Floats], highs: Sequence[Floats]) -> tuple[float, float]:
    """A y range for what is in view that a few wild values don't squash.

    It holds the middle 90 % of the lines with a third of that as margin, and the middle 80 % of the bands, but never
    reaches beyond the values that there are.
    """
    line = np.concatenate([*lines, np.empty(0)])
    low, high = np.concatenate([*lows, line]), np.concatenate([*highs, line])
    if not len(line):
        return 0.0, 1.0
    bottom, top = quantiles(line, [0.05, 0.95])
    spread = top - bottom
    bottom = max(low.min(), min(bottom - spread / 3, *quantiles(low, [0.1])))
    top = min(high.max(), max(top + spread / 3, *quantiles(high, [0.9])))
    if top <= bottom:
        room = abs(bottom) * 0.1 or 0.5
        return float(bottom - room), float(top + room)
    room = (top - bottom) * 0.04
    return float(bottom - room), float(top + room)


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round values (1, 2 or 5 times a power of ten apart) within [low, high]."""
    if not high > low or most < 1:
        return []
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        first, last = math.ceil(low / (step * factor) - 1e-9), math.floor(high / (step * factor) + 1e-9)
        if last - first + 1 <= most:
            return [min(max(n * step * factor, low), high) for n in range(first, last + 1)]
    return []


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """The same for a logarithmic axis, in values: powers of ten, with 2 and 5 between where there is room."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**n for n in range(first, last + 1) for f in factors if low <= f * 10.0**n <= high]
        if len(ticks) <= most:
            break
    if len(ticks) > most:
        ticks = ticks[:: math.ceil(len(ticks) / most)]
    return ticks if len(ticks) > 1 else nice_ticks(low, high, most)


def format_ticks(ticks: Sequence[float]) -> list[str]:
    """Labels of one kind: as many decimals as the closest pair needs; k, M or an exponent where that is shorter."""
    if not ticks:
        return []
    largest = max(map(abs, ticks))
    if largest >= 10_000 or 0 < largest < 1e-3:
        return [short_number(tick) for tick in ticks]
    gaps = [b - a for a, b in itertools.pairwise(ticks)] or [largest or 1.0]
    decimals = max(0, -math.floor(math.log10(min(gaps)) + 1e-9))
    return [f"{tick:.{decimals}f}" if tick else "0" for tick in ticks] if decimals else [f"{t:.0f}" for t in ticks]


def short_number(value: float, digits: int = 4) -> str:
    """A number for people, in a few characters: 0.161, 1e-05 as 1e-5, 25k, 1.2M."""
    size = abs(value)
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if limit <= size < 1e10:
            return f"{value / (limit if unit == 'M' else 1e3):.{digits}g}{unit}"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}e{int(exponent)}"
    return text


# --- drawing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What a chart shows: the range of x, of y, and whether they are logarithmic."""

    x: tuple[float, float]
    y: tuple[float, float]
    log_y: bool = False
    log_x: bool = False

    def of(self, series: Series) -> View:
        """The same with a series' own range, where it has one."""
        return self if series.own_range is None else View(self.x, series.own_range, log_x=self.log_x)

    def share_of(self, x: float) -> float:
        """0 at the left end of the view, 1 at its right end; not bounded."""
        first, last = self.x
        if self.log_x:
            return math.log(max(x, first) / first) / math.log(last / first)
        return (x - first) / (last - first)

    def x_at(self, share: float) -> float:
        """The inverse of `share_of`."""
        first, last = self.x
        if self.log_x:
            return first * (last / first) ** share
        return first + (last - first) * share

    def height_of(self, values: Floats) -> Floats:
        """0 at the bottom of the view, 1 at its top; not bounded."""
        low, high = self.y
        if self.log_y:
            low, high = math.log10(low), math.log10(high)
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log10(values)
        return (values - low) / (high - low)


class Trace(NamedTuple):
    """A series as the columns of a view see it. `line` is what is drawn over `columns.index`."""

    series: Series
    columns: Columns
    line: Floats


_NO_LAYER = -1


@dataclass(frozen=True)
class Plot:
    """Cells of the drawn area. `glyphs` (h, w) of single characters; `layer` (h, w): 2·i+1 the line of series i,
    2·i its band, -1 nothing."""

    glyphs: NDArray[np.str_]
    layer: NDArray[np.intp]
    view: View
    traces: tuple[Trace, ...]
    dots_a_cell: int  # across

    @property
    def dots(self) -> int:
        """Columns of dots: what `Columns.index` counts."""
        return self.glyphs.shape[1] * self.dots_a_cell

    def dot_of(self, x: float) -> int:
        """The column of dots that `x` falls into."""
        return round(self.view.share_of(x) * (self.dots - 1))

    def cell_of(self, x: float) -> int:
        """The column of cells that `x` falls into."""
        return self.dot_of(x) // self.dots_a_cell

    def x_of(self, cell: float) -> float:
        """The x in the middle of a column of cells."""
        dot = cell * self.dots_a_cell + (self.dots_a_cell - 1) / 2
        return self.view.x_at(dot / max(1, self.dots - 1))


@dataclass(frozen=True)
class Scaling:
    """How the view is found: fixed ranges where given, else from what there is."""

    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    log_y: bool = False
    log_x: bool = False


_BRAILLE_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_POINTS = "●◆■▲"
_ASCII_LINES = "*+xo"
_ASCII_BAND = "."


def plot(
    series: Sequence[Series],
    width: int,
    height: int,
    scaling: Scaling,
    ascii_glyphs: bool = False,
    pyramids: Sequence[Pyramid] | None = None,
) -> Plot:
    """Draw the series into `width` × `height` cells; later ones lie over earlier ones, lines over bands.

    `pyramids`, one a series, are kept by whoever draws the same curves again and again.
    """
    per_x, per_y = (1, 1) if ascii_glyphs else (2, 4)
    dots_w, dots_h = width * per_x, height * per_y
    x_range = _x_range(series, scaling)
    kept = pyramids or itertools.repeat(None, len(series))
    traces = tuple(
        _trace(one, dots_w, x_range, scaling.log_x, pyramid) for one, pyramid in zip(series, kept, strict=True)
    )
    view = View(x_range, _y_range(traces, scaling), scaling.log_y, scaling.log_x)

    glyphs = np.full((height, width), " ")
    layer = np.full((height, width), _NO_LAYER, np.intp)
    views = [view.of(trace.series) for trace in traces]
    for number, trace in enumerate(traces):
        if trace.series.band is not None or trace.series.smoothing:
            dots = _band_dots(trace.columns, views[number], dots_w, dots_h, ascii_glyphs)
            _stamp(glyphs, layer, _cells(dots, _ASCII_BAND if ascii_glyphs else None), 2 * number)
    for number, trace in sorted(enumerate(traces), key=lambda numbered: not numbered[1].series.behind):
        dots = _line_dots(trace, views[number], dots_w, dots_h)
        mark = _ASCII_LINES[number % len(_ASCII_LINES)] if ascii_glyphs else None
        _stamp(glyphs, layer, _cells(dots, mark), 2 * number + 1)
        if len(trace.columns.index) <= width // 4:
            point = mark or _POINTS[number % len(_POINTS)]
            _stamp_points(glyphs, layer, trace, views[number], (per_x, per_y), point, 2 * number + 1)
    return Plot(glyphs, layer, view, traces, per_x)


def _x_range(series: Sequence[Series], scaling: Scaling) -> tuple[float, float]:
    if scaling.x_range is not None and not (scaling.log_x and scaling.x_range[0] <= 0):
        return scaling.x_range
    return whole_range(series, scaling.log_x)


def whole_range(series: Sequence[Series], log_x: bool = False) -> tuple[float, float]:
    """The first and the last x of all; with `log_x`, of those above 0. (1, 2) where there is none."""
    shown = [one.x[np.searchsorted(one.x, 0, side="right") :] if log_x else one.x for one in series]
    ends = [(float(x[0]), float(x[-1])) for x in shown if len(x)]
    first, last = (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (1.0, 2.0)
    return (first, last) if last > first else (first, first + 1.0)


def _y_range(traces: Sequence[Trace], scaling: Scaling) -> tuple[float, float]:
    if scaling.y_range is not None and not (scaling.log_y and scaling.y_range[0] <= 0):
        return scaling.y_range
    kept = []
    for trace in traces:
        if trace.series.own_range is not None:
            continue
        values = [trace.line, trace.columns.low, trace.columns.high]
        kept.append([np.log10(each[each > 0]) for each in values] if scaling.log_y else values)
    low, high = robust_range([k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept])
    if scaling.log_y:
        return 10.0**low, 10.0**high
    smallest = min((float(k[1].min()) for k in kept if len(k[1])), default=low)
    return (0.0 if smallest >= 0 and low < high / 3 else low), high


def _trace(series: Series, dots_w: int, x_range: tuple[float, float], log_x: bool, pyramid: Pyramid | None) -> Trace:
    columns = decimate(series.x, series.y, dots_w, x_range, series.band, log_x, pyramid)
    return Trace(series, columns, smoothed(columns, series.smoothing * dots_w))


def _line_dots(trace: Trace, view: View, dots_w: int, dots_h: int) -> NDArray[np.bool_]:
    """(dots_h, dots_w): a connected line through the columns that hold points."""
    at = view.height_of(trace.line)
    shown = np.isfinite(at)
    index, at = trace.columns.index[shown], at[shown]
    dots = np.zeros((dots_h, dots_w), bool)
    if not len(index):
        return dots
    across = np.arange(index[0], index[-1] + 1)
    row = (1 - np.interp(across, index, at)) * (dots_h - 1)
    halfway = (row[:-1] + row[1:]) / 2
    # Each column reaches half-way to its neighbours, so steep parts have no holes.
    before, after = np.concatenate([row[:1], halfway]), np.concatenate([halfway, row[-1:]])
    top = np.minimum(np.minimum(before, after), row)
    bottom = np.maximum(np.maximum(before, after), row)
    drawn, left_out = DASHES[trace.series.style]
    ink = across % (drawn + left_out) < drawn
    dots[:, index[0] : index[-1] + 1] = _uprights(top, bottom, dots_h) & ink
    return dots


def _uprights(top: Floats, bottom: Floats, dots_h: int) -> NDArray[np.bool_]:
    """(dots_h, n): in each column the rows from `top` down to `bottom`."""
    first, last = (np.clip(np.rint(ends), -1, dots_h).astype(np.int16) for ends in (top, bottom))
    rows = np.arange(dots_h, dtype=np.int16)[:, None]
    return (rows >= first) & (rows <= last)


def _band_dots(columns: Columns, view: View, dots_w: int, dots_h: int, solid: bool) -> NDArray[np.bool_]:
    """(dots_h, dots_w): every other dot between low and high."""
    low, high = view.height_of(columns.low), view.height_of(columns.high)
    top = (1 - np.nan_to_num(high, neginf=0.0)) * (dots_h - 1)
    bottom = (1 - np.nan_to_num(low, neginf=0.0)) * (dots_h - 1)
    dots = np.zeros((dots_h, dots_w), bool)
    dots[:, columns.index] = _uprights(top, bottom, dots_h)
    if not solid:
        dots[0::2, 1::2] = dots[1::2, 0::2] = False
    return dots


def _cells(dots: NDArray[np.bool_], ascii_mark: str | None) -> NDArray[np.str_]:
    """Dots → characters, a space where a cell is empty."""
    if ascii_mark is not None:
        return np.where(dots, ascii_mark, " ")
    height, width = dots.shape[0] // 4, dots.shape[1] // 2
    cells = dots.view(np.uint8).reshape(height, 4, width, 2)
    bits = np.zeros((height, width), np.uint32)
    for (row, column), bit in np.ndenumerate(_BRAILLE_BITS):
        bits += cells[:, row, :, column] * bit
    return np.where(bits > 0, (0x2800 + bits).view("<U1"), " ")


def _stamp(glyphs: NDArray[np.str_], layer: NDArray[np.intp], cells: NDArray[np.str_], number: int) -> None:
    inked = cells != " "
    glyphs[inked] = cells[inked]
    layer[inked] = number


def _stamp_points(
    glyphs: NDArray[np.str_],
    layer: NDArray[np.intp],
    trace: Trace,
    view: View,
    dots: tuple[int, int],
    point: str,
    number: int,
) -> None:
    """A few points: mark each, or a single one would be a speck."""
    height = glyphs.shape[0]
    at = view.height_of(trace.line)
    shown = np.isfinite(at) & (at >= 0) & (at <= 1)
    rows = np.rint((1 - at[shown]) * (height * dots[1] - 1)).astype(np.intp) // dots[1]
    columns = trace.columns.index[shown] // dots[0]
    glyphs[rows, columns] = point
    layer[rows, columns] = number
