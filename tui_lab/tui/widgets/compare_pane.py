"""One of the denoisings that are compared: its letter, what is its own, where it stands, and its pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui_lab.tui.widgets.knob_list import elided
from tui_lab.tui.widgets.pixel_view import PixelView

LEAST_NAME = 16
"""Cells of the line that a pane's name keeps, however much there is to say of where it stands."""


class ComparePane(Vertical):
    """Keeps the pictures that it has until others come: what is turned does not flicker."""

    DEFAULT_CSS = """
    ComparePane {
        & .pane-head { height: 1; text-wrap: nowrap; }
        & .pane-words {
            height: 1fr; content-align: center middle; text-align: center; color: $secondary; display: none;
        }
        &.-without-pictures .pane-words { display: block; }
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
        self._own, self._other_noise, self._chosen = "", False, False
        self._where: tuple[str, ...] = ()
        self.pictures: NDArray[np.uint8] | None = None
        """Those that stand there."""

    def compose(self) -> ComposeResult:
        yield Static(classes="pane-head")
        yield PixelView(align="center")
        yield Static(classes="pane-words")

    @property
    def view(self) -> PixelView:
        return self.query_one(PixelView)

    @property
    def head(self) -> str:
        """Its line as it is read."""
        return str(self.query_one(".pane-head", Static).visual)

    def name_it(self, own: str, other_noise: bool, chosen: bool) -> None:
        """`own` is what the others have not; a pane that begins at other noise than the first says so by a sign."""
        self._own, self._other_noise, self._chosen = own, other_noise, chosen
        self._say()

    def show(self, pictures: NDArray[np.uint8], where: Sequence[str]) -> None:
        """(B, H, W, C), and where in the denoising they stand, what matters most first."""
        self.set_class(False, "-without-pictures")
        self.pictures = pictures
        self.view.show(pictures)
        self._where = tuple(where)
        self._say()

    def wait(self, words: str, keep: bool = True) -> None:
        """Nothing to show yet, or with `keep` false nothing at all: pictures of before stay as long as they may."""
        if keep and not self.has_class("-without-pictures"):
            self._where = (words,)
        else:
            self.set_class(True, "-without-pictures")
            self._where, self.pictures = (), None
            self.query_one(".pane-words", Static).update(Content(words), layout=False)
        self._say()

    def _say(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        width = self.size.width
        sign = " ≠ noise " if self._other_noise else ""
        room = width - len(self.letter) - len(sign) - 5
        where = ""
        for part in self._where:
            longer = f"{where}  {part}" if where else part
            if len(longer) + min(LEAST_NAME, len(self._own)) + 4 > room:
                break
            where = longer
        own = elided(self._own, max(1, room - len(where) - (3 if where else 0)))
        rule = "$primary" if self._chosen else "$border"
        name = "$primary bold" if self._chosen else "$foreground bold"
        fill = width - len(self.letter) - len(sign) - len(own) - 5 - (len(where) + 2 if where else 0)
        self.query_one(".pane-head", Static).update(
            Content.assemble(
                ("━ " if self._chosen else "─ ", rule),
                (self.letter, name),
                (sign or " ", "$accent bold"),
                (f" {own} ", "$primary" if self._chosen else "$foreground"),
                (("━" if self._chosen else "─") * max(0, fill + (1 if sign else 0)), rule),
                (f" {where} " if where else "", "$secondary"),
            ),
            layout=False,
        )

    def on_resize(self) -> None:
        self._say()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self))
