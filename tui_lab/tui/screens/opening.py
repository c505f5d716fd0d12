"""The first picture of the lab: its frames, while what fills them is being imported."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Static

from tui_lab.tui.layouts import layout_for

FRAMES = (("dataset", "1 Dataset"), ("schedule", "2 Schedule"), ("loss", "3 Loss"), ("recipe", "4 Recipe"))


class OpeningScreen(Screen[None]):
    """Stands for a blink. Keys pressed meanwhile are kept in `typed`, for the lab."""

    DEFAULT_CSS = """
    OpeningScreen {
        & .bar { height: 1; background: $panel; color: $primary; text-style: bold; padding: 0 1; }
        & #panels > Vertical { border: round $border; border-title-color: $secondary; }
        &.-narrow #panels > Vertical, &.-tiny #panels > Vertical { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.typed: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static("diffusion-lab", classes="bar")
        with Container(id="panels"):
            for id, title in (*FRAMES, ("denoising", "5 Denoising")):
                frame = Vertical(id=id)
                frame.border_title = title
                yield frame
        yield Static("", classes="bar")

    def on_resize(self, event: events.Resize) -> None:
        self.set_classes(f"-{layout_for(event.size.width, event.size.height)}")

    def on_key(self, event: events.Key) -> None:
        self.typed.append(event.key)
