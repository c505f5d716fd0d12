"""What the workbench answers, as its client hands it on. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui_lab.pictures.origin import Origin
from tui_lab.recipe.denoising import Denoising


@dataclass(frozen=True, slots=True)
class Device:
    """`name` is what `training.device` takes; memory in bytes; `threads` of the CPU alone; `speed`: what a run of the
    default recipe would do there to be fast."""

    name: str
    title: str
    free: int | None
    total: int | None
    threads: int | None
    speed: list[str]


@dataclass(frozen=True, slots=True)
class Probe:
    """What an update took, measured. `peak_bytes` only on CUDA."""

    seconds_per_step: float
    peak_bytes: int | None
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class OneBatch:
    """The course's five steps: `rows` uint8 (5, B, H, W, C) are clean, noise, noisy, predicted x_0, and its error as
    grey, white where it is as large as can be.

    `timesteps` are what the model is told (EDM: ln σ / 4), rising; `losses` are unweighted. `weights`: fresh, base, ema
    or live, of the run's `step`."""

    timesteps: tuple[float, ...]
    losses: tuple[float, ...]
    rows: NDArray[np.uint8]
    weights: str
    step: int | None


@dataclass(frozen=True, slots=True, eq=False)
class DenoisedStep:
    """One step of `denoising`, which says all knobs and the checkpoint that it was drawn with.

    `pixels`: uint8 (P, B, H, W, C), one picture for each of the `panes`; `alpha`, `sigma` and `snr` of the level at
    `timestep`, which the model was asked about; `at_once`: how many pictures went through the model together, fewer
    than all where the memory was full; `word`: what a person may want to know meanwhile, mostly ""; `rmse`: where a
    picture was inverted, at the end, how far it is from itself drawn again, on the scale of [0, 1].
    """

    denoising: Denoising
    origin: Origin
    index: int
    count: int
    timestep: float
    alpha: float
    sigma: float
    snr: float
    panes: tuple[str, ...]
    pixels: NDArray[np.uint8]
    at_once: int
    word: str
    rmse: float | None = None

    @property
    def final(self) -> bool:
        return self.index == self.count - 1

    def pane(self, name: str) -> NDArray[np.uint8]:
        """(B, H, W, C)."""
        found: NDArray[np.uint8] = self.pixels[self.panes.index(name)]
        return found
