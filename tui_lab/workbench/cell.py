"""One denoising, as far as it is drawn: its pictures and levels, in as much room as it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tui_lab.errors import DeviceError
from tui_lab.recipe.denoising import Denoising
from tui_lab.workbench.answers import DenoisedStep, Origin

Pixels = NDArray[np.uint8]
State = Literal["waiting", "drawing", "done", "stopped", "failed"]

_NOTHING: Pixels = np.empty((0, 0, 0, 0, 0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class Level:
    """Where in the denoising a step is: its number from 0, and the noise level that the model was asked at."""

    index: int
    timestep: float
    alpha: float
    sigma: float
    snr: float


class Cell:
    """`count` steps in all (0: not known yet), `drawn` of them made; `levels` and `pixels` are of those that are kept:
    every one, or where they would take too much room, evenly spaced ones and always the last."""

    def __init__(self, asked: Denoising) -> None:
        self.asked = asked
        self.resolved: Denoising | None = None
        self.origin: Origin | None = None
        self.word = ""
        """What a person may want to know while it is drawn."""
        self.state: State = "waiting"
        self.error = ""
        self.panes: tuple[str, ...] = ()
        self.count = self.drawn = 0
        self.rmse: float | None = None
        """Of a whole reconstruction of an inverted picture: how far it is from that, on the scale of [0, 1]."""
        self.at_once = 0
        """How many pictures the model was asked for at a time: fewer than all where the device's memory was full."""
        self.levels: list[Level] = []
        self._room = _NOTHING
        self._stride = 1

    @property
    def done(self) -> bool:
        """Whether all steps are there."""
        return self.state == "done"

    @property
    def progress(self) -> float:
        """In [0, 1]."""
        return self.drawn / self.count if self.count else 0.0

    @property
    def pixels(self) -> Pixels:
        """uint8 (kept steps, panes, B, H, W, C), as far as they are there; not copied."""
        return self._room[: len(self.levels)]

    @property
    def keeps(self) -> int:
        """Steps that are kept once it is whole; 0 before the first."""
        return len(self._room)

    @property
    def images(self) -> int:
        """Pictures in each step; 0 before the first."""
        return int(self._room.shape[2])

    @property
    def nbytes(self) -> int:
        """What its pictures take once they are all there."""
        return self._room.nbytes

    def pane(self, name: str, place: int) -> Pixels:
        """(B, H, W, C) of a kept step, by its place among them. ValueError: this cell has no such pane."""
        return self._room[: len(self.levels)][place, self.panes.index(name)]

    def rest(self, state: State, error: str = "") -> None:
        """Not drawn any further for now; a cell that waits begins anew, and needs no room until then."""
        self.state, self.error = state, error
        if state == "waiting":
            self.drawn, self.levels, self._room = 0, [], _NOTHING

    def begin(self, count: int, panes: tuple[str, ...], picture: Pixels, most: int) -> None:
        """Find room for `count` steps like `picture` (panes, B, H, W, C), or for evenly spaced ones, in `most` bytes.
        Raises DeviceError: not even for one."""
        if picture.nbytes > most:
            raise DeviceError(
                f"one step of this takes {picture.nbytes >> 20} MB, and a denoising may take {most >> 20}: "
                "ask for fewer images"
            )
        kept = min(count, most // picture.nbytes)
        self._stride = -(-count // kept)
        self.count, self.panes = count, panes
        self._room = np.empty((-(-count // self._stride), *picture.shape), np.uint8)

    def add(self, level: Level, picture: Pixels) -> None:
        """The next step."""
        self.drawn = level.index + 1
        if (self.count - 1 - level.index) % self._stride == 0:
            self._room[len(self.levels)] = picture
            self.levels.append(level)

    def hear(self, step: DenoisedStep, most: int) -> None:
        """The next step, and all that the workbench tells with it."""
        if not self.drawn:
            self.begin(step.count, step.panes, step.pixels, most)
        self.resolved, self.origin, self.word, self.at_once = step.denoising, step.origin, step.word, step.at_once
        self.rmse = step.rmse
        self.add(Level(step.index, step.timestep, step.alpha, step.sigma, step.snr), step.pixels)
