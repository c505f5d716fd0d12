"""The table of runs. Only the lines in sight are drawn, so that hundreds of runs are as quick as ten."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_lab.runs.status import Status
from tui_lab.sanitize import clean
from tui_lab.tui.widgets.header import SIGNS


class Column(NamedTuple):
    """`name` is what runs are sorted by ("" where they cannot be); `rank`: the lowest give way first."""

    name: str
    title: str
    width: int
    rank: int
    right: bool = False


MARK = Column("", "", 1, 99)
DISK = Column("disk", "disk", 8, 92, right=True)
COLUMNS = (
    MARK,
    Column("run", "run", 18, 99),
    Column("status", "status", 11, 98),
    Column("step", "step", 11, 97, right=True),
    Column("loss", "loss", 8, 96, right=True),
    Column("recipe", "recipe", 16, 95),
    DISK,
    Column("parent", "fork of", 18, 94),
    Column("begun", "begun", 12, 93),
    Column("speed", "it/s", 7, 91, right=True),
    Column("device", "device", 8, 90),
    Column("heard", "last heard", 12, 89),
)
GAP = 2


@dataclass(frozen=True, slots=True)
class Row:
    """`depth` in its family; `size` in bytes, None while it is not known; `colour` where it is marked."""

    status: Status
    depth: int = 0
    size: int | None = None
    colour: str = ""


class RunTable(ScrollView, can_focus=True):
    """Shows rows in the order given. Sorting, marking and opening are asked of its owner."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Run", show=False, tooltip="The run above"),
        Binding("down,j", "move(1)", "Run", show=False, tooltip="The run below"),
        Binding("pageup", "move(-10)", "Ten up", show=False),
        Binding("pagedown", "move(10)", "Ten down", show=False),
        Binding("home", "move(-1000000)", "First run", show=False),
        Binding("end", "move(1000000)", "Last run", show=False),
        Binding("left", "sort_by(-1)", "Sort by", show=False, tooltip="Sort by the column to the left"),
        Binding("right", "sort_by(1)", "Sort by", show=False, tooltip="Sort by the column to the right"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-table--head",
        "run-table--sorted",
        "run-table--quiet",
        "run-table--chosen",
    }
    DEFAULT_CSS = """
    RunTable {
        height: 1fr;
        overflow-x: hidden;
        background: $background;
        & .run-table--head { color: $secondary; background: $surface; }
        & .run-table--sorted { color: $primary; background: $surface; text-style: bold; }
        & .run-table--quiet { color: $secondary; }
        & .run-table--chosen { background: $panel; }
        &:focus .run-table--chosen { background: $primary 30%; }
    }
    """

    class SortAsked(Message):
        """By this column; by the same again: the other way round."""

        def __init__(self, by: str) -> None:
            super().__init__()
            self.by = by

    class OpenAsked(Message):
        """A second click on the chosen run."""

    chosen: reactive[str] = reactive("", repaint=False)
    """The run under the cursor, "" where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self._at: Mapping[str, int] = {}
        self._sort, self._reverse = "begun", False

    def show(self, rows: Sequence[Row], sort: str, reverse: bool) -> None:
        """From now on these rows; the cursor stays on its run, or takes the place of one that is gone."""
        before = self._at.get(self.chosen, 0)
        self._rows = list(rows)
        self._at = {row.status.run: at for at, row in enumerate(self._rows)}
        self._sort, self._reverse = sort, reverse
        if self.chosen not in self._at:
            self.chosen = self._rows[min(before, len(self._rows) - 1)].status.run if self._rows else ""
        self._measure()
        self.refresh()

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    def _measure(self) -> None:
        self.virtual_size = Size(self._room, len(self._rows) + 1)

    def on_resize(self) -> None:
        self._measure()
        self._show_chosen()

    def watch_chosen(self) -> None:
        self._show_chosen()
        self.refresh()

    def _show_chosen(self) -> None:
        at = self._at.get(self.chosen)
        if at is not None and self.size.height > 1:
            top = round(self.scroll_offset.y)
            if at < top:
                self.scroll_to(y=at, animate=False)
            elif at > top + self.size.height - 2:
                self.scroll_to(y=at - self.size.height + 2, animate=False)

    def action_move(self, by: int) -> None:
        if self._rows:
            at = min(max(self._at.get(self.chosen, 0) + by, 0), len(self._rows) - 1)
            self.chosen = self._rows[at].status.run

    def action_sort_by(self, by: int) -> None:
        names = [column.name for column in self._columns() if column.name]
        at = names.index(self._sort) if self._sort in names else 0
        self.post_message(self.SortAsked(names[(at + by) % len(names)]))

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            column = self._column_at(event.x)
            if column is not None and column.name:
                self.post_message(self.SortAsked(column.name))
            return
        at = event.y - 1 + round(self.scroll_offset.y)
        if 0 <= at < len(self._rows):
            run = self._rows[at].status.run
            if run == self.chosen and event.chain > 1:
                self.post_message(self.OpenAsked())
            self.chosen = run

    @property
    def _room(self) -> int:
        """Cells of a line, beside the scrollbar."""
        return self.scrollable_content_region.width

    def _columns(self) -> list[Column]:
        """Those that there is room for; the run's name takes what is left."""
        shown = list(COLUMNS)
        while len(shown) > 2 and sum(column.width + GAP for column in shown) - GAP > self._room:
            shown.remove(min(shown, key=lambda column: column.rank))
        return shown

    def _name_width(self, columns: Sequence[Column]) -> int:
        left = self._room - sum(column.width + GAP for column in columns) + GAP
        return max(8, min(44, COLUMNS[1].width + left))

    def _column_at(self, x: int) -> Column | None:
        start, columns = 0, self._columns()
        for column in columns:
            width = self._name_width(columns) if column.name == "run" else column.width
            if start <= x < start + width + GAP:
                return column
            start += width + GAP
        return None

    def render_line(self, y: int) -> Strip:
        """The first line is the head, whatever is scrolled."""
        if y == 0:
            return self._head()
        at = y - 1 + round(self.scroll_offset.y)
        ground = self.rich_style
        if not 0 <= at < len(self._rows):
            return Strip.blank(self._room, ground)
        row = self._rows[at]
        if row.status.run == self.chosen:
            ground += Style(bgcolor=self.get_component_rich_style("run-table--chosen").bgcolor)
        quiet = Style(color=self.get_component_rich_style("run-table--quiet").color)
        columns = self._columns()
        segments = []
        for column in columns:
            width = self._name_width(columns) if column.name == "run" else column.width
            text, style = self._cell(column, row, quiet)
            segments.append(Segment(_fit(text, width, column.right) + " " * GAP, ground + style))
        return Strip(segments).adjust_cell_length(self._room, ground)

    def _head(self) -> Strip:
        head = self.get_component_rich_style("run-table--head")
        columns, segments = self._columns(), []
        for column in columns:
            width = self._name_width(columns) if column.name == "run" else column.width
            by = column.name and column.name == self._sort
            arrow = (" ▲" if self._reverse else " ▼") if by else ""
            style = self.get_component_rich_style("run-table--sorted") if by else head
            segments.append(Segment(_fit(column.title + arrow, width, column.right) + " " * GAP, style))
        return Strip(segments).adjust_cell_length(self._room, head)

    def _cell(self, column: Column, row: Row, quiet: Style) -> tuple[str, Style]:
        status, plain = row.status, Style()
        if column is MARK:
            return ("■", Style(color=Color.parse(row.colour).rich_color)) if row.colour else (" ", plain)
        if column is DISK:
            return ("…" if row.size is None else megabytes(row.size)), quiet
        match column.name:
            case "run":
                branch = f"{'  ' * (row.depth - 1)}└ " if row.depth else ""
                colour = Style(color=Color.parse(row.colour).rich_color) if row.colour else plain
                return branch + clean(status.run, 64), colour + Style(bold=True)
            case "status":
                sign, colour_name = SIGNS[status.name]
                colour_of = Color.parse(self.app.theme_variables[colour_name.removeprefix("$")])
                return f"{sign} {status.name}", Style(color=colour_of.rich_color)
            case "step":
                return f"{status.step}/{status.max_train_steps}" if status.max_train_steps else f"{status.step}", plain
            case "loss":
                return ("" if status.loss is None else f"{status.loss:.4f}"), plain
            case "recipe":
                return clean(status.recipe, 64), plain
            case "parent":
                return (clean(f"{status.parent}@{status.parent_step}", 80) if status.parent else ""), quiet
            case "begun":
                return _when(status.created), quiet
            case "speed":
                fast = status.steps_per_second
                return (f"{fast:.1f}" if fast and status.alive else ""), plain
            case "device":
                return clean(status.device, 12), quiet
            case _:
                return _when(status.updated), quiet


def megabytes(size: float) -> str:
    """ "0.4 MB", "213 MB", "1.2 GB"."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def _when(time: float) -> str:
    return datetime.datetime.fromtimestamp(time).strftime("%d %b %H:%M")


def _fit(text: str, width: int, right: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1) + "…"
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap
