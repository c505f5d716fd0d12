"""What steers a denoising, as rows by section. Arrows choose and turn; what does nothing here is grey, and says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_lab.tui.control.form import ControlDraft
from tui_lab.tui.control.rows import Row
from tui_lab.tui.widgets.knob_list import elided

TITLE_WIDTH = 19


@dataclass(frozen=True, slots=True)
class _Line:
    """A row as it is drawn, or a section's name where there is no row."""

    text: str
    row: Row | None = None
    value: str = ""
    barred: str = ""
    steers: bool = False


class ControlList(ScrollView, can_focus=True):
    """Shows a ControlDraft. A row that is barred can be gone to, and cleared, but not turned."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, tooltip="The row above"),
        Binding("down", "move(1)", "Down", show=False, tooltip="The row below"),
        Binding("pageup", "move(-6)", "Up", show=False, tooltip="Six rows up"),
        Binding("pagedown", "move(6)", "Down", show=False, tooltip="Six rows down"),
        Binding("home", "move(-1000)", "First", show=False, tooltip="The first row"),
        Binding("end", "move(1000)", "Last", show=False, tooltip="The last row"),
        Binding("left,minus", "nudge(-1)", "Turn", key_display="←→", tooltip="Turn the chosen row down"),
        Binding("right,plus", "nudge(1)", "Turn up", show=False, tooltip="Turn the chosen row up"),
        Binding("enter", "set", "Set", tooltip="Type a value, or choose one, or go to where it is made"),
        Binding("delete,backspace", "clear", "Plain", show=False, tooltip="The chosen row as it is by itself"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "control-list--section",
        "control-list--title",
        "control-list--value",
        "control-list--steers",
        "control-list--barred",
        "control-list--chosen",
    }
    DEFAULT_CSS = """
    ControlList {
        height: 1fr;
        overflow-x: hidden;
        & .control-list--section { color: $secondary; }
        & .control-list--title { color: $foreground 80%; }
        & .control-list--value { color: $foreground; text-style: bold; }
        & .control-list--steers { color: $accent; text-style: bold; }
        & .control-list--barred { color: $foreground 38%; }
        & .control-list--chosen { background: $panel; }
        &:focus .control-list--chosen { background: $primary 30%; }
    }
    """

    class Chosen(Message):
        """Another row is under the cursor."""

    class Nudged(Message):
        """The person asked for the next value up or down."""

        def __init__(self, row: Row, by: int) -> None:
            self.row, self.by = row, by
            super().__init__()

    class SetAsked(Message):
        """The person wants to give a value."""

        def __init__(self, row: Row) -> None:
            self.row = row
            super().__init__()

    class Cleared(Message):
        """The person wants the row as it is by itself."""

        def __init__(self, row: Row) -> None:
            self.row = row
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[_Line] = []
        self._at = 0  # among the lines

    @property
    def chosen(self) -> Row | None:
        return self._lines[self._at].row if self._lines else None

    def show(self, draft: ControlDraft) -> None:
        """The rows anew; the cursor stays on its row."""
        lines: list[_Line] = []
        section = ""
        for row in draft.rows:
            if row.section != section:
                section = row.section
                lines.append(_Line(section))
            asked, subject = draft.asked, draft.subject
            value, barred, steers = row.value(asked, subject) or "–", row.barred(asked, subject), draft.steers(row)
            if barred and not steers:  # said once, for all rows below that it holds for too
                value = "–" if barred == lines[-1].barred else f"– {barred}"
            lines.append(_Line(row.title, row, value, barred, steers))
        first = not self._lines
        self._lines = lines
        if first:
            self._at = next(i for i, line in enumerate(lines) if line.row is not None and not line.barred)
        self.virtual_size = Size(self.size.width, len(lines))
        self._keep_in_sight()
        self.refresh()

    def go(self, key: str) -> None:
        """To the row of that key."""
        at = next((i for i, line in enumerate(self._lines) if line.row is not None and line.row.key == key), self._at)
        self._go(at)

    def _go(self, at: int) -> None:
        if at != self._at:
            self._at = at
            self._keep_in_sight()
            self.refresh()
            self.post_message(self.Chosen())

    def _keep_in_sight(self) -> None:
        if self.size.height and self._lines:
            above = 1 if self._at and self._lines[self._at - 1].row is None else 0
            self.scroll_to_region(Region(0, self._at - above, 1, 1 + above), animate=False, force=True)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._keep_in_sight()

    # Keys and the mouse

    def action_move(self, by: int) -> None:
        rows = [i for i, line in enumerate(self._lines) if line.row is not None]
        if rows:
            self._go(rows[max(0, min(len(rows) - 1, rows.index(self._at) + by))])

    def action_nudge(self, by: int) -> None:
        if self.chosen is not None:
            self.post_message(self.Nudged(self.chosen, by))

    def action_set(self) -> None:
        if self.chosen is not None:
            self.post_message(self.SetAsked(self.chosen))

    def action_clear(self) -> None:
        if self.chosen is not None:
            self.post_message(self.Cleared(self.chosen))

    def on_click(self, event: events.Click) -> None:
        at = event.y + self.scroll_offset.y
        if at < len(self._lines) and self._lines[at].row is not None:
            again = at == self._at
            self._go(at)
            if again and event.chain >= 2:
                self.action_set()

    # Drawing

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line, style = self._lines[at], self.get_component_rich_style
        if line.row is None:
            words = f"{line.text} "
            return Strip([Segment(words + "─" * max(0, width - len(words)), style("control-list--section"))]).crop(
                0, width
            )
        room = max(4, width - TITLE_WIDTH - 3)
        tone = "barred" if line.barred else "steers" if line.steers else "value"
        sign = "*" if line.steers else " "
        parts = [
            Segment(f"{sign} ", style("control-list--steers")),
            Segment(
                elided(line.text, TITLE_WIDTH - 1).ljust(TITLE_WIDTH),
                style("control-list--barred" if line.barred else "control-list--title"),
            ),
            Segment(set_cell_size(elided(line.value, room), room), style(f"control-list--{tone}")),
        ]
        strip = Strip(parts).adjust_cell_length(width, self.rich_style)
        if at != self._at:
            return strip
        shade = Style(bgcolor=self.get_visual_style("control-list--chosen").rich_style.bgcolor)
        return Strip([Segment(text, (own or self.rich_style) + shade) for text, own, _ in strip], width)
