"""What the five panels share: a frame with a number and a title, and a place to be focused."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget


class Panel(Vertical, can_focus=True):
    """A framed part of the lab. `number` is the digit that jumps to it, `tab` its name where there is room for one."""

    number: int
    title: str

    DEFAULT_CSS = """
    Panel {
        border: round $border;
        border-title-color: $secondary;
        border-subtitle-color: $secondary;
        padding: 0 1;
        &:focus, &:focus-within {
            border: round $primary;
            border-title-color: $primary;
            border-title-style: bold;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__(id=self.panel_id())
        self.border_title = f"{self.number} {self.title}"

    @classmethod
    def panel_id(cls) -> str:
        """ "dataset" of DatasetPanel."""
        return cls.__name__.removesuffix("Panel").lower()

    @property
    def focus_target(self) -> Widget:
        """What takes the keys when a person comes to this panel."""
        return self
