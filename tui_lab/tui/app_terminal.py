"""The terminal of a Textual app, as the pictures see it."""

from __future__ import annotations

from typing import Any

from textual.app import App

from tui_lab.tui.bandwidth import Line
from tui_lab.tui.driver import LineDriver
from tui_lab.tui.kitty_pictures import Terminal
from tui_lab.tui.widgets.pixel_view import PixelView


def terminal_of(app: App[Any], line: Line) -> Terminal | None:
    """None where there is no line to a terminal, so nobody who would answer."""
    driver = app._driver
    if not isinstance(driver, LineDriver) or not driver.input_tty:
        return None

    return Terminal(
        write=driver.write,
        ask=driver.ask,
        room=line.room,
        promise=line.promise,
        later=app.set_timer,
        say=lambda words: app.notify(words, title="Pictures", severity="warning", markup=False),
    )


def redraw_pictures(app: App[Any]) -> None:
    """Every one that is on a screen."""
    for screen in app.screen_stack:
        for view in screen.query(PixelView):
            view.refresh()
