"""How pictures are drawn in this terminal: what was asked for, and what came of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Mapping
from typing import Any

from textual.app import App

from tui_lab.tui.cell_rows import CellKind
from tui_lab.tui.kitty_pictures import KittyPictures, Terminal
from tui_lab.tui.picture_probe import PROBE_SECONDS, Answers, Choice, choose, likely_protocol, question
from tui_lab.tui.pixels import CellSize
from tui_lab.tui.terminal import PictureMode, asked_pictures, plain_cells
from tui_lab.tui.terminal_replies import KittyReply, Reply

_CELLS = {
    PictureMode.HALF: CellKind.HALF,
    PictureMode.QUADRANT: CellKind.QUADRANT,
    PictureMode.SEXTANT: CellKind.SEXTANT,
    PictureMode.ASCII: CellKind.ASCII,
}


class Pictures:
    """The one of the app. Full pixels are for pictures that rest; frames that follow one another are `cells`."""

    def __init__(
        self,
        environ: Mapping[str, str],
        remembered: str = "auto",
        terminal: Terminal | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called when all pictures are to be drawn anew."""
        self._environ = environ
        self._terminal = terminal
        self._changed = changed
        self._answers: Answers | None = None
        self._is_asking = False
        self.kitty = KittyPictures(terminal, environ, self._fail)
        self._measured: CellSize | None = None
        self.asked, self.asked_by = asked_pictures(environ, remembered)
        self.choice = choose(self.asked, self.asked_by, environ, None)
        self.epoch = 0
        """Grows whenever what was drawn no longer stands."""

    @property
    def cells(self) -> CellKind:
        return _CELLS.get(self.choice.mode, CellKind.HALF)

    @property
    def full(self) -> CellSize | None:
        """Pixels of a cell where pictures are drawn in full pixels."""
        return self._cell_size if self.choice.mode not in _CELLS else None

    @property
    def room(self) -> Callable[[], int] | None:
        """How many bytes the line to the terminal has room for now."""
        return self._terminal.room if self._terminal is not None else None

    def promise(self, size: int) -> None:
        """So many bytes of a picture come with the next write."""
        if self._terminal is not None:
            self._terminal.promise(size)

    @property
    def _cell_size(self) -> CellSize | None:
        told = self._answers.cell if self._answers is not None else None
        return self._measured or told or (_USUAL_CELL if self.choice.mode is PictureMode.KITTY else None)

    # Choosing

    def begin(self) -> None:
        """Ask the terminal, where something says that it has full pixels."""
        self._measured = measured_cell()
        unsure = self.asked is PictureMode.AUTO and likely_protocol(self._environ) is not None
        if unsure or self.asked in (PictureMode.KITTY, PictureMode.SIXEL):
            self._ask()

    def ask(self, mode: PictureMode) -> None:
        """From the palette: it holds for this session, whatever the environment says."""
        self.asked, self.asked_by = mode, "the lab's palette"
        self._settle(choose(mode, self.asked_by, self._environ, self._answers))
        if self._answers is None:
            self.begin()
        else:
            self._tell_of_a_refusal()

    def resized(self) -> None:
        """The terminal has another size, and its font perhaps, too."""
        measured = measured_cell()
        if measured != self._measured:
            self._measured = measured
            self._settle(self.choice)

    def resumed(self) -> None:
        """After the program was suspended, when the terminal was told to forget."""
        self._settle(self.choice)

    def _ask(self) -> None:
        if self._terminal is None or self._is_asking:
            return
        self._answers, self._is_asking = Answers(), True
        self._terminal.ask(question(self._environ))
        self._terminal.later(PROBE_SECONDS, self._conclude)

    def take(self, reply: Reply) -> None:
        """What the terminal said. After the time for answers it changes nothing."""
        if isinstance(reply, KittyReply) and self.kitty.take(reply):
            return
        if self._is_asking and self._answers is not None:
            self._answers.take(reply)
            if self._answers.are_all:
                self._conclude()

    def _conclude(self) -> None:
        if not self._is_asking or self._answers is None:
            return
        self._is_asking = False
        if self._measured is not None and self._answers.cell is None:
            self._answers.cell = self._measured
        self._settle(choose(self.asked, self.asked_by, self._environ, self._answers))
        self._tell_of_a_refusal()

    def _tell_of_a_refusal(self) -> None:
        if self._terminal is not None and self.choice.mode is not self.asked is not PictureMode.AUTO:
            self._terminal.say(f"{self.choice.mode.title}: {self.choice.why}")

    def _fail(self, why: str) -> None:
        """The terminal confirmed pictures and does not show them."""
        plain = plain_cells(self._environ)
        self._settle(Choice(plain, why))
        if self._terminal is not None:
            self._terminal.say(f"{plain.title} instead of full pixels: {why}")

    def _settle(self, choice: Choice) -> None:
        self.choice = choice
        self.epoch += 1
        self._changed()


_USUAL_CELL = CellSize(10, 20)
"""Of a terminal that does not say: kitty's protocol fits a picture to its cells, whatever their size."""


def measured_cell() -> CellSize | None:
    """Pixels of a cell as the terminal told the system, if it did."""
    with contextlib.suppress(OSError, ValueError):
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
        if rows and columns and width // columns and height // rows:
            return CellSize(width // columns, height // rows)
    return None


def pictures_of(app: App[Any]) -> Pictures:
    """The app's, or what the environment says where the app has none."""
    found = getattr(app, "pictures", None)
    return found if isinstance(found, Pictures) else Pictures(os.environ)
