"""What was left out of the data, and why: one line a file, however many there are."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_lab.data import Rejected
from tui_lab.sanitize import clean
from tui_lab.tui.widgets.knob_list import elided

NONE = "Nothing was left out: every picture of this set can be used."


class LeftOut(ScrollView, can_focus=True):
    """Draws only the lines in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Up", show=False),
        Binding("down", "scroll_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home", "scroll_home", "First", show=False),
        Binding("end", "scroll_end", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"left-out--path", "left-out--reason"}
    DEFAULT_CSS = """
    LeftOut {
        height: 1fr;
        overflow-x: hidden;
        & .left-out--path { color: $foreground; }
        & .left-out--reason { color: $warning; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rejected: tuple[Rejected, ...] = ()

    def show(self, rejected: tuple[Rejected, ...]) -> None:
        self._rejected = rejected
        self._measure()

    def on_resize(self) -> None:
        self._measure()

    def _measure(self) -> None:
        self.virtual_size = Size(self.size.width, max(1, len(self._rejected)))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        row, width = y + self.scroll_offset.y, self.size.width
        path, reason = (self.get_component_rich_style(f"left-out--{part}") for part in ("path", "reason"))
        if not self._rejected:
            return Strip([Segment(NONE if row == 0 else "", path)]).adjust_cell_length(width, self.rich_style)
        if row >= len(self._rejected):
            return Strip.blank(width, self.rich_style)
        entry, room = self._rejected[row], max(12, width // 2)
        parts = [
            Segment(elided(clean(entry.path), room - 2).ljust(room), path),
            Segment(elided(clean(entry.reason), width - room), reason),
        ]
        return Strip(parts).adjust_cell_length(width, self.rich_style)
