"""The row of panel names that a narrow terminal shows one panel at a time by."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class PanelTabs(Widget):
    """One line: "1 Dataset  2 Schedule  3 Loss …". A click on a name asks for its panel."""

    DEFAULT_CSS = """
    PanelTabs { height: 1; display: none; padding: 0 1; background: $surface; }
    """

    active: reactive[str] = reactive("")

    class Asked(Message):
        """A tab was clicked."""

        def __init__(self, panel: str) -> None:
            self.panel = panel
            super().__init__()

    def __init__(self, tabs: list[tuple[int, str, str]]) -> None:
        """`tabs`: (number, title, id of the panel)."""
        super().__init__()
        self._tabs = sorted(tabs)

    def render(self) -> Content:
        return Content("").join(
            Content.styled(f" {number} {title} ", "$background on $primary bold" if id == self.active else "$secondary")
            for number, title, id in self._tabs
        )

    def on_click(self, event: events.Click) -> None:
        end = self.styles.padding.left
        for number, title, id in self._tabs:
            end += len(f" {number} {title} ")
            if event.x < end:
                self.post_message(self.Asked(id))
                return
