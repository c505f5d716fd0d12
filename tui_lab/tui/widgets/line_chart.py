"""A chart of curves: axes, legend, marks, a cursor that reads values, and a window that zooms and pans along x."""

import os
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui_lab.sanitize import clean
from tui_lab.tui import chart, chart_frame
from tui_lab.tui.chart import Mark, Scaling, Series, View
from tui_lab.tui.chart_frame import Chart
from tui_lab.tui.empty_state import empty_lines
from tui_lab.tui.pyramid import Pyramid
from tui_lab.tui.terminal import ascii_only

_SERIES_CLASSES = 6
_WHEEL = 1.25
"""How much more is in view with each notch of the wheel."""
_FEWEST_IN_VIEW = 8
"""Points; with fewer in view there is nothing to be seen closer."""


class LineChart(Widget, can_focus=True):
    """Curves over a common x. Its owner says what is shown (`set_series`, `marks`) and what stands here while there is
    nothing (`empty`).

    The ranges are those of the data unless `x_range` or `y_range` fixes them; y then leaves out a few wild values.
    """

    DEFAULT_CSS = """
    LineChart {
        width: 1fr;
        height: 1fr;
        min-height: 3;
        & > .line-chart--axis { color: $foreground 35%; }
        & > .line-chart--label { color: $foreground 65%; }
        & > .line-chart--empty { color: $foreground 60%; }
        & > .line-chart--mark { color: $accent; }
        & > .line-chart--cursor { color: $foreground; background: $foreground 14%; }
        /* Okabe and Ito's colours, told apart by colour-blind people; the order suits the background. */
        & > .line-chart--series-1 { color: #56B4E9; }
        & > .line-chart--series-2 { color: #E69F00; }
        & > .line-chart--series-3 { color: #009E73; }
        & > .line-chart--series-4 { color: #CC79A7; }
        & > .line-chart--series-5 { color: #F0E442; }
        & > .line-chart--series-6 { color: #D55E00; }
        &:light > .line-chart--series-1 { color: #0072B2; }
        &:light > .line-chart--series-2 { color: #D55E00; }
        &:light > .line-chart--series-3 { color: #007A59; }
        &:light > .line-chart--series-4 { color: #A8487D; }
        &:light > .line-chart--series-5 { color: #8A6D00; }
        &:light > .line-chart--series-6 { color: #2B2B2B; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-chart--axis",
        "line-chart--label",
        "line-chart--empty",
        "line-chart--mark",
        "line-chart--cursor",
        *(f"line-chart--series-{n + 1}" for n in range(_SERIES_CLASSES)),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move_cursor(-1)", "Read values", show=False, tooltip="Move the reading line to the left"),
        Binding("right", "move_cursor(1)", "Read values", show=False, tooltip="Move the reading line to the right"),
        Binding("shift+left", "move_cursor(-10)", "Read values", show=False, tooltip="Ten columns to the left"),
        Binding("shift+right", "move_cursor(10)", "Read values", show=False, tooltip="Ten columns to the right"),
        Binding("escape", "lift_cursor", "No line", show=False, tooltip="Take the reading line away"),
        Binding("plus,equals_sign", "zoom(0.5)", "Closer", show=False, tooltip="Half as much of the curves in view"),
        Binding("minus", "zoom(2)", "Wider", show=False, tooltip="Twice as much of the curves in view"),
        Binding("left_square_bracket", "pan(-0.25)", "Earlier", show=False, tooltip="A quarter of the view back"),
        Binding("right_square_bracket", "pan(0.25)", "Later", show=False, tooltip="A quarter of the view on"),
        Binding("0", "whole", "All of it", show=False, tooltip="The whole curve in view"),
    ]
    ALLOW_SELECT = False

    log_y: reactive[bool] = reactive(False, repaint=False)
    log_x: reactive[bool] = reactive(False, repaint=False)
    y_range: reactive[tuple[float, float] | None] = reactive(None, repaint=False)
    rug: reactive[tuple[float, ...]] = reactive((), repaint=False)
    """Values of x that get a short upright in a row of their own above the x axis."""
    marks: reactive[tuple[Mark, ...]] = reactive((), repaint=False)
    x_label: reactive[str] = reactive("", repaint=False)
    y_label: reactive[str] = reactive("", repaint=False)
    empty: reactive[str] = reactive("", repaint=False)
    cursor: reactive[float | None] = reactive(None, repaint=False)
    """The x that is read, or None."""
    window: reactive[tuple[float, float] | None] = reactive(None, repaint=False)
    """The part of x in view; None: all of it. One that reaches to the newest point goes along with the curve."""

    def __init__(
        self,
        *,
        x_label: str = "",
        y_label: str = "",
        x_range: tuple[float, float] | None = None,
        y_range: tuple[float, float] | None = None,
        log_y: bool = False,
        keeps_cursor: bool = False,
        zooms: bool = False,
        empty: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`keeps_cursor`: the reading line stays where a key, a click or a drag put it, until escape takes it away;
        else it follows the mouse and goes with it. `zooms`: keys and the wheel choose the part of x in view."""
        super().__init__(name=name, id=id, classes=classes)
        self._x_range = x_range
        self._keeps_cursor = keeps_cursor
        self._zooms = zooms
        self._follows = False
        self._series: tuple[Series, ...] = ()
        self._pyramids: dict[str, Pyramid] = {}
        self._ascii = ascii_only(os.environ)
        self._chart: Chart | None = None
        self._strips: list[Strip] = []
        self._drawn_size = Size(0, 0)
        self._gutter = 5
        self._stale = True
        self._redraw_is_due = False
        self.set_reactive(LineChart.x_label, x_label)
        self.set_reactive(LineChart.y_label, y_label)
        self.set_reactive(LineChart.log_y, log_y)
        self.set_reactive(LineChart.y_range, y_range)
        self.set_reactive(LineChart.empty, empty)

    @property
    def series(self) -> tuple[Series, ...]:
        """The curves as they were given."""
        return self._series

    def set_series(self, series: Sequence[Series], marks: Sequence[Mark] | None = None) -> None:
        """Show these curves from now on, and these marks (None: the ones that are there). Arrays are not copied."""
        self._series = tuple(series)
        if marks is not None:
            self.set_reactive(LineChart.marks, tuple(marks))
        self._invalidate()

    def watch_cursor(self) -> None:
        self._redraw_soon()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []

    @property
    def read_marks(self) -> list[Mark]:
        """The marks under the reading line."""
        return [] if self._chart is None or self.cursor is None else self._chart.marks_at(self.cursor)

    def action_move_cursor(self, columns: int) -> None:
        """Move the reading line by so many cells; the first press puts it at the right end."""
        if self._chart is not None:
            self.cursor = self._chart.moved(self.cursor, columns)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if not self._keeps_cursor or event.button:
            self._point_at(event)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._point_at(event)

    def _point_at(self, event: events.MouseEvent) -> None:
        offset = event.get_content_offset(self)
        if self._chart is not None and offset is not None:
            self.cursor = self._chart.x_at(offset.x)

    def on_leave(self) -> None:
        if not self._keeps_cursor:
            self.cursor = None

    def on_blur(self) -> None:
        if not self._keeps_cursor:
            self.cursor = None

    def action_lift_cursor(self) -> None:
        self.cursor = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is for others while there is no line to take away, and the keys of the window where there is none."""
        if action in ("zoom", "pan", "whole"):
            return self._zooms
        return action != "lift_cursor" or self.cursor is not None

    # The window

    def action_zoom(self, factor: float) -> None:
        """So many times as much of x in view, around the reading line, or to the left of the newest point."""
        if self._chart is not None:
            share = 1.0 if self.cursor is None else self._chart.plot.view.share_of(self.cursor)
            self._zoom(factor, min(max(share, 0.0), 1.0))

    def action_pan(self, by: float) -> None:
        """The window moves by a share of its width."""
        self._look_at(by, 1 + by)

    def action_whole(self) -> None:
        self.window = None

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1 / _WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, _WHEEL)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._pan_by_wheel(event, -0.1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._pan_by_wheel(event, 0.1)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        offset = event.get_content_offset(self)
        if not self._zooms or self._chart is None or offset is None:
            return
        event.stop()
        if (x := self._chart.x_at(offset.x)) is not None:
            self._zoom(factor, self._chart.plot.view.share_of(x))

    def _pan_by_wheel(self, event: events.MouseEvent, by: float) -> None:
        if self._zooms:
            event.stop()
            self.action_pan(by)

    def _zoom(self, factor: float, share: float) -> None:
        """What stands at `share` of the width stays where it is."""
        assert self._chart is not None
        shown = sum(int(trace.columns.count.sum()) for trace in self._chart.plot.traces)
        if factor > 1 or shown > _FEWEST_IN_VIEW:
            self._look_at(share - share * factor, share + (1 - share) * factor)

    def _look_at(self, left: float, right: float) -> None:
        """A window from one share of the present view to another, kept within the curves; all of them is no window."""
        ends = self._ends()
        if self._chart is None or ends is None:
            return
        view = View(ends, (0.0, 1.0), log_x=self.log_x)
        left, right = (view.share_of(self._chart.plot.view.x_at(share)) for share in (left, right))
        width = right - left
        if width >= 1:
            self.window = None
            return
        left = min(max(left, 0.0), 1 - width)
        self._follows = left + width > 1 - 1e-9
        self.window = view.x_at(left), view.x_at(left + width)

    def _ends(self) -> tuple[float, float] | None:
        """The first and the last x there is."""
        if self._x_range is not None:
            return self._x_range
        if not any(len(one.x) for one in self._series):
            return None
        return chart.whole_range(self._series, self.log_x)

    def _range_in_view(self) -> tuple[float, float] | None:
        ends = self._ends()
        if self.window is None or ends is None:
            return self._x_range
        first, last = self.window
        if self._follows and last < ends[1]:
            return (first * ends[1] / last, ends[1]) if self.log_x else (first + ends[1] - last, ends[1])
        return self.window

    # Drawing

    def _invalidate(self) -> None:
        """Draw anew with the next paint; until then keys and mouse go by what is on the screen."""
        self._stale = True
        self._redraw_soon()

    watch_log_y = watch_log_x = watch_y_range = watch_rug = watch_window = _invalidate
    watch_marks = watch_x_label = watch_y_label = watch_empty = _invalidate

    def _redraw_soon(self) -> None:
        """Once for all that changes now."""
        if self.is_mounted and not self._redraw_is_due:
            self._redraw_is_due = True
            self.call_later(self._redraw)

    def _redraw(self) -> None:
        """Draw, and ask Textual for the lines that changed: a point more changes few of them."""
        self._redraw_is_due = False
        before = self._strips
        if len(before) != self.size.height or self._drawn_size != self.size or not self.is_on_screen:
            self._strips = []
            self.refresh()
            return
        self._strips = self._draw()
        rows = [y for y, strips in enumerate(zip(before, self._strips, strict=False)) if strips[0] != strips[1]]
        if len(self._strips) != len(before):
            self.refresh()
        elif rows:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    def render_line(self, y: int) -> Strip:
        """A line of the chart; all of it is drawn when its first line is asked for."""
        if self._drawn_size != self.size:
            self._stale, self._strips, self._drawn_size = True, [], self.size
        if not self._strips:
            self._strips = self._draw()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        if not any(np.isfinite(one.y[-1:]).any() or np.isfinite(one.y).any() for one in self._series):
            self._chart = None
            return self._empty_strips()
        if self._chart is None or self._stale:
            self._stale = False
            self._chart = chart_frame.draw(
                self._series,
                width,
                height,
                Scaling(self._range_in_view(), self.y_range, self.log_y, self.log_x),
                marks=self.marks,
                x_label=clean(self.x_label),
                y_label=clean(self.y_label),
                ascii_glyphs=self._ascii,
                gutter=self._gutter,
                rug=self.rug,
                pyramids=self._kept_pyramids(),
            )
            self._gutter = self._chart.gutter or self._gutter
        styles: dict[tuple[str, bool], Style] = {}
        strips = []
        for spans in self._chart.lines(self.cursor):
            segments = []
            for text, role, read in spans:
                if (role, read) not in styles:
                    styles[role, read] = self._style_of(role, read)
                segments.append(Segment(text, styles[role, read]))
            strips.append(Strip(segments, width))
        return strips

    def _kept_pyramids(self) -> list[Pyramid]:
        """One a curve, by its place and name; those of curves that are gone go too."""
        names = [f"{number} {one.name}" for number, one in enumerate(self._series)]
        self._pyramids = {name: self._pyramids.get(name) or Pyramid() for name in names}
        return list(self._pyramids.values())

    def _empty_strips(self) -> list[Strip]:
        style = self._component_style("line-chart--empty")
        return [Strip([Segment(line, style)], self.size.width) for line in empty_lines(self.empty, *self.size)]

    def _style_of(self, role: str, read: bool) -> Style:
        kind, _, number = role.partition(" ")
        if number:
            color = self._series_color(int(number))
            if kind == "band":
                color = self.background_colors[1].blend(color, 0.45)
            style = Style(color=color.rich_color, bgcolor=self.background_colors[1].rich_color)
        else:
            style = self._component_style(f"line-chart--{role}")
        if read:
            style += Style(bgcolor=self._component_style("line-chart--cursor").bgcolor)
        return style

    def _series_color(self, number: int) -> Color:
        asked = self._series[number].colour
        if asked is not None:
            return Color.parse(asked)
        return self.get_component_styles(f"line-chart--series-{number % _SERIES_CLASSES + 1}").color

    def _component_style(self, name: str) -> Style:
        style = self.get_visual_style(name).rich_style
        return Style(color=style.color, bgcolor=style.bgcolor)
