"""The lab's app around one panel of pictures, for the tests of full pixels: `python -m tests.tui.pixel_app`.

n: the next picture · d: a dialog · p: the pictures as the palette's ASCII · h: hide them · q: leave
The last line says which keys came, and how pictures are drawn. PIXEL_APP_PATIENCE: seconds for a terminal to answer
the probe, and for its word on a picture.
"""

from __future__ import annotations

import os

import numpy as np
from textual import events, work
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui_lab.tui import kitty_pictures, picture_mode
from tui_lab.tui.app import LabApp
from tui_lab.tui.terminal import PictureMode
from tui_lab.tui.widgets.pixel_view import PixelView

SIDE = 16


def picture(number: int) -> np.ndarray:
    """Sixteen colours in squares of four pixels, other ones for each number."""
    colours = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    return colours.repeat(4, axis=0).repeat(4, axis=1)


class Dialog(ModalScreen[None]):
    CSS = "Dialog { align: left top; } Static { width: 12; height: 2; }"
    BINDINGS = [("escape", "dismiss")]

    def compose(self) -> ComposeResult:
        yield Static("a dialog")


class Only(Screen[None]):
    CSS = "PixelView { width: 24; height: 10; } #said { height: 2; dock: bottom; }"

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.keys = ""
        self.said = ""

    def compose(self) -> ComposeResult:
        yield PixelView()
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        self.query_one(PixelView).show(picture(0))
        self.set_interval(0.05, self.say)

    def say(self) -> None:
        assert isinstance(self.app, LabApp) and self.app.pictures is not None
        choice = self.app.pictures.choice
        said = f"keys [{self.keys}] {choice.mode.value}: {choice.why}"
        if said != self.said:
            self.said = said
            self.query_one("#said", Static).update(said)

    def on_key(self, event: events.Key) -> None:
        self.keys += event.character if event.is_printable and event.character else f"<{event.key}>"
        view = self.query_one(PixelView)
        if event.key == "n":
            self.number += 1
            view.show(picture(self.number))
        elif event.key == "d":
            self.app.push_screen(Dialog())
        elif event.key == "p":
            assert isinstance(self.app, LabApp)
            self.app._draw_pictures(PictureMode.ASCII)
        elif event.key == "h":
            view.display = not view.display
        elif event.key == "q":
            self.app.exit()


class PixelApp(LabApp):
    CSS_PATH = None

    @work
    async def _open(self) -> None:
        self._begin_pictures()
        await self.push_screen(Only())


if __name__ == "__main__":
    picture_mode.PROBE_SECONDS, kitty_pictures.CONFIRMED_SECONDS = map(float, os.environ["PIXEL_APP_PATIENCE"].split())
    PixelApp().run()
