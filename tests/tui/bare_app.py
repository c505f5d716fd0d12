"""An app without the lab, for screens that need no more of it than its line and its theme."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from textual.app import App

from tui_lab.tui.bandwidth import Line
from tui_lab.tui.theme import DARK


class BareApp(App[None]):
    """`notes` are what it was told to say."""

    CSS_PATH = "../../tui_lab/tui/lab.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.left_behind: list[NDArray[np.uint8]] = []
        self.register_theme(DARK)
        self.theme = DARK.name

    @property
    def notes(self) -> str:
        return "\n".join(note.message for note in self._notifications)
