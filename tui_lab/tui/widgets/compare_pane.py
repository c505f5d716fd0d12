"""One of the denoisings that are compared: its letter and what is its own, its pictures, where it stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui_lab.tui.widgets.pixel_view import PixelView


class ComparePane(Vertical):
    """Keeps the pictures that it has until others come: what is turned does not flicker."""

    DEFAULT_CSS = """
    ComparePane {
        border: round $border; border-title-color: $foreground; border-subtitle-color: $secondary; padding: 0 1;
        &.-chosen { border: round $primary; border-title-style: bold; border-title-color: $primary; }
        & Static { height: 1fr; content-align: center middle; text-align: center; color: $secondary; display: none; }
        &.-without-pictures Static { display: block; }
        &.-without-pictures PixelView { display: none; }
    }
    """

    class Chosen(Message):
        """It was clicked."""

        def __init__(self, pane: ComparePane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, letter: str) -> None:
        super().__init__(id=f"pane-{letter.lower()}", classes="-without-pictures")
        self.letter = letter

    def compose(self) -> ComposeResult:
        yield PixelView(align="center")
        yield Static()

    @property
    def view(self) -> PixelView:
        return self.query_one(PixelView)

    def name_it(self, own: str, other_noise: bool, chosen: bool) -> None:
        """`own` is what the others have not; a pane that begins at other noise says so by a sign."""
        sign = Content.styled("  ≠ other noise", "$accent bold") if other_noise else Content("")
        self.border_title = Content.assemble((self.letter, "bold"), f"  {own}", sign)
        self.set_class(chosen, "-chosen")

    def show(self, pictures: NDArray[np.uint8], where: str) -> None:
        """(B, H, W, C), and where in the denoising they stand."""
        self.set_class(False, "-without-pictures")
        self.view.show(pictures)
        self.border_subtitle = Content(where)

    def wait(self, words: str, keep: bool = True) -> None:
        """Nothing to show yet, or with `keep` false nothing at all: pictures of before stay as long as they may."""
        if keep and not self.has_class("-without-pictures"):
            self.border_subtitle = Content(words)
            return
        self.set_class(True, "-without-pictures")
        self.border_subtitle = ""
        self.query_one(Static).update(Content(words), layout=False)

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self))
